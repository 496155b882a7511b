import { assert, describe, it } from "@effect/vitest"
import * as Places from "../../../../../src/http/dialects/messages/request/Places.ts"

const text = { type: "text" }
const body = {
  system: [text],
  thinking: { type: "enabled" },
  tool_choice: { type: "tool" },
  tools: [{ name: "a" }, { type: "custom", name: "b" }, { type: "web_search_20250305" }, null],
  messages: [
    {
      content: [
        { type: "tool_result", content: [text, { type: "image", source: { type: "base64" } }] },
        { type: "document", source: { type: "content", content: [text] } },
        { type: "search_result", source: "s", content: [text] },
        { type: "hologram" },
        { type: 1 },
        "words"
      ]
    },
    { content: "words" }
  ]
}

describe("a place in a body", () => {
  it("names the kind of what is one of several", () => {
    const content = ["messages", 0, "content"] as const
    for (const [path, place] of [
      [[...content, 0, "content", 0, "text"], "messages.0.content.0.tool_result.content.0.text.text"],
      [
        [...content, 0, "content", 1, "source", "data"],
        "messages.0.content.0.tool_result.content.1.image.source.base64.data"
      ],
      [
        [...content, 1, "source", "content", 0, "text"],
        "messages.0.content.1.document.source.content.content.0.text.text"
      ],
      [["tools", 0, "input_schema"], "tools.0.custom.input_schema"],
      [["tools", 1, "input_schema"], "tools.1.custom.input_schema"],
      [["tool_choice", "name"], "tool_choice.tool.name"],
      [["thinking", "display"], "thinking.enabled.display"]
    ] as const) {
      assert.strictEqual(Places.inBody(path, body), place)
    }
  })

  it("is its path alone where there is one kind only, and where the kind is not known", () => {
    const content = ["messages", 0, "content"] as const
    for (const [path, place] of [
      [[], ""],
      [["max_tokens"], "max_tokens"],
      [["system", 0, "text"], "system.0.text"],
      [["messages", 1, "content"], "messages.1.content"],
      [[...content, 2, "content", 0, "text"], "messages.0.content.2.search_result.content.0.text"],
      [[...content, 3, "x"], "messages.0.content.3.x"],
      [[...content, 4, "type"], "messages.0.content.4.type"],
      [[...content, 5], "messages.0.content.5"],
      [[...content, 6, "source", "data"], "messages.0.content.6.source.data"],
      [["tools", 2, "name"], "tools.2.name"],
      [["tools", 3], "tools.3"],
      [["constructor", "name"], "constructor.name"]
    ] as const) {
      assert.strictEqual(Places.inBody(path, body), place)
    }
    for (const none of [undefined, null, 1, "text", []])
      assert.strictEqual(Places.inBody(["tools", 0, "name"], none), "tools.0.name")
  })
})
