import { assert, describe, it } from "@effect/vitest"
import { Effect, Queue } from "effect"
import { finish, textDelta } from "../../../src/domain/Chat.ts"
import * as RawHttp from "../../support/RawHttp.ts"
import * as TestBackend from "../../support/TestBackend.ts"
import * as TestGateway from "../../support/TestGateway.ts"

const hello = { model: "auto", messages: [{ role: "user", content: "hi" }] }
const streamed = { ...hello, stream: true }

const messages = (body: object) =>
  RawHttp.post({ ...body, max_tokens: 9 }).replace("/v1/chat/completions", "/v1/messages")
const responses = (stream: boolean) =>
  RawHttp.post({ model: "auto", input: "hi", stream }).replace("/v1/chat/completions", "/v1/responses")
const get = (path: string) => `GET ${path} HTTP/1.1\r\nhost: localhost\r\n\r\n`

/** Every kind of request, and what a whole answer to it ends with. */
const chats: ReadonlyArray<readonly [name: string, request: string, end: RegExp]> = [
  ["a chat completion", RawHttp.post(hello), /"content":"Hello"[\s\S]*\}$/],
  ["a streamed chat completion", RawHttp.post(streamed), /"content":"lo"[\s\S]*data: \[DONE\]\n\n\r\n0\r\n\r\n$/],
  ["a message", messages(hello), /"text":"Hello"[\s\S]*\}$/],
  ["a streamed message", messages(streamed), /"text":"lo"[\s\S]*event: message_stop[\s\S]*0\r\n\r\n$/],
  ["a response", responses(false), /"text":"Hello"[\s\S]*\}$/],
  ["a streamed response", responses(true), /"delta":"lo"[\s\S]*response\.completed[\s\S]*0\r\n\r\n$/]
]

/** Without the interim responses before it. */
const final = (text: string) => text.replace(/^(HTTP\/1\.1 100 Continue\r\n\r\n)+/, "")

describe("a client that half-closes its connection and keeps reading", () => {
  for (const [name, request, end] of [
    ...chats,
    ["a list of models", get("/v1/models"), /"object":"list"[\s\S]*\}$/],
    ["a path that there is not", get("/nope"), /"code":"unknown_url"\}\}$/]
  ] as const) {
    it.scopedLive(`gets the whole answer to ${name}, then the connection is closed`, () =>
      Effect.gen(function* () {
        const { drained, guard, port } = yield* TestGateway.serve(TestBackend.make())
        const peer = yield* RawHttp.connect(port)
        yield* Effect.sync(() => peer.socket.end(request))
        assert.match(yield* peer.closed, end)
        yield* drained
        assert.strictEqual((yield* guard.stats).cancelled, 0)
      })
    )
  }

  for (const [name, request, end] of chats) {
    it.scopedLive(`can wait for ${name} as long as it takes, and is probed meanwhile`, () =>
      Effect.gen(function* () {
        const scripted = TestBackend.make(TestBackend.silent)
        const { drained, guard, port } = yield* TestGateway.serve(scripted)
        const peer = yield* RawHttp.connect(port)
        yield* Effect.sync(() => peer.socket.end(request))
        const turn = yield* Queue.take(scripted.turns)
        yield* peer.until(/(HTTP\/1\.1 100 Continue\r\n\r\n){3}/)
        turn.emit(textDelta("Hel"))
        if (name.includes("streamed")) yield* peer.until(/Hel[\s\S]*\n\n\r\n3\r\n:\n\n/)
        turn.emit(textDelta("lo"))
        turn.emit(finish("stop"))
        const text = final(yield* peer.closed)
        assert.match(text, /^HTTP\/1\.1 200 OK\r\n/)
        assert.match(text, end)
        yield* drained
        assert.deepStrictEqual(scripted.counts, { opened: 1, closed: 1, cancelled: 0 })
        assert.strictEqual((yield* guard.stats).completed, 1)
      })
    )
  }

  it.scopedLive("gets a JSON error if its body is truncated", () =>
    Effect.gen(function* () {
      const { guard, port } = yield* TestGateway.serve(TestBackend.make())
      const peer = yield* RawHttp.connect(port)
      yield* Effect.sync(() => peer.socket.end(RawHttp.post(hello).slice(0, -5)))
      const text = yield* peer.closed
      assert.match(text, /^HTTP\/1\.1 400 /)
      assert.isObject(JSON.parse(text.slice(text.indexOf("\r\n\r\n") + 4)).error)
      assert.strictEqual((yield* guard.stats).accepted, 0)
    })
  )

  it.scopedLive("is considered gone under HTTP/1.0 if no answer is sent at once", () =>
    Effect.gen(function* () {
      const scripted = TestBackend.make(TestBackend.silent)
      const { drained, guard, port } = yield* TestGateway.serve(scripted)
      const peer = yield* RawHttp.connect(port)
      yield* Effect.sync(() => peer.socket.end(RawHttp.post(hello).replace("HTTP/1.1", "HTTP/1.0")))
      assert.strictEqual(yield* peer.closed, "")
      yield* drained
      assert.strictEqual((yield* guard.stats).cancelled, 1)
    })
  )
})

describe("a client that disconnects with requests queued behind a chat", () => {
  for (const how of ["destroy", "resetAndDestroy"] as const) {
    for (const [name, request] of chats) {
      it.scopedLive(`by ${how} frees the slot of ${name} although its connection is not being read`, () =>
        Effect.gen(function* () {
          const scripted = TestBackend.make(TestBackend.silent)
          const { drained, guard, port } = yield* TestGateway.serve(scripted)
          const peer = yield* RawHttp.connect(port)
          yield* peer.send(request + get("/healthz").repeat(16))
          yield* Queue.take(scripted.turns)
          yield* peer.until("100 Continue")
          yield* Effect.sync(() => peer.socket[how]())
          yield* Effect.timeout(drained, "1 second")
          assert.deepStrictEqual(scripted.counts, { opened: 1, closed: 1, cancelled: 1 })
          assert.strictEqual((yield* guard.stats).cancelled, 1)
        })
      )
    }
  }

  it.scopedLive("is answered in order if it stays", () =>
    Effect.gen(function* () {
      const scripted = TestBackend.make(TestBackend.silent)
      const { port } = yield* TestGateway.serve(scripted)
      const peer = yield* RawHttp.connect(port)
      yield* Effect.sync(() => peer.socket.end(RawHttp.post(hello) + get("/nope").repeat(40) + get("/last")))
      const turn = yield* Queue.take(scripted.turns)
      yield* peer.until("100 Continue")
      turn.emit(textDelta("one"))
      turn.emit(finish("stop"))
      const text = final(yield* peer.closed)
      assert.match(text, /^HTTP\/1\.1 200 OK[\s\S]*"content":"one"/)
      assert.strictEqual(text.split("GET /nope").length, 41)
      assert.match(text, /GET \/last[^\r\n]*$/)
    })
  )
})
