import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Fiber, Queue, Schedule } from "effect"
import { finish, textDelta } from "../../../src/domain/Chat.ts"
import * as RawHttp from "../../support/RawHttp.ts"
import * as TestBackend from "../../support/TestBackend.ts"
import * as TestGateway from "../../support/TestGateway.ts"

const hello = { model: "auto", messages: [{ role: "user", content: "hi" }] }
const streamed = { ...hello, stream: true }
const get = (path: string) => `GET ${path} HTTP/1.1\r\nhost: localhost\r\n\r\n`

describe("a drain", () => {
  it.scopedLive("lets running requests finish, rejects new ones on open connections, and closes idle connections", () =>
    Effect.gen(function* () {
      const scripted = TestBackend.make(TestBackend.silent)
      const { close, lines, port } = yield* TestGateway.serve(scripted)
      const running = yield* RawHttp.connect(port)
      const idle = yield* RawHttp.connect(port)
      const busy = yield* RawHttp.connect(port)
      yield* running.send(RawHttp.post(streamed))
      const turn = yield* Queue.take(scripted.turns)
      turn.emit(textDelta("one"))
      yield* running.until(`"content":"one"`)
      yield* idle.send(get("/healthz"))
      yield* idle.until("pool_size")
      // Half a request keeps this connection from being idle.
      yield* busy.send("GET /v1/models HTTP/1.1\r\n")
      const closing = yield* Effect.fork(close)
      yield* idle.closed
      yield* busy.send("host: localhost\r\n\r\n")
      const refused = yield* busy.closed
      assert.match(refused, /^HTTP\/1.1 503 /)
      assert.match(refused, /connection: close/i)
      assert.match(refused, /retry-after: 1\r/i)
      assert.include(refused, `"code":"shutting_down"`)
      turn.emit(textDelta("two"))
      turn.emit(finish("stop"))
      assert.include(yield* running.closed, "data: [DONE]\n\n")
      yield* Fiber.join(closing)
      assert.deepStrictEqual(scripted.counts, { opened: 1, closed: 1, cancelled: 0 })
      assert.strictEqual(lines.find(({ message }) => message === "server drained")?.annotations["how"], "drained")
    })
  )

  it.scopedLive("is not ready for the delay before it, and serves whatever a balancer still sends", () =>
    Effect.gen(function* () {
      const scripted = TestBackend.make()
      const { chat, close, lines, request } = yield* TestGateway.serve(scripted, { drainDelay: Duration.seconds(2) })
      assert.strictEqual((yield* request("/readyz")).status, 200)
      const closing = yield* Effect.fork(close)
      yield* Effect.sync(() => lines.some(({ message }) => message === "server leaving")).pipe(
        Effect.repeat({ until: (isTold) => isTold, schedule: Schedule.spaced("5 millis") })
      )
      const asked = yield* request("/readyz")
      assert.strictEqual(asked.status, 503)
      const answered = yield* chat(hello)
      assert.deepStrictEqual([answered.status, answered.headers.get("connection")], [200, "keep-alive"])
      assert.isFalse(lines.some(({ message }) => message === "server draining"))
      yield* Fiber.join(closing)
      assert.strictEqual(lines.at(-1)?.annotations["how"], "drained")
    })
  )

  it.scopedLive("sends an error to requests still running at the time limit, and closes their connections", () =>
    Effect.gen(function* () {
      const scripted = TestBackend.make(TestBackend.silent)
      const { close, lines, port } = yield* TestGateway.serve(scripted, { drainTimeout: Duration.millis(100) })
      const stream = yield* RawHttp.connect(port)
      yield* stream.send(RawHttp.post(streamed))
      const turn = yield* Queue.take(scripted.turns)
      turn.emit(textDelta("one"))
      const whole = yield* RawHttp.connect(port)
      yield* whole.send(RawHttp.post(hello))
      yield* Queue.take(scripted.turns)
      const early = yield* RawHttp.connect(port)
      yield* early.send(RawHttp.post(streamed))
      yield* Queue.take(scripted.turns)
      yield* stream.until(`"content":"one"`)
      const [time] = yield* Effect.timed(close)
      assert.isBelow(Duration.toMillis(time), 1500)
      assert.match(yield* stream.closed, /data: \{"error":\{[^}]*"code":"shutting_down"\}\}\n\n\r\n0\r\n\r\n$/)
      for (const peer of [whole, early]) {
        const answer = yield* peer.closed
        assert.match(answer, /^HTTP\/1.1 503 /)
        assert.include(answer, `"code":"shutting_down"`)
      }
      assert.deepStrictEqual(scripted.counts, { opened: 3, closed: 3, cancelled: 3 })
      assert.strictEqual(lines.find(({ message }) => message === "server drained")?.annotations["how"], "forced")
    })
  )

  it.scopedLive("does not wait for connections that were never used, such as preconnects", () =>
    Effect.gen(function* () {
      const { close, lines, port, request } = yield* TestGateway.serve(TestBackend.make())
      const unused = yield* RawHttp.connect(port)
      yield* request("/healthz")
      yield* close
      assert.strictEqual(yield* unused.closed, "")
      assert.strictEqual(lines.find(({ message }) => message === "server drained")?.annotations["how"], "drained")
    })
  )

  it.scopedLive("reports alive but not ready", () =>
    Effect.gen(function* () {
      const scripted = TestBackend.make(TestBackend.silent)
      const { close, port } = yield* TestGateway.serve(scripted)
      const running = yield* RawHttp.connect(port)
      yield* running.send(RawHttp.post(hello))
      const turn = yield* Queue.take(scripted.turns)
      const probes = [yield* RawHttp.connect(port), yield* RawHttp.connect(port)] as const
      yield* probes[0].send("GET /readyz HTTP/1.1\r\n")
      yield* probes[1].send("GET /healthz HTTP/1.1\r\n")
      const idle = yield* RawHttp.connect(port)
      yield* idle.send(get("/"))
      yield* idle.until("docs")
      const closing = yield* Effect.fork(close)
      yield* idle.closed
      for (const probe of probes) yield* probe.send("host: localhost\r\n\r\n")
      assert.match(
        yield* probes[0].closed,
        /^HTTP\/1.1 503 [\s\S]*\{"ok":false,"reason":"the gateway is shutting down"\}/
      )
      assert.match(yield* probes[1].closed, /^HTTP\/1.1 200 /)
      turn.emit(textDelta("Yes"))
      turn.emit(finish("stop"))
      assert.match(yield* running.closed, /^HTTP\/1.1 200 [\s\S]*"finish_reason":"stop"/)
      yield* Fiber.join(closing)
    })
  )

  it.scopedLive("answers new connections until it is complete", () =>
    Effect.gen(function* () {
      const scripted = TestBackend.make(TestBackend.silent)
      const { close, port } = yield* TestGateway.serve(scripted)
      const running = yield* RawHttp.connect(port)
      yield* running.send(RawHttp.post(streamed))
      const turn = yield* Queue.take(scripted.turns)
      turn.emit(textDelta("one"))
      yield* running.until(`"content":"one"`)
      const idle = yield* RawHttp.connect(port)
      yield* idle.send(get("/"))
      yield* idle.until("docs")
      const closing = yield* Effect.fork(close)
      yield* idle.closed
      const probe = yield* RawHttp.connect(port)
      yield* probe.send(get("/readyz"))
      assert.match(yield* probe.closed, /^HTTP\/1.1 503 /)
      const late = yield* RawHttp.connect(port)
      yield* late.send(RawHttp.post(hello))
      const refused = yield* late.closed
      assert.match(refused, /^HTTP\/1.1 503 /)
      assert.match(refused, /connection: close/i)
      assert.include(refused, `"code":"shutting_down"`)
      turn.emit(finish("stop"))
      assert.include(yield* running.closed, "data: [DONE]\n\n")
      yield* Fiber.join(closing)
      assert.strictEqual((yield* Effect.exit(RawHttp.connect(port)))._tag, "Failure")
    })
  )
})
