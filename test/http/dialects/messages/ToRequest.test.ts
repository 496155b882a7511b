import { assert, describe, it } from "@effect/vitest"
import { Either, Option, Schema } from "effect"
import type { Tool } from "../../../../src/domain/Chat.ts"
import type { Link } from "../../../../src/http/chat/Images.ts"
import * as SchemaIssue from "../../../../src/http/chat/SchemaIssue.ts"
import * as Errors from "../../../../src/http/dialects/messages/Errors.ts"
import { MessagesRequest } from "../../../../src/http/dialects/messages/request/Payload.ts"
import * as ToRequest from "../../../../src/http/dialects/messages/ToRequest.ts"

const hi = { role: "user", content: "hi" }
const decode = Schema.decodeUnknownEither(MessagesRequest)
const picture = (link: Link) => ({ mediaType: "image/png", data: "data" in link ? link.data : link.url })
const document = ({ data }: { readonly data: string }) => data
const attempt = (body: object, session?: string) => {
  const sent: unknown = JSON.parse(JSON.stringify({ model: "auto", max_tokens: 100, messages: [hi], ...body }))
  return decode(sent).pipe(
    Either.mapLeft(({ issue }) => Errors.fromIssue(SchemaIssue.explain(issue), sent)),
    Either.flatMap((payload) => ToRequest.toRequest(payload, { sessionId: session, picture, document }))
  )
}
const read = (body: object) => Either.getOrThrow(attempt(body))
const request = (body: object) => read(body).request
const complaint = (body: object) => {
  const { message, status, type } = Either.getOrThrow(Either.flip(attempt(body)))
  assert.deepStrictEqual([status, type], [400, "invalid_request_error"])
  return message
}

const none = { images: [], toolCalls: [], toolCallId: undefined }
const image = { type: "image", source: { type: "base64", media_type: "image/PNG", data: "aGk=" } }
const png = { mediaType: "image/png", data: "aGk=" }
const tool = { name: "Write", description: "writes", input_schema: { type: "object" } }
const text = (words: string) => ({ type: "text", text: words, cache_control: { type: "ephemeral" }, citations: null })

