/**
 * What HAProxy, with the file of `deploy/`, makes of a host that takes no chats though its checks are fine: one that is full, one that
 * drains without a delay; and of one that is cut off the network, of HAProxy and of the database, under streams.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Schedule } from "effect"
import * as Postgres from "../support/Postgres.ts"
import * as Proxy from "../support/Proxy.ts"
import * as SilentProxy from "../support/SilentProxy.ts"
import * as Hosts from "./hosts.ts"
import { chat, eventually, inFlight, type Program } from "./support.ts"

const addressOf = (url: string) => new URL(url).host

const notWhole = (answers: ReadonlyArray<Hosts.Answer>) => answers.filter(({ end }) => end !== "whole")

/** How many chats a host has refused so that they go to another. */
const repeated = ({ stdout }: Program) => stdout().split('"status":425').length - 1

/** Runs on that host alone, past HAProxy, until the scope closes. */
const held = (program: Program) =>
  Effect.gen(function* () {
    const abort = yield* Effect.acquireRelease(
      Effect.sync(() => new AbortController()),
      (controller) => Effect.sync(() => controller.abort())
    )
    const headers = { "content-type": "application/json" }
    const response = yield* chat(
      program,
      "[[emu tokens=100000 interval=100 first=0]]",
      { stream: true },
      { headers, signal: abort.signal }
    )
    // Nothing of it is read; one that nothing leads to is cancelled when it is collected.
    yield* Effect.addFinalizer(() => Effect.promise(async () => response.body?.cancel().catch(() => {})))
    return abort
  })

/** Until so many chats run there: a slot is free some time after its chat's last byte. */
const running = (program: Program, count: number) =>
  inFlight(program).pipe(
    Effect.repeat({ until: (now) => now === count, schedule: Schedule.spaced("10 millis") }),
    Effect.timeout("10 seconds")
  )

/** Short chats, each of another session, a few at once. */
const chats = (base: string, name: string, count: number) =>
  Effect.forEach(
    Array.from({ length: count }, (_, n) => `${name}-${n}`),
    (mark) => Effect.promise(() => Hosts.ask(base, { mark, session: mark, tokens: 3, interval: 5 })),
    { concurrency: 4 }
  )

const assertOnce = (programs: ReadonlyArray<Program>, answers: ReadonlyArray<Hosts.Answer>) => {
  const turns = Hosts.turns(programs)
  assert.isEmpty([...turns].filter(([, times]) => times > 1))
  for (const { end, mark, notStarted } of answers) {
    if (end === "whole") assert.strictEqual(turns.get(mark), 1, mark)
    if (notStarted) assert.isUndefined(turns.get(mark), mark)
  }
}

