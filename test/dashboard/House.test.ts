import { readdirSync, readFileSync } from "node:fs"
import { assert, describe, it } from "@effect/vitest"

const root = new URL("../../dashboard/", import.meta.url)
const files = readdirSync(root, { recursive: true, encoding: "utf8" })
  .filter((file) => /\.(?:tsx?|css)$/.test(file))
  .map((file) => [file, readFileSync(new URL(file, root), "utf8")] as const)

const broken = (isBroken: (text: string, file: string) => boolean) =>
  files.filter(([file, text]) => isBroken(text, file)).map(([file]) => file)

describe("dashboard/", () => {
  it("has files that open with their purpose and end before line 150", () => {
    assert.isAbove(files.length, 50)
    assert.deepStrictEqual(
      broken((text, file) => !/^\/\*/.test(text) && !file.endsWith(".d.ts")),
      []
    )
    assert.deepStrictEqual(
      broken((text) => text.split("\n").length > 151),
      []
    )
  })

  /** What the page and the command line share; it imports nothing itself. */
  const shared = "src/domain/inspect/AnswerText.ts"

  it("takes types alone from the gateway, and one file that imports nothing, so that none of it is loaded by a browser", () => {
    assert.deepStrictEqual(
      broken((text) =>
        [...text.matchAll(/^import (?!type\b)[^"]*"([^"]+)"/gm)].some(
          ([, from = ""]) => /(?:\.\.\/)+src\/|^effect|^@effect/.test(from) && !from.endsWith(`/${shared}`)
        )
      ),
      []
    )
    assert.notMatch(readFileSync(new URL(`../../${shared}`, import.meta.url), "utf8"), /\bimport\b.*"|\bfrom "/)
  })

  it("has nothing inline, which its policy would refuse, writes no markup from texts, and keeps nothing in the browser", () => {
    assert.deepStrictEqual(
      broken((text) => /\bstyle=|innerHTML|\beval\(|new Function/.test(text)),
      []
    )
    assert.deepStrictEqual(
      broken((text) => /localStorage|sessionStorage|indexedDB|\.cookie\b/.test(text)),
      []
    )
  })
})
