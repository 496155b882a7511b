import { readFileSync } from "node:fs"
import { assert, describe, it } from "@effect/vitest"

const read = (file: string) => readFileSync(new URL(`../${file}`, import.meta.url), "utf8")
const all = (text: string, pattern: RegExp) => Array.from(text.matchAll(pattern), ([, found]) => found)

describe("the README in Chinese", () => {
  const english = read("README.md")
  const chinese = read("README.zh-CN.md")

  it("has the commands, links, tables and headings of the English one", () => {
    for (const pattern of [
      /^```(\w+\n[\s\S]*?)^```$/gm,
      /\]\((?!README)([^)]+)\)/g,
      /^\| (`[^|]+?`) *\|/gm,
      /^(#+) /gm
    ]) {
      assert.deepStrictEqual(all(chinese, pattern), all(english, pattern), String(pattern))
      assert.isAbove(all(english, pattern).length, 4)
    }
  })
})
