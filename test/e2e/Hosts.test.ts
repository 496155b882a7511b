/**
 * HAProxy with the file of `deploy/`, PostgreSQL, and gateways with their emulated Lingmas: what clients see when hosts are killed,
 * drained, stopped and started under 200 streams, and when the database goes away. What ran is counted where it ran.
 */
import { connect } from "node:http2"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Postgres from "../support/Postgres.ts"
import * as Proxy from "../support/Proxy.ts"
import * as Hosts from "./hosts.ts"
import type { Program } from "./support.ts"

const STREAMS = 200
const SESSIONS = 120

const tally = (answers: ReadonlyArray<Hosts.Answer>) => {
  const ends: Record<string, number> = {}
  for (const { end, status } of answers) {
    const name = end === "refused" ? `refused ${status}` : end
    ends[name] = (ends[name] ?? 0) + 1
  }
  return ends
}

const json = (url: string, body?: object) =>
  Effect.promise(async () => {
    const headers = { "content-type": "application/json", "x-session-id": String(Math.random()) }
    const answer = await fetch(
      url,
      body === undefined ? { headers } : { method: "POST", headers, body: JSON.stringify(body) }
    )
    const { id } = (await answer.json()) as { readonly id?: string }
    return { status: answer.status, id: id ?? "", host: answer.headers.get("x-served-by") ?? "" }
  })

const overHttp2 = (port: number) =>
  Effect.async<{ readonly status: number; readonly body: string }, Error>((resume) => {
    const session = connect(`https://127.0.0.1:${port}`, { rejectUnauthorized: false })
    session.on("error", (error) => resume(Effect.fail(error)))
    const stream = session.request({
      ":method": "POST",
      ":path": "/v1/chat/completions",
      "content-type": "application/json"
    })
    let status = 0
    let body = ""
    stream.on("response", (headers) => {
      status = Number(headers[":status"])
    })
    stream.setEncoding("utf8").on("data", (part: string) => {
      body += part
    })
    stream.on("end", () => {
      session.close()
      resume(Effect.succeed({ status, body }))
    })
    const messages = [{ role: "user", content: "[[emu tokens=3 interval=0]]" }]
    stream.end(JSON.stringify({ model: "auto", stream: true, messages }))
  })

interface View {
  readonly host: string
  readonly hosts: ReadonlyArray<{ readonly id: string; readonly ready: boolean; readonly away: boolean }>
  readonly warnings: ReadonlyArray<{ readonly code: string; readonly hosts: ReadonlyArray<string> }>
}

const signal = ({ child, exited }: Program, name: NodeJS.Signals) =>
  Effect.promise(() => {
    child.kill(name)
    return name === "SIGKILL" ? exited : Promise.resolve(null)
  })

/** Those of one host, and the others. */
const split = (answers: ReadonlyArray<Hosts.Answer>, places: ReadonlyMap<string, string>, name: string) => ({
  there: answers.filter(({ mark }) => places.get(mark) === name),
  elsewhere: answers.filter(({ mark }) => places.get(mark) !== name)
})

