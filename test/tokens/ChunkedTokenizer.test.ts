import { assert, describe, it } from "@effect/vitest"
import { FastCheck } from "effect"
import * as ChunkedTokenizer from "../../src/tokens/ChunkedTokenizer.ts"
import { cuts, split, textOf } from "../support/pieces.ts"

const piecesOf = (parts: ReadonlyArray<string>) => {
  const pieces: Array<string> = []
  const counter = ChunkedTokenizer.counter((piece) => {
    pieces.push(piece)
    return piece.length
  })
  for (const part of parts) counter.add(part)
  return { total: counter.total(), pieces }
}

const text = FastCheck.oneof(
  textOf(["word ", "longer words, ", "中文", "😀", "\n\n", "   ", "x".repeat(200), " ", "\ud83d"], 60),
  FastCheck.string({ unit: "grapheme", maxLength: 400 })
)

describe("ChunkedTokenizer", () => {
  it.prop("cuts a text at the same places, however it came", [text, cuts], ([whole, at]) => {
    const { pieces, total } = piecesOf(split(whole, at))
    assert.deepStrictEqual(pieces, piecesOf([whole]).pieces)
    assert.strictEqual(pieces.join(""), whole)
    assert.strictEqual(total, whole.length)
  })

  it.prop("gives no piece of more than 256 units and none that begins inside of a character", [text], ([whole]) => {
    const { pieces } = piecesOf([whole.replaceAll("\ud83d", "")])
    for (const piece of pieces) assert.isAtMost(piece.length, 256)
  })

  it("counts what is pending too, as often as it is asked", () => {
    const counter = ChunkedTokenizer.counter((piece) => piece.length)
    assert.strictEqual(counter.total(), 0)
    for (let i = 1; i <= 1000; i++) {
      counter.add("a")
      assert.strictEqual(counter.total(), i)
    }
  })

  it("ends a piece before the blank of a word", () => {
    const { pieces } = piecesOf(["seven77 ".repeat(100)])
    for (const piece of pieces.slice(1)) assert.isTrue(piece.startsWith(" seven77"))
  })
})
