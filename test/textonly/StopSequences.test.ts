import { assert, describe, it } from "@effect/vitest"
import { FastCheck } from "effect"
import * as StopSequences from "../../src/textonly/StopSequences.ts"
import { cuts, split, textOf } from "../support/pieces.ts"

interface Got {
  text: string
  hit: string | undefined
}

const open = (sequences: ReadonlyArray<string>) => {
  const got: Got = { text: "", hit: undefined }
  const stage = StopSequences.make(sequences, {
    text: (text) => {
      if (got.hit !== undefined) assert.fail("text behind a hit")
      got.text += text
    },
    hit: (sequence) => {
      assert.isUndefined(got.hit)
      got.hit = sequence
    }
  })
  return { got, stage }
}
const run = (sequences: ReadonlyArray<string>, pieces: ReadonlyArray<string>): Got => {
  const { got, stage } = open(sequences)
  for (const piece of pieces) stage.push(piece)
  stage.end()
  return got
}

/** As the text would be read in one look. */
const expected = (sequences: ReadonlyArray<string>, whole: string): Got => {
  for (let at = 0; at < whole.length; at++) {
    const here = sequences.filter((sequence) => sequence !== "" && whole.startsWith(sequence, at))
    const longest = here.sort((a, b) => b.length - a.length)[0]
    if (longest !== undefined) return { text: whole.slice(0, at), hit: longest }
  }
  return { text: whole, hit: undefined }
}

const sequences = FastCheck.array(textOf(["a", "b", "ab", "😀", "\n"], 4), { maxLength: 5 })

describe("StopSequences", () => {
  it.prop(
    "finds the first and longest, wherever the text was cut",
    [sequences, textOf(["a", "b", "c", "😀", "😁", "\n"]), cuts],
    ([some, whole, at]) => {
      assert.deepStrictEqual(run(some, split(whole, at)), expected(some, whole))
    }
  )

  it("prefers what begins first to what ends first", () => {
    assert.deepStrictEqual(run(["abcd", "bc"], [..."xabcd"]), { text: "x", hit: "abcd" })
    assert.deepStrictEqual(run(["abcd", "bc"], [..."xabce"]), { text: "xa", hit: "bc" })
    assert.deepStrictEqual(run(["ab", "abc"], ["abc"]), { text: "", hit: "abc" })
    assert.deepStrictEqual(run(["ab", "abc"], ["ab"]), { text: "", hit: "ab" })
  })

  it("tells a hit with its last character, and holds back no more than may become one", () => {
    const { got, stage } = open(["END.", "\n\nUser:"])
    const steps: ReadonlyArray<readonly [piece: string, seen: string]> = [
      ["one EN", "one "],
      ["EN", "one EN"],
      ["Z\n", "one ENENZ"],
      ["\n\nUs", "one ENENZ\n"],
      ["e", "one ENENZ\n"]
    ]
    for (const [piece, seen] of steps) {
      stage.push(piece)
      assert.strictEqual(got.text, seen)
    }
    stage.push("r:")
    assert.deepStrictEqual(got, { text: "one ENENZ\n", hit: "\n\nUser:" })
    stage.push("more")
    stage.end()
    assert.strictEqual(got.text, "one ENENZ\n")
  })

  it("takes linear time on hostile text", () => {
    const began = performance.now()
    const long = `${"a".repeat(10_000)}b`
    run([long, `${"a".repeat(5_000)}c`], Array<string>(300_000).fill("a"))
    run([long], ["a".repeat(1_000_000)])
    assert.isBelow(performance.now() - began, 5000)
  })
})