if (Proxy.find("haproxy") === undefined) {
  it("WAS NOT RUN: HAProxy is not installed", () => assert.isUndefined(Proxy.find("haproxy")))
} else {
  describe("gateways on many hosts", () => {
    it.scopedLive(
      "are killed, drained, stopped and joined under 200 streams: nothing runs twice, nothing is lost in a drain, whoever is cut is told",
      () =>
        Effect.gen(function* () {
          const postgres = yield* Postgres.make
          const DATABASE_URL = yield* postgres.database("hosts")
          const env = { DATABASE_URL, GATEWAY_DRAIN_DELAY_SEC: "3" }
          const [a, b, c, d] = yield* Effect.all([
            Hosts.host("a", { ...env, LINGMA_EMULATOR_ACCOUNT: "alice" }),
            Hosts.host("b", { ...env, LINGMA_EMULATOR_ACCOUNT: "bob" }),
            Hosts.host("c", { ...env, LINGMA_EMULATOR_ACCOUNT: "carol" }),
            Hosts.host("d", { ...env, LINGMA_EMULATOR_ACCOUNT: "carol" })
          ])
          const [programA, programB, programC] = yield* Effect.all([a.start, b.start, c.start], { concurrency: 3 })
          const programs = [programA, programB, programC]
          const status = yield* Proxy.freePort
          const tls = yield* Proxy.freePort
          const servers = Object.fromEntries([a, b, c, d].map(({ name, port }) => [name, `127.0.0.1:${port}`]))
          const { base } = yield* Proxy.run(Proxy.haproxy({ servers, status, tls }), "")
          const seen = (wanted: Readonly<Record<string, RegExp>>) => Hosts.seen(status, wanted)
          yield* seen({ a: /^UP/, b: /^UP/, c: /^UP/, d: /^DOWN/ })

          const secure = yield* overHttp2(tls)
          assert.strictEqual(secure.status, 200)
          assert.isTrue(secure.body.endsWith("data: [DONE]\n\n"))
          const before = yield* Hosts.placesOf(base, SESSIONS)
          assert.strictEqual(new Set(before.values()).size, 3)

          // One is killed, one is drained, new chats come all the time.
          const first = yield* Hosts.streams(base, "first", STREAMS, 120)
          const during = Hosts.trickle(base, "during")
          const places = first.places()
          yield* signal(programA, "SIGKILL")
          yield* signal(programB, "SIGTERM")
          const firstAnswers = yield* first.answers
          yield* Effect.promise(() => programB.exited).pipe(Effect.timeout("20 seconds"))
          const duringAnswers = yield* during
          const killed = split(firstAnswers, places, "a")
          assert.isAbove(killed.there.length, 20)
          assert.deepStrictEqual(tally(killed.there), { broken: killed.there.length })
          assert.isAbove(killed.elsewhere.filter(({ host }) => host === "b").length, 20)
          assert.deepStrictEqual(tally(killed.elsewhere), { whole: killed.elsewhere.length })
          // At most those few that ran on the one that was killed, just then.
          const lost = duringAnswers.filter(({ end }) => end !== "whole")
          assert.isAbove(duringAnswers.length, 50)
          assert.isAtMost(lost.length, 4, JSON.stringify(lost))
          assert.isEmpty(lost.filter(({ host }) => host === "b"))

          // The one that was killed comes back, and a new one joins.
          programs.push(...(yield* Effect.all([a.start, d.start], { concurrency: 2 })))
          yield* seen({ a: /^UP/, b: /^DOWN/, c: /^UP/, d: /^UP/ })
          const after = yield* Hosts.placesOf(base, SESSIONS)
          const settled = [...before].filter(([, host]) => host !== "b")
          const moved = settled.filter(([session, host]) => ![host, "d"].includes(after.get(session) ?? ""))
          assert.isAtMost(moved.length, settled.length / 100, JSON.stringify(moved.map(([session]) => session)))
          assert.isAbove([...after.values()].filter((host) => host === "d").length, 10)

          const view = `http://127.0.0.1:${c.port}/internal/hosts`
          // Those that have begun just now say so with their next word.
          const told = yield* Effect.promise(async () => (await (await fetch(view)).json()) as View).pipe(
            Effect.zipLeft(Effect.sleep("200 millis")),
            Effect.repeat({ until: ({ hosts }) => hosts.every(({ ready }) => ready) }),
            Effect.timeout("20 seconds")
          )
          assert.strictEqual(told.host, "c")
          assert.deepStrictEqual(
            told.hosts.map(({ away, id }) => [id, away]),
            [
              ["a", false],
              ["c", false],
              ["d", false]
            ]
          )
          assert.deepStrictEqual(
            told.warnings.map(({ code, hosts }) => [code, ...hosts]),
            [["account_twice", "c", "d"]]
          )

          // The database goes away: chats run, and ids find the host that has them in memory.
          yield* postgres.kill
          const second = yield* Hosts.streams(base, "second", STREAMS, 130)
          const asked = { model: "auto", input: "[[emu interval=0 tokens=3]]" }
          const made = yield* json(`${base}/v1/responses`, asked)
          assert.match(made.id, new RegExp(`^resp_${made.host}_`))
          const read = yield* json(`${base}/v1/responses/${made.id}`)
          const next = yield* json(`${base}/v1/responses`, { ...asked, previous_response_id: made.id })
          const talk = yield* json(`${base}/v1/conversations`, {})
          const said = yield* json(`${base}/v1/responses`, { ...asked, conversation: { id: talk.id } })
          for (const one of [made, read, next]) assert.deepStrictEqual([one.status, one.host], [200, made.host])
          for (const one of [talk, said]) assert.deepStrictEqual([one.status, one.host], [200, talk.host])
          assert.strictEqual((yield* json(`${base}/v1/responses/resp_nobody_00`)).status, 404)
          const unread = yield* Effect.promise(async () => (await (await fetch(view)).json()) as View)
          assert.deepStrictEqual(
            unread.warnings.map(({ code }) => code),
            ["database_away", "account_twice"]
          )
          assert.strictEqual(unread.hosts.length, 3)

          // One stands still, with the streams that it has; the database comes back meanwhile.
          const beside = Hosts.trickle(base, "beside")
          const secondPlaces = second.places()
          yield* signal(programC, "SIGSTOP")
          yield* seen({ c: /^DOWN/ })
          yield* postgres.start
          const secondAnswers = yield* second.answers
          yield* signal(programC, "SIGCONT")
          yield* seen({ c: /^UP/ })
          const besideAnswers = yield* beside
          const stopped = split(secondAnswers, secondPlaces, "c")
          assert.isAbove(stopped.there.length, 20)
          assert.deepStrictEqual(tally(stopped.there), { broken: stopped.there.length })
          assert.deepStrictEqual(tally(stopped.elsewhere), { whole: stopped.elsewhere.length })
          // A chat that it had been sent, and did not answer, is told so and not sent again.
          assert.isEmpty(besideAnswers.filter(({ end, notStarted }) => end !== "whole" && notStarted))
          assert.isAtMost(
            besideAnswers.filter(({ end }) => end !== "whole").length,
            8,
            JSON.stringify(tally(besideAnswers))
          )

          const answers = [...firstAnswers, ...secondAnswers, ...duringAnswers, ...besideAnswers]
          assert.isEmpty(answers.filter(({ end }) => end === "silent"))
          const turns = Hosts.turns(programs)
          assert.isEmpty([...turns].filter(([, times]) => times > 1))
          for (const { end, mark, notStarted } of answers) {
            if (end === "whole") assert.strictEqual(turns.get(mark), 1, mark)
            if (notStarted) assert.isUndefined(turns.get(mark), mark)
          }
          // Without their drains, one after the other.
          yield* Effect.all(
            programs.map((program) => signal(program, "SIGKILL")),
            { concurrency: "unbounded" }
          )
          yield* Effect.logInfo("hosts", {
            ...{ chats: answers.length, moved: moved.length, settled: settled.length },
            ...{ first: tally(firstAnswers), during: tally(duringAnswers) },
            ...{ second: tally(secondAnswers), beside: tally(besideAnswers) }
          })
        }),
      180_000
    )
  })
}
