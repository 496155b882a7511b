import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Queue } from "effect"
import { finish, textDelta, toolCall } from "../../../src/domain/Chat.ts"
import { BackendFailure } from "../../../src/domain/ChatError.ts"
import * as RawHttp from "../../support/RawHttp.ts"
import * as TestBackend from "../../support/TestBackend.ts"
import * as TestGateway from "../../support/TestGateway.ts"

const hello = { model: "auto", messages: [{ role: "user", content: "hi" }] }
const streamed = { ...hello, stream: true }
const failure = new BackendFailure({ instance: "inst-0", started: true, detail: "secret" })

const leave = (how: "FIN" | "RST", peer: RawHttp.RawSocket) =>
  Effect.sync(() => (how === "FIN" ? peer.socket.destroy() : peer.socket.resetAndDestroy()))

const count = (text: string, part: string) => text.split(part).length - 1

for (const how of ["FIN", "RST"] as const) {
  describe(`a client that leaves by ${how}`, () => {
    for (const [name, body] of [
      ["a stream", streamed],
      ["a whole answer", hello]
    ] as const) {
      it.scopedLive(`before the first token of ${name}`, () =>
        Effect.gen(function* () {
          const scripted = TestBackend.make(TestBackend.silent)
          const { drained, guard, port } = yield* TestGateway.serve(scripted)
          const peer = yield* RawHttp.connect(port)
          yield* peer.send(RawHttp.post(body))
          yield* Queue.take(scripted.turns)
          yield* leave(how, peer)
          yield* drained
          assert.deepStrictEqual(scripted.counts, { opened: 1, closed: 1, cancelled: 1 })
          assert.strictEqual((yield* guard.stats).cancelled, 1)
          assert.strictEqual(peer.text(), "")
        })
      )

      it.scopedLive(`in the middle of ${name}`, () =>
        Effect.gen(function* () {
          const scripted = TestBackend.make(TestBackend.emit(textDelta("one")))
          const { drained, guard, port } = yield* TestGateway.serve(scripted)
          const peer = yield* RawHttp.connect(port)
          yield* peer.send(RawHttp.post(body))
          yield* Queue.take(scripted.turns)
          if (body === streamed) yield* peer.until(`"content":"one"`)
          yield* leave(how, peer)
          yield* drained
          assert.deepStrictEqual(scripted.counts, { opened: 1, closed: 1, cancelled: 1 })
          assert.strictEqual((yield* guard.stats).cancelled, 1)
        })
      )

      it.scopedLive(`in the queue for ${name}`, () =>
        Effect.gen(function* () {
          const scripted = TestBackend.make(TestBackend.silent)
          const { drained, guard, port } = yield* TestGateway.serve(scripted, { maxInFlight: 1 })
          const first = yield* RawHttp.connect(port)
          yield* first.send(RawHttp.post(body))
          yield* Queue.take(scripted.turns)
          const second = yield* RawHttp.connect(port)
          yield* second.send(RawHttp.post(body))
          yield* Effect.repeat(Effect.zipLeft(guard.stats, Effect.sleep("1 millis")), {
            until: ({ queued }) => queued === 1
          })
          yield* leave(how, second)
          yield* Effect.repeat(Effect.zipLeft(guard.stats, Effect.sleep("1 millis")), {
            until: ({ queued }) => queued === 0
          })
          assert.strictEqual((yield* guard.stats).abandoned, 1)
          yield* leave(how, first)
          yield* drained
          assert.deepStrictEqual(scripted.counts, { opened: 1, closed: 1, cancelled: 1 })
        })
      )
    }

    it.scopedLive("while it sends its body, before any slot", () =>
      Effect.gen(function* () {
        const scripted = TestBackend.make()
        const { guard, lines, port } = yield* TestGateway.serve(scripted)
        const peer = yield* RawHttp.connect(port)
        yield* peer.send(RawHttp.post(hello).slice(0, -5))
        yield* Effect.sleep("20 millis")
        yield* leave(how, peer)
        yield* Effect.repeat(Effect.sleep("1 millis"), { until: () => lines.length > 0 })
        assert.strictEqual(lines[0]?.annotations["status"], 499)
        assert.strictEqual((yield* guard.stats).accepted, 0)
        assert.strictEqual(scripted.counts.opened, 0)
      })
    )

    it.scopedLive("with a whole answer half read", () =>
      Effect.gen(function* () {
        const scripted = TestBackend.make(TestBackend.silent)
        const { drained, lines, port } = yield* TestGateway.serve(scripted)
        const peer = yield* RawHttp.connect(port)
        peer.socket.pause()
        yield* peer.send(RawHttp.post(hello))
        const turn = yield* Queue.take(scripted.turns)
        for (let i = 0; i < 64; i++) turn.emit(textDelta("x".repeat(512 * 1024)))
        turn.emit(finish("stop"))
        // The slot is back although nobody reads.
        yield* drained
        assert.deepStrictEqual(scripted.counts, { opened: 1, closed: 1, cancelled: 0 })
        yield* leave(how, peer)
        yield* Effect.repeat(Effect.sleep("1 millis"), {
          until: () => lines.some(({ message }) => message === "request")
        })
      })
    )

    it.scopedLive("of a stream it has stopped reading", () =>
      Effect.gen(function* () {
        const scripted = TestBackend.make(TestBackend.emit(textDelta("one")))
        const { drained, port } = yield* TestGateway.serve(scripted)
        const peer = yield* RawHttp.connect(port)
        yield* peer.send(RawHttp.post(streamed))
        const turn = yield* Queue.take(scripted.turns)
        yield* peer.until(`"content":"one"`)
        peer.socket.pause()
        for (let i = 0; i < 4; i++) turn.emit(textDelta("x".repeat(100_000)))
        yield* leave(how, peer)
        yield* drained
        assert.deepStrictEqual(scripted.counts, { opened: 1, closed: 1, cancelled: 1 })
      })
    )
  })
}