describe("messages", () => {
  it("are taken in every form", () => {
    const { messages } = request({
      system: [text("be brief"), text("be kind")],
      messages: [
        { role: "user", content: [text("a"), image, text("b")] },
        { role: "user", content: "again" },
        {
          role: "assistant",
          content: [
            { type: "thinking", thinking: "hm", signature: "s" },
            { type: "redacted_thinking", data: "x" },
            text("looking"),
            { type: "tool_use", id: "toolu_1", name: "Read", input: { path: "x" }, caller: { type: "direct" } },
            { type: "tool_use", id: "toolu_2", name: "List" }
          ]
        },
        {
          role: "user",
          content: [
            { type: "tool_result", tool_use_id: "toolu_1", content: "found" },
            { type: "tool_result", tool_use_id: "toolu_2", is_error: true, content: [text("no"), image] },
            { type: "tool_result", tool_use_id: "toolu_3" },
            text("go on")
          ]
        },
        { role: "system", content: [text("mind the time")] }
      ]
    })
    assert.deepStrictEqual(messages, [
      { ...none, role: "system", text: "be brief\nbe kind" },
      {
        ...none,
        role: "user",
        text: "a\nb",
        images: [{ ...png, at: 2, param: "messages.0.content.1.image.source.base64" }]
      },
      { ...none, role: "user", text: "again" },
      {
        ...none,
        role: "assistant",
        text: "looking",
        toolCalls: [
          { id: "toolu_1", name: "Read", arguments: '{"path":"x"}' },
          { id: "toolu_2", name: "List", arguments: "{}" }
        ]
      },
      { ...none, role: "tool", text: "found", toolCallId: "toolu_1" },
      {
        ...none,
        role: "tool",
        text: "The tool failed:\nno",
        images: [{ ...png, at: 20, param: "messages.3.content.1.tool_result.content.1.image.source.base64" }],
        toolCallId: "toolu_2"
      },
      { ...none, role: "tool", text: "", toolCallId: "toolu_3" },
      { ...none, role: "user", text: "go on" },
      { ...none, role: "system", text: "mind the time" }
    ])
  })

  it("hold documents as text", () => {
    const { request, skipped } = read({
      messages: [
        {
          role: "user",
          content: [
            {
              type: "document",
              title: "T",
              context: "C",
              source: { type: "text", media_type: "text/plain", data: "body" }
            },
            { type: "document", source: { type: "content", content: [text("x"), image] } },
            { type: "document", source: { type: "base64", media_type: "text/csv", data: "YSxi" } },
            { type: "document", title: "P", source: { type: "base64", media_type: "application/pdf", data: "aGk=" } },
            { type: "search_result", source: "s", title: "t", content: [text("r")] }
          ]
        }
      ]
    })
    assert.deepStrictEqual(request.messages[0]?.text.split("\n"), [
      ...["<document>", "T", "C", "body", "</document>"],
      ...["<document>", "x", "</document>"],
      ...["<document>", "a,b", "</document>"],
      ...["<document>", "P", "aGk=", "</document>"],
      ...["<search_result>", "t", "s", "r", "</search_result>"]
    ])
    const param = "messages.0.content.1.document.source.content.content.1.image.source.base64"
    assert.deepStrictEqual(request.messages[0]?.images, [{ ...png, at: 45, param }])
    assert.deepStrictEqual(skipped, [])
  })

  it("leave out kinds that nobody knows, and say so", () => {
    const { request, skipped } = read({
      context_management: { edits: [] },
      service_tier: "auto",
      container: null,
      output_config: { effort: "galactic" },
      messages: [{ role: "user", content: [{ type: "hologram", data: 1 }, text("hi")] }],
      tools: [
        { type: "web_search_20250305", name: "web_search" },
        { type: "custom", ...tool }
      ]
    })
    const note = "(a part of a kind that cannot be shown here was left out)"
    assert.deepStrictEqual(request.messages, [{ ...none, role: "user", text: `${note}\nhi` }])
    assert.deepStrictEqual(skipped, ["tools.web_search_20250305", "messages.content.hologram", "output_config.effort"])
    assert.deepStrictEqual(
      request.toolset.tools.map(({ name }) => name),
      ["Write"]
    )
  })

  it("are refused where they cannot be understood, by place and rule", () => {
    assert.strictEqual(complaint({ max_tokens: undefined }), "max_tokens: Field required")
    assert.strictEqual(complaint({ max_tokens: 0 }), "max_tokens: must be at least 1")
    assert.strictEqual(complaint({ messages: [] }), "messages: must hold at least 1 item")
    assert.strictEqual(complaint({ messages: [{ role: "user", content: [] }] }), "messages: There is nothing to answer")
    assert.strictEqual(
      complaint({ messages: [{ role: "wizard", content: "hi" }] }),
      "messages.0.role: Input should be 'user' or 'assistant' or 'system'"
    )
    assert.strictEqual(
      complaint({ tools: [{ name: "a", input_schema: { type: "object" } }], tool_choice: { type: "some" } }),
      "tool_choice.type: Input should be 'tool' or 'none' or 'auto' or 'any'"
    )
    assert.strictEqual(
      complaint({ messages: [{ role: "user", content: [{ type: "text" }] }] }),
      "messages.0.content.0.text.text: Field required"
    )
    assert.strictEqual(
      complaint({ messages: [{ role: "user", content: [{ type: "tool_result", content: "x" }] }] }),
      "messages.0.content.0.tool_result.tool_use_id: Field required"
    )
    assert.strictEqual(complaint({ stream: "yes" }), "stream: Input should be a boolean, not a string")
    assert.strictEqual(complaint({ tools: [{ name: "x" }] }), "tools.0.custom.input_schema: Field required")
    assert.strictEqual(complaint({ tools: [tool, tool] }), "tools.1.custom.name: Tool names must be unique")
    const search = { type: "web_search_20250305", name: "web_search" }
    assert.match(
      complaint({ tools: [search, tool, { ...tool, name: "x", input_schema: { type: "string" } }] }),
      /^tools\.2\.custom\.input_schema: its type must be "object"/
    )
    assert.match(
      complaint({ output_config: { format: { type: "json_schema", schema: { type: "wizard" } } } }),
      /^output_config\.format\.schema: /
    )
    assert.match(
      complaint({ messages: [{ role: "user", content: [{ type: "image", source: { type: "file", file_id: "f" } }] }] }),
      /^messages\.0\.content\.0\.image\.source\.file: Files are not kept/
    )
  })

  it("tell where their pictures are", () => {
    const url = { type: "image", source: { type: "url", url: "https://example.com/a.png" } }
    const payload = Either.getOrThrow(
      decode({
        model: "auto",
        max_tokens: 1,
        messages: [
          { role: "user", content: [text("a"), image, url] },
          { role: "user", content: [{ type: "tool_result", tool_use_id: "t", content: [image] }] }
        ]
      })
    )
    assert.deepStrictEqual(ToRequest.sources(payload).pictures, [
      { param: "messages.0.content.1.image.source.base64", data: "aGk=" },
      { param: "messages.0.content.2.image.source.url", url: "https://example.com/a.png" },
      { param: "messages.1.content.0.tool_result.content.0.image.source.base64", data: "aGk=" }
    ])
  })
})

