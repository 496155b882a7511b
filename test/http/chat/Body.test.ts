import { assert, describe, it } from "@effect/vitest"
import { Effect, FastCheck as fc } from "effect"
import * as Body from "../../../src/http/chat/Body.ts"
import * as RawHttp from "../../support/RawHttp.ts"
import * as TestBackend from "../../support/TestBackend.ts"
import * as TestGateway from "../../support/TestGateway.ts"

const hello = { model: "auto", messages: [{ role: "user", content: "hi" }] }
const utf8 = (text: string) => new TextEncoder().encode(text)

const depthOf = (value: unknown): number =>
  typeof value === "object" && value !== null ? 1 + Math.max(0, ...Object.values(value).map(depthOf)) : 0

const isDeeperThan = (bytes: Uint8Array, depth: number) =>
  Body.exceeds(bytes, { depth, values: Number.POSITIVE_INFINITY }) === "depth"

/** As `exceeds` counts: strings and keys, brackets, and commas. */
const widthOf = (value: unknown): number => {
  if (typeof value === "string") return 1
  if (typeof value !== "object" || value === null) return 0
  const inside = Object.values(value)
  const keys = Array.isArray(value) ? 0 : inside.length
  return 1 + keys + Math.max(0, inside.length - 1) + inside.reduce<number>((sum, one) => sum + widthOf(one), 0)
}

describe("the width of JSON", () => {
  it("is told without parsing", () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 5 }), fc.nat(40), (value, values) => {
        const bytes = utf8(JSON.stringify(value))
        const expected = widthOf(value) > values ? "values" : undefined
        assert.strictEqual(Body.exceeds(bytes, { depth: 99, values }), expected)
      }),
      { numRuns: 500 }
    )
  })
})

describe("the depth of JSON", () => {
  it("is told without parsing", () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 6 }), fc.integer({ min: 0, max: 7 }), (value, limit) => {
        const bytes = utf8(JSON.stringify(value))
        assert.strictEqual(isDeeperThan(bytes, limit), depthOf(value) > limit)
      }),
      { numRuns: 500 }
    )
  })

  it("is not fooled by brackets, quotes and backslashes in strings", () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[[\]{}"\\a]{0,20}$/), (text) => {
        assert.isFalse(isDeeperThan(utf8(JSON.stringify({ [text]: [text] })), 2))
        assert.isTrue(isDeeperThan(utf8(JSON.stringify({ [text]: [text] })), 1))
      }),
      { numRuns: 500 }
    )
    assert.isFalse(isDeeperThan(utf8('"[[[['), 1))
    assert.isFalse(isDeeperThan(new Uint8Array(), 0))
  })
})