describe("a reader that stops reading", () => {
  it.scopedLive("is cut when a megabyte waits for it, and the turn is cancelled", () =>
    Effect.gen(function* () {
      const scripted = TestBackend.make(TestBackend.emit(textDelta("one")))
      const { drained, port } = yield* TestGateway.serve(scripted)
      const peer = yield* RawHttp.connect(port)
      yield* peer.send(RawHttp.post(streamed))
      const turn = yield* Queue.take(scripted.turns)
      yield* peer.until(`"content":"one"`)
      peer.socket.pause()
      // Kernel buffers come before ours.
      for (let i = 0; i < 400 && scripted.counts.closed === 0; i++) {
        turn.emit(textDelta("x".repeat(100_000)))
        yield* Effect.yieldNow()
        yield* Effect.sleep("1 millis")
      }
      yield* drained
      assert.deepStrictEqual(scripted.counts, { opened: 1, closed: 1, cancelled: 1 })
      peer.socket.resume()
      assert.notInclude(yield* peer.closed, "[DONE]")
    })
  )
})

describe("status and headers", () => {
  it.scopedLive("wait for the first event, so that an early failure is a real status", () =>
    Effect.gen(function* () {
      const scripted = TestBackend.make((turn) => Effect.sync(() => turn.fail(failure)))
      const { chat, drained } = yield* TestGateway.serve(scripted)
      const answer = yield* chat(streamed)
      assert.deepStrictEqual([answer.status, answer.json.error?.code], [502, "upstream_error"])
      assert.notInclude(answer.text, "secret")
      yield* drained
      assert.strictEqual(scripted.counts.closed, 1)
    })
  )

  it.scopedLive("go out with the first keep-alive; a later failure is told in the stream, without an end", () =>
    Effect.gen(function* () {
      const scripted = TestBackend.make(TestBackend.silent)
      const { drained, port } = yield* TestGateway.serve(scripted, { keepAlive: Duration.millis(40) })
      const peer = yield* RawHttp.connect(port)
      yield* peer.send(RawHttp.post(streamed, { connection: "close" }))
      const turn = yield* Queue.take(scripted.turns)
      const head = yield* peer.until(/(: keep-alive\n\n[\s\S]*){3}/)
      assert.match(head, /^HTTP\/1.1 200 /)
      turn.fail(failure)
      const text = yield* peer.closed
      assert.include(
        text,
        `data: {"error":{"message":"upstream lingma error","type":"upstream_error","param":null,"code":"upstream_error"}}\n\n`
      )
      assert.notInclude(text, "[DONE]")
      assert.notInclude(text, "chat.completion.chunk")
      assert.isTrue(text.endsWith("0\r\n\r\n"))
      yield* drained
    })
  )

  it.scopedLive("may precede the first token by long; silence is filled with comments", () =>
    Effect.gen(function* () {
      const scripted = TestBackend.make(TestBackend.silent)
      const { drained, port } = yield* TestGateway.serve(scripted, { keepAlive: Duration.millis(30) })
      const peer = yield* RawHttp.connect(port)
      yield* peer.send(RawHttp.post(streamed, { connection: "close" }))
      const turn = yield* Queue.take(scripted.turns)
      yield* peer.until(": keep-alive\n\n")
      turn.emit(textDelta("late"))
      const before = count(yield* peer.until(`"content":"late"`), ": keep-alive")
      yield* Effect.repeat(Effect.sleep("1 millis"), { until: () => count(peer.text(), ": keep-alive") > before })
      turn.emit(finish("stop"))
      assert.include(yield* peer.closed, "data: [DONE]\n\n")
      yield* drained
      assert.deepStrictEqual(scripted.counts, { opened: 1, closed: 1, cancelled: 0 })
    })
  )

  it.scopedLive("tell the instance, and that it is emulated", () =>
    Effect.gen(function* () {
      const { chat } = yield* TestGateway.serve(
        TestBackend.make(TestBackend.say("x"), { id: "inst-3", emulated: true })
      )
      for (const body of [hello, streamed]) {
        const { headers } = yield* chat(body)
        assert.strictEqual(headers.get("x-lingma-instance"), "inst-3")
        assert.strictEqual(headers.get("x-lingma-emulated"), "true")
      }
    })
  )
})

