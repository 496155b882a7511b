import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, FastCheck as fc, Queue, Redacted, Scope } from "effect"
import { Bodies } from "../../../src/http/chat/Bodies.ts"
import * as RawHttp from "../../support/RawHttp.ts"
import * as TestBackend from "../../support/TestBackend.ts"
import * as TestGateway from "../../support/TestGateway.ts"

const MEBIBYTE = 1024 * 1024
const settings = { bodyLimitMb: 1, bodiesLimitMb: 2, bodiesPerKeyMb: 1.25 }
const limits = { ...settings, isOpen: () => false }
const json = (megabytes: number) => `"${"x".repeat(Math.floor(megabytes * MEBIBYTE) - 2)}"`

/** A request whose body comes as the test feeds it. */
const fed = (key: string | undefined, declared?: number) => {
  let feed: ReadableStreamDefaultController<Uint8Array> | undefined
  const body = new ReadableStream<Uint8Array>({
    start: (controller) => {
      feed = controller
    }
  })
  const headers: Record<string, string> = { "content-type": "application/json" }
  if (key !== undefined) headers["authorization"] = `Bearer ${key}`
  if (declared !== undefined) headers["content-length"] = String(declared)
  const init = { method: "POST", headers, body, duplex: "half" }
  const request = HttpServerRequest.fromWeb(new Request("http://localhost/", init))
  return {
    request,
    feed: (text: string) => Effect.sync(() => feed?.enqueue(new TextEncoder().encode(text))),
    end: Effect.sync(() => feed?.close()),
    fail: Effect.sync(() => feed?.error(new Error("reset")))
  }
}

const sent = (key: string | undefined, text: string) => {
  const { end, feed, request } = fed(key)
  return Effect.as(Effect.zipRight(feed(text), end), request)
}

/** Reads a whole body in a scope that stays open. */
const reading = (bodies: typeof Bodies.Service, key: string | undefined, megabytes: number) =>
  Effect.gen(function* () {
    const scope = yield* Scope.make()
    const request = yield* sent(key, json(megabytes))
    const exit = yield* Effect.exit(Scope.extend(bodies.json(request), scope))
    return { exit, close: Scope.close(scope, Exit.void) }
  })

const chunked = (key: string, first: string) =>
  "POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n" +
  `authorization: Bearer ${key}\r\ntransfer-encoding: chunked\r\n\r\n${chunk(first)}`
const chunk = (text: string) => `${text.length.toString(16)}\r\n${text}\r\n`

const conversation = (megabytes: number) => ({
  model: "auto",
  messages: [{ role: "user", content: "x".repeat(megabytes * MEBIBYTE) }]
})

