import * as Zlib from "node:zlib"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as TestBackend from "../../support/TestBackend.ts"
import * as TestGateway from "../../support/TestGateway.ts"

const hello = JSON.stringify({ model: "auto", messages: [{ role: "user", content: "hi" }] })
const packed: Readonly<Record<string, (text: string) => Buffer>> = {
  gzip: (text) => Zlib.gzipSync(text),
  "x-gzip": (text) => Zlib.gzipSync(text),
  GZIP: (text) => Zlib.gzipSync(text),
  deflate: (text) => Zlib.deflateSync(text),
  br: (text) => Zlib.brotliCompressSync(text)
}

const serve = (settings = {}) =>
  Effect.map(TestGateway.serve(TestBackend.make(), settings), ({ request }) => ({
    post: (body: Buffer, encoding: string, path = "/v1/chat/completions") =>
      request(path, {
        method: "POST",
        headers: { "content-type": "application/json", "content-encoding": encoding },
        body: new Uint8Array(body)
      })
  }))

describe("a compressed body", () => {
  it.scopedLive("is decompressed", () =>
    Effect.gen(function* () {
      const { post } = yield* serve()
      for (const [encoding, pack] of Object.entries(packed)) {
        assert.strictEqual((yield* post(pack(hello), encoding)).status, 200, encoding)
      }
    })
  )

  it.scopedLive("is rejected if it is not in that encoding, truncated, or not JSON", () =>
    Effect.gen(function* () {
      const { post } = yield* serve()
      const good = Zlib.gzipSync(hello)
      for (const body of [Buffer.from(hello), good.subarray(0, -12), Buffer.alloc(0), Zlib.gzipSync("{")]) {
        assert.strictEqual((yield* post(body, "gzip")).status, 400)
      }
      assert.strictEqual((yield* post(good, "br")).status, 400)
    })
  )

  it.scopedLive("is rejected in an unsupported encoding, naming the supported ones", () =>
    Effect.gen(function* () {
      const { post } = yield* serve()
      for (const path of ["/v1/chat/completions", "/v1/messages"]) {
        const answer = yield* post(Zlib.gzipSync(hello), "compress", path)
        assert.strictEqual(answer.status, 415)
        assert.match(answer.headers.get("accept-encoding") ?? "", /^gzip, deflate, br\b/)
        assert.include(answer.text, "gzip, deflate, br")
      }
    })
  )

  it.scopedLive("is limited by its decompressed size", () =>
    Effect.gen(function* () {
      const { post } = yield* serve({ bodyLimitMb: 1 })
      const bomb = Zlib.gzipSync(Buffer.alloc(64 << 20, 0x20))
      assert.isBelow(bomb.length, 128 << 10)
      assert.strictEqual((yield* post(bomb, "gzip")).status, 413)
      const other = yield* serve({ bodyLimitMb: 100, bodiesPerKeyMb: 2 })
      assert.oneOf((yield* other.post(bomb, "gzip")).status, [413, 429])
    })
  )
})
