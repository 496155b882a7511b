import { readFileSync } from "node:fs"
import { assert, describe, it } from "@effect/vitest"
import { filled, parse } from "../../dashboard/connect/SetUps.ts"

const markdown = readFileSync(new URL("../../docs/clients.md", import.meta.url), "utf8")
const setUps = parse(markdown)

describe("set-ups of clients", () => {
  it("are all those of docs/clients.md, word for word, with the files that they are written to", () => {
    const clients = [...markdown.matchAll(/^## (.+)$/gm)].map(([, name]) => name)
    assert.deepStrictEqual(
      setUps.map(({ client }) => client),
      clients
    )
    const fences = markdown
      .split(/^## /m)
      .slice(1)
      .join("")
      .match(/^```\w+$/gm)
    assert.strictEqual(setUps.flatMap(({ blocks }) => blocks).length, fences?.length)
    for (const { blocks } of setUps) for (const { text } of blocks) assert.include(markdown, text)
    const files = setUps.flatMap(({ blocks, client }) =>
      blocks.flatMap(({ file }) => (file ? [`${client}: ${file}`] : []))
    )
    assert.deepStrictEqual(files, [
      "Codex: ~/.codex/config.toml",
      "opencode: ~/.config/opencode/opencode.json",
      "Qwen Code: ~/.qwen/settings.json",
      "Continue: ~/.continue/config.yaml",
      "pi: ~/.pi/agent/models.json"
    ])
  })

  it("name the gateway's address and the key, wherever docs/clients.md has an example of them", () => {
    for (const { blocks } of setUps) {
      for (const { text } of blocks) {
        const told = filled(text, "https://lingma.example.com", "sk-lgw-1")
        assert.notInclude(told, "127.0.0.1")
        assert.notInclude(told, "any-key")
      }
    }
    assert.strictEqual(
      filled('new OpenAI({ baseURL: "http://127.0.0.1:8370/v1", apiKey })', "http://h", "k"),
      'new OpenAI({ baseURL: "http://h/v1", apiKey: "k" })'
    )
    assert.strictEqual(filled("new OpenAI({ apiKey })", "http://h", "a$&b$$"), 'new OpenAI({ apiKey: "a$&b$$" })')
    assert.strictEqual(filled('"apiKey": "any-key"', "http://h", "k"), '"apiKey": "k"')
  })
})
