import { existsSync, readdirSync, readFileSync } from "node:fs"
import { assert, describe, it } from "@effect/vitest"
import * as Parameters from "../../docs/generate/Parameters.ts"
import type { Dialect } from "../../src/http/chat/FieldSupport.ts"

describe("docs/parameters.md", () => {
  it("is what the tables say; `npm run docs` writes it anew", () => {
    const written = readFileSync(new URL("../../docs/parameters.md", import.meta.url), "utf8")
    assert.strictEqual(written, Parameters.render())
  })

  it("has every dialect that has a table", async () => {
    const http = new URL("../../src/http/dialects/", import.meta.url)
    const tables = readdirSync(http).filter((name) => existsSync(new URL(`${name}/Fields.ts`, http)))
    assert.isAtLeast(tables.length, 3)
    for (const name of tables) {
      const { support } = (await import(`../../src/http/dialects/${name}/Fields.ts`)) as { readonly support: Dialect }
      assert.include(Parameters.render(), `## POST ${support.path}\n`)
    }
  })

  it("has no field, and no part of one, that is left out without a name", () => {
    assert.notMatch(Parameters.render(), /left out|dropped/i)
  })

  it("tells each field once, the ignored after what has an effect, with cells that stay cells", () => {
    const text = Parameters.render([
      {
        path: "/v1/x",
        fields: { a: { class: "ignored" }, b: { class: "honoured", refused: "1 | 2", note: "n" } },
        limits: { tools: 3, stop: 4 }
      }
    ])
    const [, section = ""] = text.split("## POST /v1/x\n\n")
    assert.strictEqual(
      section,
      [
        "| field | class    | refused values | note |",
        "| ----- | -------- | -------------- | ---- |",
        "| `b`   | honoured | 1 \\| 2         | n    |",
        "| `a`   | ignored  |                |      |",
        "",
        "In one request at most: `tools` 3, `stop` 4.",
        ""
      ].join("\n")
    )
  })
})