describe("what a request asks for", () => {
  it("says which tools may be called, and how", () => {
    const toolset = (body: object) => request({ tools: [tool], ...body }).toolset
    const tools: ReadonlyArray<Tool> = [
      { kind: "function", name: "Write", description: "writes", parameters: { type: "object" }, strict: false }
    ]
    assert.deepStrictEqual(toolset({}), { tools, choice: "auto", parallel: true })
    assert.deepStrictEqual(toolset({ tool_choice: { type: "any", disable_parallel_tool_use: true } }), {
      tools,
      choice: "required",
      parallel: false
    })
    assert.deepStrictEqual(toolset({ tool_choice: { type: "tool", name: "Write" } }).choice, { name: "Write" })
    assert.deepStrictEqual(toolset({ tool_choice: { type: "none" } }).choice, "none")
    assert.deepStrictEqual(toolset({ tools: [] }), { tools: [], choice: "none", parallel: true })
    assert.match(complaint({ tools: [tool], tool_choice: { type: "tool", name: "Read" } }), /^tool_choice\.tool\.name:/)
    assert.match(complaint({ tools: [], tool_choice: { type: "any" } }), /^tool_choice:/)
  })

  it("goes on to the waist: length, stops, format, effort, user", () => {
    const schema = { type: "object", properties: {} }
    const full = request({
      max_tokens: 9,
      stop_sequences: ["END"],
      output_config: { effort: "high", format: { type: "json_schema", schema } },
      metadata: { user_id: "u" },
      stream: true
    })
    assert.strictEqual(full.maxTokens, 9)
    assert.deepStrictEqual(full.stop, ["END"])
    assert.deepStrictEqual(full.format, { type: "json_schema", name: "output", schema, strict: true })
    assert.strictEqual(full.effort, "high")
    assert.deepStrictEqual(full.origin, { dialect: "messages", stream: true })
    assert.deepStrictEqual(request({ output_format: { type: "json_schema", schema } }).format, full.format)
    assert.deepStrictEqual(request({ metadata: { user_id: "u" }, messages: [hi, hi] }).affinity, full.affinity)
    const bySession = Either.getOrThrow(attempt({ metadata: { user_id: "u" } }, "s")).request.affinity
    assert.match(Option.getOrThrow(bySession), /^session:/)
  })

  it("shows thoughts only when it says so", () => {
    const wants = (thinking: unknown) =>
      ToRequest.wantsThoughts(Either.getOrThrow(decode({ model: "auto", max_tokens: 1, messages: [hi], thinking })))
    assert.isFalse(wants(undefined))
    assert.isFalse(wants({ type: "disabled" }))
    assert.isFalse(wants({ type: "adaptive", display: "omitted" }))
    assert.isTrue(wants({ type: "adaptive" }))
    assert.isTrue(wants({ type: "enabled", budget_tokens: 1024 }))
  })
})
