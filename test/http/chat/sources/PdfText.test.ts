import { Worker } from "node:worker_threads"
import { assert, describe, it, vi } from "@effect/vitest"
import { Effect } from "effect"
import * as PdfText from "../../../../src/http/chat/sources/PdfText.ts"
import * as Pdf from "../../../support/Pdf.ts"

const read = (pdf: Buffer, options: Partial<PdfText.PdfTextOptions> = {}) =>
  PdfText.read(Uint8Array.from(pdf), { ...PdfText.limits, ...options })
const reasonOf = (pdf: Buffer, options: Partial<PdfText.PdfTextOptions> = {}) =>
  Effect.map(Effect.flip(read(pdf, options)), ({ reason }) => reason)

describe("the text of a PDF", () => {
  it.live("comes page by page", () =>
    Effect.gen(function* () {
      const told = yield* read(Pdf.make(["Hello one", "", "Hello three"]))
      assert.deepStrictEqual(told, { pages: 3, texts: ["Hello one", "", "Hello three"], isCut: false })
    })
  )

  it.scopedLive("leaves no thread behind", () =>
    Effect.gen(function* () {
      const ended = vi.spyOn(Worker.prototype, "terminate")
      yield* Effect.addFinalizer(() => Effect.sync(() => ended.mockRestore()))
      yield* read(Pdf.make(["Hello"]))
      yield* reasonOf(Buffer.from("%PDF-1.4 and no more"))
      assert.strictEqual(ended.mock.calls.length, 2)
    })
  )

  it.live("is no more than so many pages and characters", () =>
    Effect.gen(function* () {
      const pdf = Pdf.make(["0123456789", "abcdefghij", "more"])
      assert.deepStrictEqual(yield* read(pdf, { pages: 2 }), {
        pages: 3,
        texts: ["0123456789", "abcdefghij"],
        isCut: false
      })
      assert.deepStrictEqual(yield* read(pdf, { characters: 13 }), {
        pages: 3,
        texts: ["0123456789", "abc"],
        isCut: true
      })
    })
  )

  it.live("is not read where it is broken or locked", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* reasonOf(Buffer.from("%PDF-1.4 and no more")), "broken")
      assert.strictEqual(yield* reasonOf(Pdf.make(["Hello"]).subarray(0, 40)), "broken")
      assert.strictEqual(yield* reasonOf(Pdf.make(["Hello"], { encrypted: true })), "protected")
    })
  )

  it.live("is not read where it unpacks to too much", () =>
    Effect.gen(function* () {
      const bomb = Pdf.make(["Hello"], { padding: 4 << 20 })
      assert.isBelow(bomb.length, 10_000)
      assert.strictEqual(yield* reasonOf(bomb, { unpacked: 1 << 20 }), "broken")
    })
  )

  it.live("is not read where that takes too long", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* reasonOf(Pdf.make(["Hello"]), { within: "1 millis" }), "too_long")
    })
  )
})
