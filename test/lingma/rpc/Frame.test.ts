import { assert, describe, it } from "@effect/vitest"
import { FastCheck } from "effect"
import * as Frame from "../../../src/lingma/rpc/Frame.ts"

const text = FastCheck.oneof(
  FastCheck.string({ unit: "binary", maxLength: 60 }),
  FastCheck.string({
    unit: FastCheck.constantFrom("灵", "码", "😀", "👩‍👩‍👧", "é", "\r\n", "\r\n\r\n", "Content-Length: 3"),
    maxLength: 20
  })
)

const header = FastCheck.constantFrom<(size: number) => string>(
  (size) => `Content-Length: ${size}\r\n\r\n`,
  (size) => `content-length:${size}\r\n\r\n`,
  (size) => `Content-Type: application/vscode-jsonrpc; charset=utf-8\r\nCONTENT-LENGTH:  ${size} \r\n\r\n`,
  (size) => `Content-Length: ${size}\r\nContent-Type: x\r\n\r\n`
)

const frame = FastCheck.tuple(text, header)

const cutAt = (bytes: Buffer, sizes: ReadonlyArray<number>): ReadonlyArray<Buffer> => {
  const parts: Array<Buffer> = []
  let at = 0
  for (let i = 0; at < bytes.length; i++) {
    const size = sizes.length === 0 ? bytes.length : sizes[i % sizes.length]!
    parts.push(bytes.subarray(at, at + size))
    at += size
  }
  return parts
}

const decodeAll = (parts: ReadonlyArray<Buffer>, options?: Frame.DecoderOptions) => {
  const decoder = Frame.makeDecoder(options)
  const texts: Array<string> = []
  const error = parts.reduce<Frame.FrameError | undefined>(
    (found, part) => decoder.push(part, (body) => texts.push(body)) ?? found,
    undefined
  )
  return { decoder, texts, reason: error?.reason }
}

