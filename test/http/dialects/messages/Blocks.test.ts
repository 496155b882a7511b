import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { post, serve } from "../../../support/MessagesGateway.ts"

const text = (words: string) => ({ type: "text", text: words })

describe("what is left out of a request", () => {
  it.scopedLive("is named to the client, and the model is told of what it should have seen", () =>
    Effect.gen(function* () {
      const { ask } = yield* serve()
      const { leftOut, prompt } = yield* ask({
        temperature: 1,
        safeguards: [{ type: "dangerous_tool_use" }],
        tools: [{ type: "code_execution_20250825", name: "code_execution" }],
        system: [{ type: "hologram" }],
        output_config: { effort: "galactic" },
        messages: [
          { role: "user", content: [text("look"), { type: "hologram" }, { type: "hologram" }] },
          { role: "assistant", content: [text("I see"), { type: "fallback", from: {} }] },
          { role: "user", content: [text("go on"), { type: "a b\r\nc" }] }
        ]
      })
      assert.strictEqual(
        leftOut,
        "temperature, safeguards, tools.code_execution_20250825, messages.content.hologram, messages.content.fallback, messages.content, system.hologram, output_config.effort"
      )
      assert.include(prompt, "look\n(a part of a kind that cannot be shown here was left out)")
    })
  )

  it.scopedLive("is named on streams too, and refused where nothing may be ignored", () =>
    Effect.gen(function* () {
      const body = { messages: [{ role: "user", content: [text("look"), { type: "hologram" }] }] }
      const { request } = yield* serve()
      const streamed = yield* request("/v1/messages", post({ ...body, stream: true }))
      assert.strictEqual(streamed.headers.get("x-lingma-ignored-params"), "messages.content.hologram")
      const strict = yield* serve({ strictParams: true })
      const { message, status } = yield* strict.ask(body)
      assert.deepStrictEqual(
        [status, message],
        [400, "messages.content.hologram: it has no effect here, and fields without one are refused."]
      )
    })
  )

  it.scopedLive("is nothing where earlier thoughts are sent back", () =>
    Effect.gen(function* () {
      const { ask } = yield* serve({ strictParams: true })
      const thoughts = [
        { type: "thinking", thinking: "hm", signature: "s" },
        { type: "redacted_thinking", data: "x" }
      ]
      const { leftOut, prompt, status } = yield* ask({
        messages: [
          { role: "user", content: "a" },
          { role: "assistant", content: [...thoughts, text("b")] },
          { role: "user", content: "c" }
        ]
      })
      assert.deepStrictEqual([status, leftOut], [200, null])
      assert.notInclude(prompt, "hm")
    })
  )

  it.scopedLive("is refused by name where leaving it out would give a wrong answer", () =>
    Effect.gen(function* () {
      const { ask } = yield* serve()
      const source = { type: "text", media_type: "text/plain", data: "d" }
      const cases = [
        [
          { type: "document", source: { type: "file", file_id: "f" } },
          "document.source.file: Files are not kept here; send the document itself"
        ],
        [
          { type: "container_upload", file_id: "f" },
          "container_upload.file_id: Files are not kept here; send the document itself"
        ],
        [
          { type: "document", source, citations: { enabled: true } },
          "document.citations.enabled: Citations are not made here; leave them off"
        ],
        [
          { type: "search_result", source: "s", title: "t", content: [text("x")], citations: { enabled: true } },
          "search_result.citations.enabled: Citations are not made here; leave them off"
        ]
      ] as const
      for (const [block, complaint] of cases) {
        const { message, status } = yield* ask({ messages: [{ role: "user", content: [text("a"), block] }] })
        assert.deepStrictEqual([status, message], [400, `messages.0.content.1.${complaint}`])
      }
      const fine = yield* ask({
        messages: [{ role: "user", content: [{ type: "document", source, citations: { enabled: false } }] }]
      })
      assert.strictEqual(fine.status, 200)
    })
  )
})

describe("what a service's own tools found earlier", () => {
  it.scopedLive("is told to the model as the results of calls, in the order they were made", () =>
    Effect.gen(function* () {
      const { ask } = yield* serve()
      const found = [
        { type: "web_search_result", title: "Museum", url: "https://m.example", encrypted_content: "eA==" }
      ]
      const { leftOut, prompt } = yield* ask({
        messages: [
          { role: "user", content: "when?" },
          {
            role: "assistant",
            content: [
              text("I look."),
              { type: "server_tool_use", id: "srvtoolu_1", name: "web_search", input: { query: "museum hours" } },
              { type: "web_search_tool_result", tool_use_id: "srvtoolu_1", content: found },
              { type: "mcp_tool_use", id: "mcptoolu_1", name: "clock", server_name: "s", input: {} },
              { type: "mcp_tool_result", tool_use_id: "mcptoolu_1", is_error: false, content: [text("noon")] },
              { type: "server_tool_use", id: "srvtoolu_2", name: "web_fetch", input: { url: "https://m.example" } },
              {
                type: "web_fetch_tool_result",
                tool_use_id: "srvtoolu_2",
                content: { type: "web_fetch_tool_result_error", error_code: "unavailable" }
              },
              text("At nine.")
            ]
          },
          { role: "user", content: "thanks" }
        ]
      })
      assert.isNull(leftOut)
      const places = [
        "I look.",
        "museum hours",
        "Museum\nhttps://m.example",
        "clock",
        "noon",
        "The tool failed: unavailable",
        "At nine.",
        "thanks"
      ]
      const at = places.map((words) => prompt.indexOf(words))
      assert.notInclude(at, -1)
      assert.deepStrictEqual(
        at,
        [...at].sort((a, b) => a - b)
      )
    })
  )
})

describe("a summary of what came before", () => {
  it.scopedLive("stands in the place of it", () =>
    Effect.gen(function* () {
      const { ask } = yield* serve()
      const { prompt } = yield* ask({
        messages: [
          { role: "user", content: "long ago" },
          { role: "assistant", content: [{ type: "compaction", content: "they met" }] },
          { role: "user", content: "and then?" }
        ]
      })
      assert.include(prompt, "Summary of the conversation so far:\nthey met")
      assert.include(prompt, "and then?")
      assert.notInclude(prompt, "long ago")
    })
  )
})
