import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Queue } from "effect"
import { finish, textDelta } from "../../src/domain/Chat.ts"
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

  const get = (lines: string, version = "1.1") => `GET /healthz HTTP/${version}\r\n${lines}\r\n`
  const postWith = (lines: string, body = "") =>
    `POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n${lines}\r\n${body}`
  const numbered = (count: number) => Array.from({ length: count }, (_, i) => `x${i}: y\r\n`).join("")
  const chunk = "2\r\n{}\r\n0\r\n\r\n"

  it.scopedLive("gives a head one meaning, or closes", () =>
    Effect.gen(function* () {
      const { port, request } = yield* TestGateway.serve(TestBackend.make(), { corsOrigins: [] })
      const cases: ReadonlyArray<readonly [string, number]> = [
        [get(""), 400],
        [get("host: localhost\r\nhost: evil\r\n"), 400],
        [get("host: localhost\r\nauthorization: Bearer a\r\nAuthorization: Bearer b\r\n"), 400],
        [get("host: localhost\r\nx-api-key: a\r\nX-Api-Key: b\r\n"), 400],
        [get("host: localhost\r\nx-api-key: a\r\nx-api-key: a\r\n"), 400],
        [postWith("content-type: text/plain\r\ncontent-length: 2\r\n", "{}"), 400],
        [get(`host: localhost\r\n${numbered(100)}`), 431],
        [`GET /${"a".repeat(9_000)} HTTP/1.1\r\nhost: localhost\r\n\r\n`, 414],
        [get("host: localhost\r\nexpect: 200-maybe\r\n"), 417],
        [postWith("content-length: 2\r\ntransfer-encoding: chunked\r\n", chunk), 400],
        [postWith("transfer-encoding: chunked\r\ncontent-length: 2\r\n", chunk), 400],
        [postWith("content-length: 2\r\ncontent-length: 3\r\n", "{}"), 400],
        [postWith("content-length: 2\r\ncontent-length: 2\r\n", "{}"), 400],
        [postWith("content-length: 2, 2\r\n", "{}"), 400],
        [postWith("content-length: +2\r\n", "{}"), 400],
        [postWith("content-length: 0x2\r\n", "{}"), 400],
        [postWith("content-length: -2\r\n", "{}"), 400],
        [postWith("content-length : 2\r\n", "{}"), 400],
        [postWith("transfer-encoding: gzip, chunked\r\n", chunk), 400],
        [postWith("transfer-encoding: chunked, identity\r\n", chunk), 400],
        [postWith("transfer-encoding: xchunked\r\n", chunk), 400],
        [postWith("transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n", chunk), 400],
        [postWith("transfer-encoding:\x0bchunked\r\n", chunk), 400],
        [postWith("transfer-encoding\t: chunked\r\n", chunk), 400],
        [postWith("transfer-encoding: chunked\r\n", "0x2\r\n{}\r\n0\r\n\r\n"), 400],
        [postWith("transfer-encoding: chunked\r\n", "2\n{}\n0\n\n"), 400],
        [postWith("transfer-encoding: chunked\r\n", "-2\r\n{}\r\n0\r\n\r\n"), 400],
        [postWith("transfer-encoding: chunked\r\n", "fffffffffffffffff\r\n{}\r\n"), 400],
        [postWith("transfer-encoding: chunked\r\n", `2;${"a".repeat(20_000)}\r\n{}\r\n0\r\n\r\n`), 400],
        ["GET /healthz HTTP/1.1\nhost: localhost\n\n", 400],
        [get("host: localhost\nx: y\r\n"), 400],
        [get("host: localhost\r\n x: folded\r\n"), 400],
        [get("host: localhost\r\nx: a\0b\r\n"), 400],
        [get("host: localhost\r\nx: a\rb\r\n"), 400],
        [get("host: localhost\r\n: empty\r\n"), 400],
        [get("host: localhost\r\n", "2.0"), 400],
        [get("host: localhost\r\n", "1.10"), 400],
        [get("host: localhost\r\ntransfer-encoding: chunked\r\n", "1.0"), 400],
        ["PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400],
        ["\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03", 400]
      ]
      const seen: Array<readonly [string, number]> = []
      for (const [text] of cases) {
        const answer = yield* exchange(port, `${text}GET /smuggled HTTP/1.1\r\nhost: localhost\r\n\r\n`)
        const [head = "", body = ""] = answer.split("\r\n\r\n")
        seen.push([text, Number(/^HTTP\/1.1 (\d+)/.exec(head)?.[1])])
        assert.notInclude(answer, "smuggled", text)
        assert.strictEqual(answer.split("HTTP/1.1 ").length, 2, text)
        assert.match(head, /\r\nconnection: close/i, text)
        assert.match(body, /^\{"error":\{"message"/, text)
      }
      assert.deepStrictEqual(seen, [...cases])
      assert.strictEqual((yield* request("/healthz")).status, 200)
    })
  )

  it.scopedLive("ends a connection that is left with a body nobody reads", () =>
    Effect.gen(function* () {
      const { port } = yield* TestGateway.serve(TestBackend.make())
      for (const lines of ["content-length: 1000000\r\n", "transfer-encoding: chunked\r\n"]) {
        const peer = yield* RawHttp.connect(port)
        yield* peer.send(`POST /nowhere HTTP/1.1\r\nhost: localhost\r\n${lines}\r\n`)
        const answer = yield* peer.closed
        assert.match(answer, /^HTTP\/1.1 404 [\s\S]*\r\nconnection: close/i)
      }
      const small = yield* RawHttp.connect(port)
      yield* small.send("POST /nowhere HTTP/1.1\r\nhost: localhost\r\ncontent-length: 4\r\n\r\nbody")
      yield* small.until("unknown_url")
      yield* small.send("GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n")
      assert.match(yield* small.until("pool_size"), /HTTP\/1.1 200 /)
    })
  )

  it.scopedLive("answers pipelined requests in their order", () =>
    Effect.gen(function* () {
      const { port } = yield* TestGateway.serve(TestBackend.make())
      const one = (path: string) => `GET ${path} HTTP/1.1\r\nhost: localhost\r\n\r\n`
      const answer = yield* exchange(
        port,
        `${RawHttp.post(hello)}${one("/healthz")}${one("/a")}${RawHttp.post(hello)}${one("/b").replace("\r\n\r\n", "\r\nconnection: close\r\n\r\n")}`
      )
      const order = [...answer.matchAll(/chat\.completion|pool_size|GET \/[ab]/g)].map(([word]) => word)
      assert.deepStrictEqual(order, ["chat.completion", "pool_size", "GET /a", "chat.completion", "GET /b"])
    })
  )

  it.scopedLive("gives no answer to garbage behind a request that still runs", () =>
    Effect.gen(function* () {
      const { drained, port } = yield* TestGateway.serve(TestBackend.make(TestBackend.silent))
      assert.strictEqual(yield* exchange(port, `${RawHttp.post(hello)}GARBAGE\r\n\r\n`), "")
      yield* drained
    })
  )

  it.scopedLive("keeps no chunks of a body behind a request that still runs", () =>
    Effect.gen(function* () {
      const { drained, port } = yield* TestGateway.serve(TestBackend.make(TestBackend.silent))
      const chunks = "1\r\nx\r\n".repeat(10)
      assert.strictEqual(
        yield* exchange(port, `${RawHttp.post(hello)}${postWith("transfer-encoding: chunked\r\n", chunks)}`),
        ""
      )
      yield* drained
    })
  )

  it.scopedLive("answers what does not arrive in time, and takes no slot for it", () =>
    Effect.gen(function* () {
      const { guard, port } = yield* TestGateway.serve(TestBackend.make(), {
        headersTimeout: Duration.millis(300),
        requestTimeout: Duration.millis(600)
      })
      const starts = [
        "",
        "GET /healthz HTTP/1.1\r\nhost: localhost\r\n",
        postWith("content-length: 20\r\n", '{"model":')
      ]
      const [silent = "", head = "", body = ""] = yield* Effect.forEach(starts, (text) => exchange(port, text), {
        concurrency: "unbounded"
      })
      for (const answer of [silent, head, body]) assert.match(answer, /^HTTP\/1.1 408 [\s\S]*request_timeout/)
      assert.strictEqual((yield* guard.stats).accepted, 0)
    })
  )

  it.scopedLive("closes the longest idle connection when there are too many, and none that works", () =>
    Effect.gen(function* () {
      const scripted = TestBackend.make(TestBackend.silent)
      const { port } = yield* TestGateway.serve(scripted, { maxConnections: 3 })
      const busy = yield* RawHttp.connect(port)
      yield* busy.send(RawHttp.post(hello))
      const turn = yield* Queue.take(scripted.turns)
      const first = yield* RawHttp.connect(port)
      const second = yield* RawHttp.connect(port)
      yield* first.send(get("host: localhost\r\n"))
      yield* first.until("pool_size")
      const third = yield* RawHttp.connect(port)
      assert.strictEqual(yield* second.closed, "")
      for (const peer of [first, third]) {
        yield* peer.send(RawHttp.post(hello))
        yield* Queue.take(scripted.turns)
      }
      assert.strictEqual(yield* (yield* RawHttp.connect(port)).closed, "")
      turn.emit(textDelta("Yes"))
      turn.emit(finish("stop"))
      assert.match(yield* busy.until("finish_reason"), /^HTTP\/1.1 200 /)
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

  it.scopedLive("closes the connection of a client that wants a tunnel, with sockets and without", () =>
    Effect.gen(function* () {
      for (const responsesWebsocket of [true, false]) {
        const { port } = yield* TestGateway.serve(TestBackend.make(), { responsesWebsocket })
        const tunnel = "CONNECT evil.example:443 HTTP/1.1\r\nhost: evil.example\r\n\r\n"
        assert.strictEqual(yield* exchange(port, tunnel), "")
      }
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