describe("bodies", () => {
  it.effect("of one key take no more than its share, and those of all no more than the whole", () =>
    Effect.gen(function* () {
      const bodies = Bodies.make(limits)
      const a = yield* reading(bodies, "sk-a", 0.9)
      assert.isTrue(Exit.isSuccess(a.exit))
      const refused = yield* Effect.flip((yield* reading(bodies, "sk-a", 0.9)).exit)
      assert.deepInclude(refused, { _tag: "Overloaded", reason: "bodies" })
      const b = yield* reading(bodies, "sk-b", 0.9)
      assert.isTrue(Exit.isSuccess(b.exit))
      const c = yield* reading(bodies, "sk-c", 0.9)
      assert.isTrue(Exit.isFailure(c.exit))
      assert.isAtMost(bodies.held(), 2 * MEBIBYTE)
      yield* a.close
      assert.isTrue(Exit.isSuccess((yield* reading(bodies, "sk-c", 0.9)).exit))
    })
  )

  it.effect("that are small pass, whatever is held", () =>
    Effect.gen(function* () {
      const bodies = Bodies.make({ ...limits, bodiesLimitMb: 1, bodiesPerKeyMb: 1 })
      assert.isTrue(Exit.isSuccess((yield* reading(bodies, "sk-a", 0.99)).exit))
      assert.isTrue(Exit.isFailure((yield* reading(bodies, "sk-b", 0.9)).exit))
      for (const key of ["sk-a", "sk-b", "sk-c"]) {
        assert.isTrue(Exit.isSuccess((yield* reading(bodies, key, 1 / 16)).exit))
      }
    })
  )

  it.effect("of callers without a key count as one caller's, whatever they send as a key", () =>
    Effect.gen(function* () {
      const bodies = Bodies.make({ ...limits, isOpen: () => true })
      assert.isTrue(Exit.isSuccess((yield* reading(bodies, "one", 0.9)).exit))
      assert.isTrue(Exit.isFailure((yield* reading(bodies, "another", 0.9)).exit))
      assert.isTrue(Exit.isFailure((yield* reading(bodies, undefined, 0.9)).exit))
    })
  )

  it.effect("are refused by their declared size when it does not fit, and hold nothing by declaring it", () =>
    Effect.gen(function* () {
      const bodies = Bodies.make(limits)
      const scope = yield* Scope.make()
      const waiting: Array<Fiber.RuntimeFiber<unknown, unknown>> = []
      for (let i = 0; i < 20; i++) {
        const { request } = fed("sk-a", MEBIBYTE)
        waiting.push(yield* Effect.fork(Scope.extend(bodies.json(request), scope)))
      }
      yield* Effect.yieldNow()
      assert.strictEqual(bodies.held(), 0)
      assert.isTrue(Exit.isSuccess((yield* reading(bodies, "sk-a", 0.9)).exit))
      const late = fed("sk-a", MEBIBYTE)
      yield* late.end
      const refused = yield* Effect.flip(Scope.extend(bodies.json(late.request), scope))
      assert.strictEqual(refused._tag, "Overloaded")
      yield* Fiber.interruptAll(waiting)
      yield* Scope.close(scope, Exit.void)
    })
  )

  it.effect("leave nothing in the books, however each of them ends", () =>
    Effect.promise(() =>
      fc.assert(
        fc.asyncProperty(
          fc.array(
            fc.record({
              key: fc.constantFrom("sk-a", "sk-b", undefined),
              pieces: fc.array(fc.integer({ min: 1, max: 500_000 }), { maxLength: 5 }),
              ending: fc.constantFrom("end", "malformed", "reset", "interrupt", "nothing")
            }),
            { maxLength: 8 }
          ),
          (requests) =>
            Effect.runPromise(
              Effect.gen(function* () {
                const bodies = Bodies.make(limits)
                const one = ({ ending, key, pieces }: (typeof requests)[number]) =>
                  Effect.scoped(
                    Effect.gen(function* () {
                      const { end, fail, feed, request } = fed(key)
                      const fiber = yield* Effect.fork(bodies.json(request))
                      if (ending === "end") yield* feed('"')
                      for (const piece of pieces) {
                        yield* feed("x".repeat(piece))
                        yield* Effect.yieldNow()
                        assert.isAtMost(bodies.held(), 2 * MEBIBYTE)
                      }
                      if (ending === "end") yield* feed('"')
                      if (ending === "reset") yield* fail
                      else if (ending === "interrupt") yield* Effect.fork(Fiber.interrupt(fiber))
                      else if (ending !== "nothing") yield* end
                      if (ending !== "nothing") yield* Fiber.await(fiber)
                      // Its scope closes while it reads.
                      else yield* Effect.forkDaemon(Fiber.interrupt(fiber))
                    })
                  )
                yield* Effect.forEach(requests, one, { concurrency: "unbounded" })
                assert.strictEqual(bodies.held(), 0)
              })
            )
        ),
        { numRuns: 60 }
      )
    )
  )

  it.scopedLive("are a 429 in the words of each dialect, with a time to come again; a small request passes", () =>
    Effect.gen(function* () {
      const scripted = TestBackend.make(TestBackend.silent)
      const { drained, port, request } = yield* TestGateway.serve(scripted, { ...limits, bodiesLimitMb: 1.25 })
      const post = (path: string, body: unknown, signal?: AbortSignal) =>
        request(path, {
          method: "POST",
          headers: { "content-type": "application/json", authorization: "Bearer sk-a" },
          body: JSON.stringify(body),
          ...(signal === undefined ? {} : { signal })
        })
      const first = yield* RawHttp.connect(port)
      yield* first.send(RawHttp.post(conversation(0.9), { authorization: "Bearer sk-a" }))
      // It runs: its body has been read, and counts on.
      yield* Queue.take(scripted.turns)
      const openai = yield* post("/v1/chat/completions", conversation(0.9))
      assert.deepInclude(openai.json.error, { type: "rate_limit_error", code: "backpressure" })
      assert.strictEqual(openai.status, 429)
      assert.match(openai.headers.get("retry-after") ?? "", /^[1-5]$/)
      const anthropic = yield* post("/v1/messages", { ...conversation(0.9), max_tokens: 9 })
      assert.strictEqual(anthropic.status, 529)
      assert.deepInclude(anthropic.json.error, { type: "overloaded_error" })
      const second = yield* RawHttp.connect(port)
      yield* second.send(RawHttp.post(conversation(0.05), { authorization: "Bearer sk-a" }))
      yield* Queue.take(scripted.turns)
      yield* Effect.sync(() => [first, second].map(({ socket }) => socket.destroy()))
      yield* drained
      const third = yield* RawHttp.connect(port)
      yield* third.send(RawHttp.post(conversation(0.9), { authorization: "Bearer sk-a" }))
      yield* Queue.take(scripted.turns)
    })
  )

  it.scopedLive("that never end are given back when their sockets are reset", () =>
    Effect.gen(function* () {
      const apiKeys = ["sk-a", "sk-b"].map((key) => Redacted.make(key))
      const { port, request } = yield* TestGateway.serve(TestBackend.make(), { ...settings, apiKeys })
      const held = Effect.map(request("/metrics", { headers: { authorization: "Bearer sk-a" } }), ({ text }) =>
        Number(/^gateway_body_bytes (\d+)/m.exec(text)?.[1])
      )
      let seen = 0
      const look = Effect.tap(held, (bytes) => Effect.sync(() => (seen = bytes)))
      const waitFor = (test: (bytes: number) => boolean) =>
        Effect.repeat(look, { until: test }).pipe(Effect.timeout("5 seconds"), Effect.orDie)
      const peers = yield* Effect.forEach(["sk-a", "sk-b"], (key) =>
        Effect.tap(RawHttp.connect(port), (peer) => peer.send(chunked(key, "x".repeat(0.7 * MEBIBYTE))))
      )
      yield* waitFor((bytes) => bytes > MEBIBYTE)
      const third = yield* RawHttp.connect(port)
      yield* third.send(chunked("sk-a", "x".repeat(0.7 * MEBIBYTE)))
      assert.match(yield* third.until("backpressure"), /^HTTP\/1.1 429 /)
      yield* Effect.sync(() => peers.map(({ socket }) => socket.resetAndDestroy()))
      yield* waitFor((bytes) => bytes === 0)
      assert.strictEqual(seen, 0)
    })
  )
})
