import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as RawHttp from "../support/RawHttp.ts"
import * as TestBackend from "../support/TestBackend.ts"
import * as TestGateway from "../support/TestGateway.ts"

const hello = { model: "auto", messages: [{ role: "user", content: "hi" }] }

const exchange = (port: number, text: string) =>
  Effect.scoped(
    Effect.gen(function* () {
      const peer = yield* RawHttp.connect(port)
      yield* peer.send(text)
      return yield* peer.closed
    })
  )

describe("the Node server", () => {
  it.scopedLive("answers what its parser cannot read in the error shape, with a request id", () =>
    Effect.gen(function* () {
      const { port } = yield* TestGateway.serve(TestBackend.make())
      const cases = [
        ["GARBAGE\r\n\r\n", 400],
        ["GET / HTTP/1.1\r\nhost: a\r\nbad header\r\n\r\n", 400],
        [`GET / HTTP/1.1\r\nhost: a\r\nx: ${"y".repeat(20_000)}\r\n\r\n`, 431]
      ] as const
      for (const [text, status] of cases) {
        const answer = yield* exchange(port, text)
        assert.match(answer, new RegExp(`^HTTP/1.1 ${status} `))
        assert.match(answer, /x-request-id: req-[0-9a-f]{12}\r\n/)
        const body = JSON.parse(answer.slice(answer.indexOf("\r\n\r\n") + 4))
        assert.deepStrictEqual(Object.keys(body.error), ["message", "type", "param", "code"])
      }
    })
  )

  it.scopedLive("says so in Anthropic's shape where the request was for /v1/messages", () =>
    Effect.gen(function* () {
      const { port } = yield* TestGateway.serve(TestBackend.make())
      const head = "POST /v1/messages HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n"
      const answer = yield* exchange(port, `${head}transfer-encoding: chunked\r\n\r\nnonsense\r\n`)
      assert.match(answer, /^HTTP\/1.1 400 /)
      const body = JSON.parse(answer.slice(answer.indexOf("\r\n\r\n") + 4))
      assert.deepStrictEqual(Object.keys(body), ["type", "error", "request_id"])
      assert.include(answer, `\r\nrequest-id: ${body.request_id}\r\n`)
    })
  )

  it.scopedLive("refuses an upgrade, and survives a reset right after it", () =>
    Effect.gen(function* () {
      const { port, request } = yield* TestGateway.serve(TestBackend.make())
      const upgrade =
        "GET /v1/models HTTP/1.1\r\nhost: localhost\r\nconnection: upgrade, close\r\nupgrade: websocket\r\nx-request-id: mine\r\n\r\n"
      const answer = yield* exchange(port, upgrade)
      assert.match(answer, /^HTTP\/1.1 400 /)
      assert.include(answer, "x-request-id: mine\r\n")
      for (let i = 0; i < 20; i++) {
        const peer = yield* RawHttp.connect(port)
        yield* peer.send(upgrade)
        yield* Effect.sync(() => peer.socket.resetAndDestroy())
      }
      assert.strictEqual((yield* request("/healthz")).status, 200)
    })
  )

  it.scopedLive("serves a client that would also speak HTTP/2", () =>
    Effect.gen(function* () {
      const { port } = yield* TestGateway.serve(TestBackend.make())
      const headers = { connection: "upgrade, http2-settings, close", upgrade: "h2c", "http2-settings": "AAMAAABk" }
      assert.match(yield* exchange(port, RawHttp.post(hello, headers)), /^HTTP\/1.1 200 /)
    })
  )

  it.scopedLive("asks for a body only when it wants one", () =>
    Effect.gen(function* () {
      const { port } = yield* TestGateway.serve(TestBackend.make(), { bodyLimitMb: 0.001 })
      const wanted = yield* RawHttp.connect(port)
      const [head = "", body = ""] = RawHttp.post(hello, { expect: "100-continue", connection: "close" }).split(
        "\r\n\r\n"
      )
      yield* wanted.send(`${head}\r\n\r\n`)
      yield* wanted.until("HTTP/1.1 100 Continue\r\n\r\n")
      yield* wanted.send(body)
      assert.include(yield* wanted.closed, "HTTP/1.1 200 OK")
      const refused = yield* exchange(port, RawHttp.post("", { expect: "100-continue", "content-length": "1000000" }))
      assert.match(refused, /^HTTP\/1.1 413 /)
    })
  )
})
