import { assert, describe, it } from "@effect/vitest"
import * as Reasoning from "../../src/textonly/Reasoning.ts"
import { cuts, split, textOf } from "../support/pieces.ts"

const run = (pieces: ReadonlyArray<string>) => {
  const got = { text: "", thought: "" }
  const stage = Reasoning.make({
    text: (text) => {
      got.text += text
    },
    thought: (text) => {
      got.thought += text
    }
  })
  for (const piece of pieces) stage.push(piece)
  stage.end()
  return got
}

const cases: ReadonlyArray<readonly [whole: string, text: string, thought: string]> = [
  ["plain", "plain", ""],
  ["", "", ""],
  ["  \n", "  \n", ""],
  ["<think>a < b</think>\n\nanswer", "answer", "a < b"],
  [" \n<think>\nwhy\n</think>answer </think>", "answer </think>", "\nwhy\n"],
  ["<think>never closed </thin", "", "never closed </thin"],
  ["<think></think>", "", ""],
  ["<thin", "<thin", ""],
  ["so <think>not here</think>", "so <think>not here</think>", ""],
  ["a\n````think::12\nwhy\n````\nb", "ab", "why"],
  ["````think::{THINK_TIME}\nwhy\nnot\n````\nb", "b", "why\nnot"],
  ["\n````think::3.5\nwhy\n````", "", "why"],
  ["````think::1\n````\nb", "b", ""],
  ["x\n````think::1\na\n````\n\n````think::2\nb\n````\ny\n````think::3\nc\n````\nz", "xyz", "abc"],
  ["x\n````think::1\na\n````\n````think::2\nb\n````\ny", "xy", "ab"],
  ["x\n````think::1\nnever\n```\nclosed", "x", "never\n```\nclosed"],
  ["x\n````think::soon\ny\n````\n", "x\n````think::soon\ny\n````\n", ""],
  ["x\n````think::12", "x\n````think::12", ""],
  ["x ````think::1\ny", "x ````think::1\ny", ""],
  ["<think>a</think>\n````think::1\nb\n````\nc", "c", "ab"],
  ["x\n````\ncode\n````\n", "x\n````\ncode\n````\n", ""]
]

describe("Reasoning", () => {
  for (const [whole, text, thought] of cases) {
    it(`reads ${JSON.stringify(whole)}, however it was cut`, () => {
      assert.deepStrictEqual(run([whole]), { text, thought })
      assert.deepStrictEqual(run([...whole]), { text, thought })
      for (let i = 0; i < whole.length; i++)
        assert.deepStrictEqual(run([whole.slice(0, i), whole.slice(i)]), { text, thought })
    })
  }

  const words = [
    "<think>",
    "</think>",
    "\n````think::1\n",
    "\n````\n",
    "````think::",
    "{THINK_TIME}",
    "\n",
    "`",
    "<",
    " ",
    "1",
    "a"
  ]
  it.prop("does not depend on where the text was cut", [textOf(words), cuts], ([whole, at]) => {
    assert.deepStrictEqual(run(split(whole, at)), run([whole]))
  })

  it.prop(
    "lets other text pass as it is",
    [textOf(["`", "```", "````", "\n", "think", ":", " ", "😀", "a"])],
    ([whole]) => {
      assert.deepStrictEqual(run(split(whole, [3, 7, 20])), { text: whole, thought: "" })
    }
  )

  it("holds nothing back that cannot become a mark", () => {
    let got = ""
    const stage = Reasoning.make({
      text: (text) => {
        got += text
      },
      thought: () => assert.fail("no thought")
    })
    const steps: ReadonlyArray<readonly [piece: string, seen: string]> = [
      [" ", ""],
      ["<", ""],
      ["b", " <b"],
      ["\n", " <b"],
      ["```", " <b"],
      ["x", " <b\n```x"],
      ["<think>", " <b\n```x<think>"],
      ["\n````think::", " <b\n```x<think>"],
      ["7x", " <b\n```x<think>\n````think::7x"]
    ]
    for (const [piece, seen] of steps) {
      stage.push(piece)
      assert.strictEqual(got, seen)
    }
  })

  it("takes linear time on hostile text", () => {
    const began = performance.now()
    for (const part of ["\n", "\n````think::", "<", " ", "`", "\n````think::1\n"]) {
      run(Array<string>(100_000).fill(part))
      run([part.repeat(100_000)])
    }
    assert.isBelow(performance.now() - began, 5000)
  })
})