if (Proxy.find("haproxy") === undefined) {
  it("WAS NOT RUN: HAProxy is not installed", () => assert.isUndefined(Proxy.find("haproxy")))
} else {
  describe("a host that takes no chats", () => {
    it.scopedLive(
      "has them go to another while one has room, full or draining; its refusal is told only when none has, and none runs twice",
      () =>
        Effect.gen(function* () {
          const [a, b] = yield* Effect.all([
            Hosts.host("a", { GATEWAY_MAX_IN_FLIGHT: "1", GATEWAY_QUEUE_MAX: "0", GATEWAY_DRAIN_TIMEOUT_SEC: "20" }),
            Hosts.host("b", { GATEWAY_MAX_IN_FLIGHT: "8", GATEWAY_QUEUE_MAX: "0" })
          ])
          const [programA, programB] = yield* Effect.all([a.start, b.start], { concurrency: 2 })
          const programs = [programA, programB]
          const status = yield* Proxy.freePort
          const servers = { a: `127.0.0.1:${a.port}`, b: `127.0.0.1:${b.port}`, c: "127.0.0.1:1" }
          const { base } = yield* Proxy.run(Proxy.haproxy({ servers, status }), "")
          yield* Hosts.seen(status, { a: /^UP/, b: /^UP/, c: /^DOWN/ })
          yield* Effect.all([held(programA), held(programB)])

          // One is full.
          const whileFull = yield* chats(base, "full", 60)
          assert.deepStrictEqual(notWhole(whileFull), [])
          assert.deepStrictEqual([...new Set(whileFull.map(({ host }) => host))], ["b"])
          yield* eventually(() => repeated(programA) > 10 || undefined, "refusals that were repeated")

          // What HAProxy does not hold whole goes to one host, and its refusal to the client.
          const large = yield* Effect.forEach(
            Array.from({ length: 20 }, (_, n) => `large-${n}`),
            (session) =>
              Effect.flatMap(
                chat(
                  { base },
                  `[[emu tokens=3 interval=0]] ${"x".repeat(100_000)}`,
                  {},
                  { headers: { "content-type": "application/json", "x-session-id": session } }
                ),
                (response) => Effect.promise(async () => ({ response, body: await response.text() }))
              )
          )
          for (const { body, response } of large) {
            assert.include([200, 429], response.status)
            assert.strictEqual(response.headers.get("x-not-started"), response.status === 429 ? "true" : null)
            assert.isNull(response.headers.get("x-not-started-status"))
            if (response.status === 429) assert.include(body, '"code":"backpressure"')
          }
          assert.isAbove(large.filter(({ response }) => response.status === 429).length, 2)

          // All are full.
          yield* running(programB, 1)
          const others = yield* Effect.all(Array.from({ length: 7 }, () => held(programB)))
          yield* running(programB, 8)
          const none = yield* chats(base, "none", 10)
          assert.deepStrictEqual(
            none.map(({ end, notStarted, status }) => [end, status, notStarted]),
            none.map(() => ["refused", 429, true])
          )
          for (const other of others) other.abort()
          yield* running(programB, 1)
          const again = yield* Effect.repeat(chats(base, `again-${Math.random()}`, 1), {
            until: (answers) => notWhole(answers).length === 0
          }).pipe(Effect.timeout("10 seconds"))

          // One drains, with nothing that tells HAProxy before.
          const before = repeated(programA)
          programA.child.kill("SIGTERM")
          const draining = yield* chats(base, "draining", 60)
          assert.deepStrictEqual(notWhole(draining), [])
          yield* eventually(() => repeated(programA) > before || undefined, "refusals of one that drains")
          assertOnce(programs, [...whileFull, ...none, ...again, ...draining])
          for (const { child } of programs) child.kill("SIGKILL")
        }),
      120_000
    )

    it.scopedLive("is asked no more by a key that has reached its limit, where HAProxy holds the limits", () =>
      Effect.gen(function* () {
        const a = yield* Hosts.host("a", {})
        yield* a.start
        const servers = { a: `127.0.0.1:${a.port}`, b: "127.0.0.1:1", c: "127.0.0.1:1" }
        const status = yield* Proxy.freePort
        const { base } = yield* Proxy.run(Proxy.haproxy({ servers, status, limits: true }), "")
        // One that is marked down takes the requests along that were just being connected to it.
        yield* Hosts.seen(status, { a: /^UP/, b: /^DOWN/, c: /^DOWN/ })
        const asked = (key: string) =>
          Effect.promise(async () => {
            const answer = await fetch(`${base}/v1/models`, { headers: { authorization: `Bearer ${key}` } })
            return { status: answer.status, body: await answer.text(), after: answer.headers.get("retry-after") }
          })
        const one = yield* Effect.forEach(Array.from({ length: 61 }), () => asked("one"))
        assert.isTrue(one.slice(0, 60).every(({ status }) => status === 200))
        assert.deepInclude(one[60], { status: 429, after: "10" })
        assert.include(one[60]?.body, '"code":"rate_limit_exceeded"')
        assert.strictEqual((yield* asked("two")).status, 200)
      })
    )

    it.scopedLive(
      "is passed by when it is cut off the network, with the database that all share: its streams break, no others, and none runs twice",
      () =>
        Effect.gen(function* () {
          const postgres = yield* Postgres.make
          const DATABASE_URL = yield* postgres.database("cut")
          const wire = yield* SilentProxy.make(DATABASE_URL)
          const [a, b] = yield* Effect.all([
            Hosts.host("a", { DATABASE_URL }),
            Hosts.host("b", { DATABASE_URL: wire.url })
          ])
          const line = yield* SilentProxy.make(`http://127.0.0.1:${b.port}`)
          const programs = yield* Effect.all([a.start, b.start], { concurrency: 2 })
          const status = yield* Proxy.freePort
          const servers = { a: `127.0.0.1:${a.port}`, b: addressOf(line.url), c: "127.0.0.1:1" }
          const { base } = yield* Proxy.run(Proxy.haproxy({ servers, status }), "")
          yield* Hosts.seen(status, { a: /^UP/, b: /^UP/, c: /^DOWN/ })

          const streams = yield* Hosts.streams(base, "cut", 100, 200)
          const places = streams.places()
          const during = Hosts.trickle(base, "beside")
          yield* Effect.all([line.silence, wire.silence])
          yield* Hosts.seen(status, { b: /^DOWN/ })
          const after = yield* chats(base, "after", 20)
          const beside = yield* during
          const answers = yield* streams.answers
          const there = answers.filter(({ mark }) => places.get(mark) === "b")
          assert.isAbove(there.length, 10)
          assert.isTrue(there.every(({ end }) => end === "broken"))
          assert.isEmpty(notWhole(answers.filter(({ mark }) => places.get(mark) !== "b")))
          assert.isEmpty(notWhole(after))
          // Those that it was sent before it was known: told, and not sent again.
          assert.isAtMost(notWhole(beside).length, 8)
          assert.isEmpty(notWhole(beside).filter(({ notStarted }) => notStarted))

          yield* Effect.all([line.resume, wire.resume])
          yield* Hosts.seen(status, { b: /^UP/ })
          const back = yield* chats(base, "back", 40)
          assert.isEmpty(notWhole(back))
          assert.isTrue(back.some(({ host }) => host === "b"))
          assertOnce(programs, [...answers, ...beside, ...after, ...back])
          for (const { child } of programs) child.kill("SIGKILL")
        }),
      150_000
    )
  })
}