describe("a failure after the first token", () => {
  it.scopedLive("is one error event and no end", () =>
    Effect.gen(function* () {
      const scripted = TestBackend.make((turn) =>
        Effect.sync(() => {
          turn.emit(textDelta("half"))
          turn.fail(failure)
        })
      )
      const { chat, drained, guard } = yield* TestGateway.serve(scripted)
      const { status, text } = yield* chat(streamed)
      assert.strictEqual(status, 200)
      assert.include(text, `"content":"half"`)
      assert.match(text, /data: \{"error":\{[^}]*"code":"upstream_error"\}\}\n\n$/)
      assert.notInclude(text, "[DONE]")
      assert.notInclude(text, `"finish_reason":"stop"`)
      assert.notInclude(text, "secret")
      assert.strictEqual((yield* chat(hello)).status, 502)
      yield* drained
      assert.strictEqual((yield* guard.stats).failed, 2)
    })
  )
})

describe("a bug", () => {
  it.scopedLive("before the first byte is a 500 without details", () =>
    Effect.gen(function* () {
      const scripted = TestBackend.make(TestBackend.silent, { ensureReady: Effect.die(new Error("secret")) })
      const { chat, drained, lines } = yield* TestGateway.serve(scripted)
      for (const body of [hello, streamed]) {
        const answer = yield* chat(body)
        assert.deepStrictEqual([answer.status, answer.json.error?.code], [500, "internal_error"])
        assert.notInclude(answer.text, "secret")
      }
      yield* drained
      assert.isTrue(lines.some(({ cause, level }) => level === "ERROR" && String(cause).includes("secret")))
    })
  )

  // A call without an id that can be read makes every encoder throw.
  const broken = toolCall({
    name: "f",
    arguments: "{}",
    get id(): string {
      throw new Error("secret")
    }
  })

  for (const [path, body, words] of [
    ["/v1/chat/completions", streamed, /data: \{"error":\{[^}]*"code":"internal_error"\}\}\n\n$/],
    [
      "/v1/messages",
      { ...streamed, max_tokens: 9 },
      /event: error\ndata: \{"type":"error","error":\{"type":"api_error"[^}]*\},"request_id":"mine"\}\n\n$/
    ],
    [
      "/v1/responses",
      { model: "auto", input: "hi", stream: true },
      /event: response\.failed\n[^\n]*"code":"internal_error"[^\n]*\n\n$/
    ]
  ] as const) {
    it.scopedLive(
      `in the middle of a stream of ${path} is an error event and no end, logged once, counted as failed`,
      () =>
        Effect.gen(function* () {
          const scripted = TestBackend.make(TestBackend.emit(textDelta("one"), broken))
          const { drained, guard, lines, request } = yield* TestGateway.serve(scripted)
          const { status, text } = yield* request(path, {
            method: "POST",
            headers: { "content-type": "application/json", "x-request-id": "mine" },
            body: JSON.stringify(body)
          })
          assert.strictEqual(status, 200)
          assert.match(text, words)
          assert.notInclude(text, "secret")
          assert.notMatch(text, /\[DONE\]|message_stop|response\.completed/)
          yield* drained
          assert.deepStrictEqual(scripted.counts, { opened: 1, closed: 1, cancelled: 1 })
          const { cancelled, failed } = yield* guard.stats
          assert.deepStrictEqual({ cancelled, failed }, { cancelled: 0, failed: 1 })
          yield* Effect.repeat(Effect.sleep("1 millis"), {
            until: () => lines.some(({ message }) => message === "request")
          })
          assert.strictEqual(lines.filter(({ level }) => level === "ERROR").length, 1)
          const [line] = lines.filter(({ message }) => message === "request")
          assert.strictEqual(line?.annotations["outcome"], "failed")
        })
    )
  }
})