describe("Frame", () => {
  it.prop(
    "decodes the same messages however the bytes are split",
    [
      FastCheck.array(frame, { maxLength: 8 }),
      FastCheck.array(FastCheck.integer({ min: 1, max: 90 }), { maxLength: 6 })
    ],
    ([frames, sizes]) => {
      const bytes = Buffer.concat(frames.map(([body, head]) => Buffer.from(head(Buffer.byteLength(body)) + body)))
      const { texts, reason, decoder } = decodeAll(cutAt(bytes, sizes))
      assert.strictEqual(reason, undefined)
      assert.deepStrictEqual(
        texts,
        frames.map(([body]) => body)
      )
      assert.isFalse(decoder.partial)
    },
    { fastCheck: { numRuns: 400 } }
  )

  it.prop("decodes what encode writes, as one message and byte by byte", [text], ([body]) => {
    const bytes = Buffer.from(Frame.encode(body))
    assert.deepStrictEqual(decodeAll([bytes]).texts, [body])
    assert.deepStrictEqual(decodeAll(cutAt(bytes, [1])).texts, [body])
  })

  it.prop(
    "holds a frame that is cut short",
    [FastCheck.string({ minLength: 1 }), FastCheck.double({ min: 0, max: 1, noNaN: true })],
    ([body, share]) => {
      const bytes = Buffer.from(Frame.encode(body))
      const kept = 1 + Math.floor(share * (bytes.length - 2))
      const { texts, decoder } = decodeAll([bytes.subarray(0, kept)])
      assert.deepStrictEqual(texts, [])
      assert.isTrue(decoder.partial)
    }
  )

  it.prop(
    "refuses a body over the limit by its header, and none at the limit",
    [FastCheck.integer({ min: 1, max: 300 }), FastCheck.integer({ min: 1, max: 9 })],
    ([maxBody, size]) => {
      const over = cutAt(Buffer.from(`Content-Length: ${maxBody + 1}\r\n\r\n`), [size])
      assert.strictEqual(decodeAll(over, { maxBody }).reason, "body_too_long")
      const at = cutAt(Buffer.from(Frame.encode("x".repeat(maxBody))), [size])
      assert.deepStrictEqual(decodeAll(at, { maxBody }).texts, ["x".repeat(maxBody)])
    }
  )

  it.prop(
    "refuses a header over the limit however it arrives, and none at the limit",
    [FastCheck.integer({ min: 40, max: 200 }), FastCheck.integer({ min: 1, max: 250 })],
    ([maxHeader, size]) => {
      const padded = (length: number) => {
        const tail = "\r\nContent-Length: 2\r\n\r\n"
        return `X:${"y".repeat(length - tail.length - 2)}${tail}{}`
      }
      assert.deepStrictEqual(decodeAll(cutAt(Buffer.from(padded(maxHeader)), [size]), { maxHeader }).texts, ["{}"])
      const over = cutAt(Buffer.from(padded(maxHeader + 1)), [size])
      assert.strictEqual(decodeAll(over, { maxHeader }).reason, "header_too_long")
      assert.strictEqual(decodeAll([Buffer.alloc(maxHeader + 1, "a")], { maxHeader }).reason, "header_too_long")
      const endless = cutAt(Buffer.alloc(maxHeader + size, "a"), [size])
      assert.strictEqual(decodeAll(endless, { maxHeader }).reason, "header_too_long")
    }
  )

  it("names each violation, and stays broken after it", () => {
    const cases: ReadonlyArray<readonly [string, Frame.FrameReason]> = [
      ['{"jsonrpc":"2.0"}', "no_content_length"],
      ["Contnt-Lenth: 5\r\n\r\nhello", "no_content_length"],
      ["Content-Length: five\r\n\r\nhello", "bad_content_length"],
      ["Content-Length: -5\r\n\r\nhello", "bad_content_length"],
      ["Content-Length: 5.0\r\n\r\nhello", "bad_content_length"],
      ["Content-Length: \r\n\r\nhello", "bad_content_length"],
      ["Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello", "bad_content_length"],
      ["Consent-Length: 5\r\n\r\nhello", "no_content_length"],
      ["xxxxxxxxxxxxxxxx5\r\n\r\nhello", "no_content_length"],
      ["Content-Length5\r\n\r\nhello", "no_content_length"],
      ["Content-Length: 99999999999\r\n\r\n", "body_too_long"],
      ["Content-Length: 999999999999\r\n\r\n", "body_too_long"],
      ["Content-Length: 9999999999999\r\n\r\n", "bad_content_length"]
    ]
    for (const [bytes, reason] of cases) {
      const good = Buffer.from(Frame.encode("good"))
      const { texts, decoder } = decodeAll([good])
      assert.deepStrictEqual(texts, ["good"])
      const error = decoder.push(Buffer.from(bytes), () => assert.fail(bytes))
      assert.deepInclude(error, { _tag: "FrameError", reason })
      assert.strictEqual(error?.message, `broken frame: ${reason}`)
      assert.strictEqual(decoder.push(good, () => assert.fail("spoke after an error"))?.reason, reason)
      assert.isFalse(decoder.partial)
    }
  })

  it("refuses by its first byte a frame that begins with no letter, and waits for more of one that does", () => {
    for (let byte = 0; byte < 256; byte++) {
      const { decoder, reason } = decodeAll([Buffer.from([byte])])
      const begins = /[A-Za-z]/.test(String.fromCharCode(byte))
      assert.strictEqual(reason, begins ? undefined : "no_content_length", `byte ${byte}`)
      assert.strictEqual(decoder.partial, begins, `byte ${byte}`)
    }
  })

  it("takes a length that is told twice alike, and blanks around the field's name", () => {
    for (const head of ["Content-Length: 5\r\ncontent-length: 5", "Content-Length : 5", "X: 7\r\nContent-Length\t:5"]) {
      assert.deepStrictEqual(decodeAll([Buffer.from(`${head}\r\n\r\nhello`)]).texts, ["hello"], head)
    }
  })

  it("delivers an empty body with the last byte of its header, in one message and byte by byte", () => {
    const bytes = Buffer.from("Content-Length: 0\r\n\r\n")
    for (const parts of [[bytes], cutAt(bytes, [1])]) {
      const { decoder, texts } = decodeAll(parts)
      assert.deepStrictEqual(texts, [""])
      assert.isFalse(decoder.partial)
    }
  })

  it("measures each header by itself, however much comes before it in the same message", () => {
    const maxHeader = 40
    const bytes = Buffer.concat([Frame.encode("x".repeat(500)), Frame.encode("y"), Frame.encode("z".repeat(99))])
    for (let cut = bytes.length - 99 - 20; cut < bytes.length - 99; cut++) {
      const { decoder, texts } = decodeAll([bytes.subarray(0, cut)], { maxHeader })
      assert.deepStrictEqual(texts, ["x".repeat(500), "y"])
      assert.isUndefined(decoder.push(bytes.subarray(cut), (body) => texts.push(body)))
      assert.strictEqual(texts[2], "z".repeat(99))
    }
  })

  it("delivers the good frames that came before a violation in the same message", () => {
    const { texts, reason } = decodeAll([Buffer.from(`${Frame.encode("a")}${Frame.encode("b")}{bare}`)])
    assert.deepStrictEqual(texts, ["a", "b"])
    assert.strictEqual(reason, "no_content_length")
  })

  it("puts U+FFFD for bytes that are no UTF-8, and goes on", () => {
    const bad = Buffer.concat([Buffer.from("Content-Length: 3\r\n\r\n"), Buffer.from([0x61, 0xff, 0x62])])
    assert.deepStrictEqual(decodeAll([bad, Buffer.from(Frame.encode("next"))]).texts, ["a\uFFFDb", "next"])
  })

  it("takes a big body in tiny pieces in linear time", () => {
    const time = (size: number) => {
      const body = "灵".repeat(size)
      const parts = cutAt(Frame.encode(body), [3])
      const before = process.cpuUsage()
      assert.strictEqual(decodeAll(parts).texts[0], body)
      const { system, user } = process.cpuUsage(before)
      return (user + system) / 1000
    }
    time(25_000)
    // Eight times the bytes; copying them anew with each piece would take 64 times as long.
    const small = time(25_000)
    assert.isBelow(time(200_000), 24 * small + 500)
  })
})
