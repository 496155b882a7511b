import { assert, describe, it } from "@effect/vitest"
import { FastCheck } from "effect"
import * as TokenLimit from "../../src/textonly/TokenLimit.ts"
import * as TokenEstimate from "../../src/tokens/TokenEstimate.ts"
import { cuts, split, textOf } from "../support/pieces.ts"

const run = (max: number, pieces: ReadonlyArray<string>, thoughts: ReadonlyArray<string> = []) => {
  const got = { text: "", thought: "", isOver: false }
  const length = TokenLimit.make(max, TokenEstimate.counter(), {
    text: (text) => {
      if (got.isOver) assert.fail("text behind the end")
      got.text += text
    },
    thought: (text) => {
      if (got.isOver) assert.fail("text behind the end")
      got.thought += text
    },
    over: () => {
      assert.isFalse(got.isOver)
      got.isOver = true
    }
  })
  for (const piece of thoughts) length.thought(piece)
  for (const piece of pieces) length.text(piece)
  length.end()
  return got
}

/** The longest beginning in whole characters that fits, looked for the long way. */
const expected = (max: number, whole: string): string => {
  let fits = ""
  for (const char of whole) {
    if (TokenEstimate.estimate(fits + char) > max) return fits
    fits += char
  }
  return fits
}

const text = textOf(["word", " ", "\n", "中文", "😀", "é", "123", "{", "\ud83d", "x"], 30)

describe("TokenLimit", () => {
  it.prop(
    "passes all that fits and not one character more, wherever the text was cut",
    [FastCheck.nat(30), text, cuts],
    ([max, whole, at]) => {
      const fits = expected(max, whole)
      const got = run(max, split(whole, at))
      assert.strictEqual(got.text, fits)
      assert.strictEqual(got.isOver, fits !== whole)
    }
  )

  it("counts thoughts too", () => {
    const thought = "some thoughts about it: "
    const used = TokenEstimate.estimate(thought)
    assert.deepStrictEqual(run(used, ["中文"], [thought]), { text: "", thought, isOver: true })
    assert.isFalse(run(used + 10, ["answer"], [thought]).isOver)
    assert.strictEqual(run(1, ["answer"], [thought]).text, "")
  })

  it("never lets half a character out", () => {
    for (let max = 0; max < 12; max++) {
      const got = run(max, "😀😁😂🤣".split(""))
      assert.isTrue([...got.text].every((char) => char.length === 2))
    }
  })

  it("waits for the other half of a character before it decides", () => {
    let units = 0
    const counter: TokenEstimate.Counter = {
      add: (text) => {
        units += text.length
      },
      total: () => units
    }
    const got: Array<string> = []
    const { text, thought } = TokenLimit.make(3, counter, {
      text: (some) => got.push(some),
      thought: (some) => got.push(some),
      over: () => got.push("over")
    })
    for (const half of "😀😁".split("")) text(half)
    thought("more")
    assert.deepStrictEqual(got, ["😀", "over"])
  })

  it("takes linear time on a piece of any size", () => {
    const began = performance.now()
    for (const part of ["a", " ", "中", "😀"]) run(2_000_000, [part.repeat(1_000_000)])
    for (const part of ["a", " ", "中", "😀"]) run(1000, [part.repeat(1_000_000)])
    run(100_000, Array<string>(300_000).fill("ab "))
    assert.isBelow(performance.now() - began, 5000)
  })
})