/** The wall clock, set back by three hours until the scope closes. */
const setBack = Effect.acquireRelease(
  Effect.sync(() => {
    const real = Date.now
    Date.now = () => real() - 3 * 3_600_000
    return real
  }),
  (real) =>
    Effect.sync(() => {
      Date.now = real
    })
)

describe("a clock that is set back during a chat", () => {
  for (const body of [hello, streamed]) {
    it.scopedLive(`changes no duration that is told of ${body === streamed ? "a stream" : "a whole answer"}`, () =>
      Effect.gen(function* () {
        const scripted = TestBackend.make(TestBackend.emit(textDelta("one")))
        const { chat, drained, lines, request } = yield* TestGateway.serve(scripted)
        const asked = yield* Effect.fork(chat(body))
        const turn = yield* Queue.take(scripted.turns)
        yield* setBack
        turn.emit(finish("stop"))
        const { headers, text } = yield* asked
        yield* drained
        const told = /"first_token_ms":(-?[\d.]+),"total_ms":(-?[\d.]+)/.exec(text)?.slice(1).map(Number) ?? []
        const header = headers.get("openai-processing-ms")
        const line = lines.find(({ message }) => message === "request")?.annotations ?? {}
        const spans = [...told, line["ms"], line["ttft_ms"], ...(header === null ? [] : [Number(header)])]
        assert.lengthOf(spans, body === streamed ? 4 : 5)
        for (const span of spans) {
          assert.isNumber(span)
          assert.isTrue((span as number) >= 0 && (span as number) < 60_000, `${span}`)
        }
        const { text: metrics } = yield* request("/metrics")
        const sums = [...metrics.matchAll(/^(\w+_seconds_sum(?:\{[^}]*\})?) (\S+)$/gm)].map(([, , sum]) => Number(sum))
        assert.isAbove(sums.length, 0)
        for (const sum of sums) assert.isTrue(sum >= 0 && sum < 600, `${sum}`)
      })
    )
  }
})