describe("a body", () => {
  it.scopedLive("over the limit is a 413, declared or in chunks, and the connection ends", () =>
    Effect.gen(function* () {
      const { lines, port, request } = yield* TestGateway.serve(TestBackend.make(), { bodyLimitMb: 0.1 })
      const big = JSON.stringify({ ...hello, padding: "x".repeat(3_000_000) })
      for (let i = 0; i < 5; i++) {
        const declared = yield* RawHttp.connect(port)
        yield* declared.send(RawHttp.post(big))
        const answer = yield* declared.closed
        assert.match(answer, /^HTTP\/1.1 413 /)
        assert.match(answer, /connection: close/i)
        assert.include(answer, `"code":"request_too_large"`)

        const chunked = yield* RawHttp.connect(port)
        yield* chunked.send(
          "POST /v1/chat/completions HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n".replace(
            "host: a",
            "host: localhost"
          )
        )
        for (let at = 0; at < big.length; at += 50_000) {
          const piece = big.slice(at, at + 50_000)
          yield* chunked.send(`${piece.length.toString(16)}\r\n${piece}\r\n`)
        }
        // A sender that never ends is waited for once only: it takes its time.
        if (i > 0) yield* chunked.send("0\r\n\r\n")
        assert.match(yield* chunked.closed, /^HTTP\/1.1 413 /)
      }
      assert.strictEqual((yield* request("/healthz")).status, 200)
      assert.isTrue(lines.every(({ level }) => level !== "ERROR"))
    })
  )

  it.scopedLive("over the limit is read on after its answer, so that no reset overtakes it", () =>
    Effect.gen(function* () {
      const { port } = yield* TestGateway.serve(TestBackend.make(), { bodyLimitMb: 0.1 })
      const peer = yield* RawHttp.connect(port)
      const big = RawHttp.post(JSON.stringify({ ...hello, padding: "x".repeat(3_000_000) }))
      yield* peer.send(big.slice(0, 1_000))
      yield* peer.until("request_too_large")
      for (let at = 1_000; at < big.length; at += 100_000) {
        yield* peer.send(big.slice(at, at + 100_000))
        yield* Effect.yieldNow()
        assert.isTrue(peer.socket.writable)
      }
      assert.match(yield* peer.closed, /^HTTP\/1.1 413 /)
      assert.isNull(peer.socket.errored)
    })
  )

  it.scopedLive("may come in chunks", () =>
    Effect.gen(function* () {
      const { port } = yield* TestGateway.serve(TestBackend.make())
      const peer = yield* RawHttp.connect(port)
      const text = JSON.stringify(hello)
      yield* peer.send(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n" +
          "content-type: application/json; charset=utf-8\r\ntransfer-encoding: chunked\r\n\r\n"
      )
      for (const piece of [text.slice(0, 7), text.slice(7)]) {
        yield* peer.send(`${piece.length.toString(16)}\r\n${piece}\r\n`)
      }
      yield* peer.send("0\r\n\r\n")
      assert.match(yield* peer.closed, /^HTTP\/1.1 200 /)
    })
  )

  it.scopedLive("that is not JSON is a 400 that repeats nothing of it", () =>
    Effect.gen(function* () {
      const { chat, request } = yield* TestGateway.serve(TestBackend.make())
      const bodies = [
        "",
        "{",
        "secret",
        '{"a":1}x',
        "[".repeat(20_000),
        `${"[".repeat(65)}${"]".repeat(65)}`,
        "null",
        "[]",
        '"text"'
      ]
      for (const body of bodies) {
        const answer = yield* chat(body)
        assert.deepStrictEqual(
          [body.slice(0, 10), answer.status, answer.json.error],
          [
            body.slice(0, 10),
            400,
            {
              message: "We could not parse the JSON body of your request.",
              type: "invalid_request_error",
              param: null,
              code: null
            }
          ]
        )
      }
      const headers = { "content-type": "application/json" }
      const cut = new Uint8Array([...utf8('{"model":"'), 0xc3, ...utf8('"}')])
      const answer = yield* request("/v1/chat/completions", { method: "POST", headers, body: cut })
      assert.strictEqual(answer.json.error?.message, "We could not parse the JSON body of your request.")
    })
  )

  it.scopedLive("of more values than anybody needs is a 400", () =>
    Effect.gen(function* () {
      const { chat } = yield* TestGateway.serve(TestBackend.make())
      for (const padding of ["[]", '"a"', "0"]) {
        const answer = yield* chat(`{"model":"auto","padding":[${`${padding},`.repeat(200_000)}0]}`)
        assert.deepStrictEqual([answer.status, answer.json.error?.code], [400, "request_too_complex"])
      }
    })
  )

  it.scopedLive("of another kind is a 415", () =>
    Effect.gen(function* () {
      const { chat } = yield* TestGateway.serve(TestBackend.make())
      for (const headers of [
        { "content-type": "text/plain" },
        { "content-type": "application/x-www-form-urlencoded" },
        { "content-type": "application/jsonp" },
        { "content-type": "application/json", "content-encoding": "lzma" },
        { "content-type": "application/json", "content-encoding": "gzip, gzip" },
        { "content-type": "application/json", "content-encoding": "constructor" }
      ]) {
        const answer = yield* chat(hello, headers)
        assert.deepStrictEqual([answer.status, answer.json.error?.code], [415, "unsupported_media_type"])
      }
      assert.strictEqual((yield* chat(hello, { "content-type": "Application/JSON;charset=UTF-8" })).status, 200)
    })
  )
})
