import { readFileSync } from "node:fs"
import Anthropic from "@anthropic-ai/sdk"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Redacted } from "effect"
import { encode } from "gpt-tokenizer/encoding/o200k_base"
import { finish, textDelta } from "../../../../src/domain/Chat.ts"
import { BackendUnavailable } from "../../../../src/domain/ChatError.ts"
import * as TestBackend from "../../../support/TestBackend.ts"
import * as TestGateway from "../../../support/TestGateway.ts"

const file = (path: string) => readFileSync(new URL(`../../../../${path}`, import.meta.url), "utf8").slice(0, 20_000)
const hi = { role: "user", content: "hi" }
const post = (body: unknown, headers: Record<string, string> = {}): RequestInit => ({
  method: "POST",
  headers: { "content-type": "application/json", ...headers },
  body: JSON.stringify(body)
})
const down = new BackendUnavailable({ instance: "inst-0", detail: "secret" })

const tools = ["Write", "Read"].map((name) => ({
  name,
  description: file("AGENTS.md"),
  input_schema: {
    type: "object",
    properties: { file_path: { type: "string", description: "Where it is" }, content: { type: "string" } },
    required: ["file_path"]
  }
}))

/** As an agent's conversation grows. */
const conversation = [
  { role: "user", content: "Read them" },
  ...["src/chat/Chat.ts", "README.md", "package.json"].flatMap((path, i) => [
    {
      role: "assistant",
      content: [
        { type: "text", text: "I read it." },
        { type: "tool_use", id: `toolu_${i}`, name: "Read", input: { file_path: `/home/me/${path}` } }
      ]
    },
    { role: "user", content: [{ type: "tool_result", tool_use_id: `toolu_${i}`, content: file(path) }] }
  ])
]

describe("count_tokens", () => {
  it.scopedLive("counts the tokens of the prompt that is sent upstream, never too few and at most 15 % too many", () =>
    Effect.gen(function* () {
      const scripted = TestBackend.make()
      const { request } = yield* TestGateway.serve(scripted)
      const bodies = [
        { messages: [{ role: "user", content: file("docs/operations.md") }] },
        { system: file("AGENTS.md"), tools, messages: [{ role: "user", content: "Write a greeting" }] },
        { system: [{ type: "text", text: file("AGENTS.md") }], tools, messages: conversation }
      ]
      for (const body of bodies) {
        const { json } = yield* request("/v1/messages/count_tokens?beta=true", post({ model: "auto", ...body }))
        yield* request("/v1/messages", post({ model: "auto", max_tokens: 9, ...body }))
        const truth = encode(scripted.asks.at(-1)?.prompt ?? "").length
        assert.deepStrictEqual(Object.keys(json), ["input_tokens"])
        assert.isAtLeast(Number(json["input_tokens"]), truth)
        assert.isAtMost(Number(json["input_tokens"]), truth * 1.15)
      }
    })
  )

  it.scopedLive("counts every kind of block", () =>
    Effect.gen(function* () {
      const { request } = yield* TestGateway.serve(TestBackend.make())
      const count = (body: object) =>
        Effect.map(request("/v1/messages/count_tokens", post({ model: "auto", messages: [hi], ...body })), ({ json }) =>
          Number(json["input_tokens"])
        )
      const words = "seven words more are counted for this"
      const text = { type: "text", text: words }
      const image = { type: "image", source: { type: "url", url: "https://example.com/never-fetched.png" } }
      const least = yield* count({})
      assert.isAbove(least, 1)
      const more = [
        { system: words },
        { system: [text] },
        { tools: [{ name: "t", description: words, input_schema: {} }] },
        { output_config: { format: { type: "json_schema", schema: { type: "object", description: words } } } },
        ...[
          text,
          image,
          { type: "document", source: { type: "text", media_type: "text/plain", data: words } },
          { type: "search_result", source: "s", title: "t", content: [text] },
          { type: "tool_result", tool_use_id: "t", content: words },
          { type: "tool_result", tool_use_id: "t", content: [text] }
        ].map((block) => ({ messages: [{ role: "user", content: [{ type: "text", text: "hi" }, block] }] })),
        {
          messages: [hi, { role: "assistant", content: [{ type: "tool_use", id: "t", name: "t", input: { words } }] }]
        }
      ]
      for (const body of more) assert.isAtLeast(yield* count(body), least + 7, JSON.stringify(body))
    })
  )

  it.scopedLive("needs no slot, no login and no instance, but a key", () =>
    Effect.gen(function* () {
      const key = { "x-api-key": "sk-right-0000000000" }
      const apiKeys = [Redacted.make(key["x-api-key"])]
      const body = { model: "whatever", messages: [hi] }
      const asleep = yield* TestGateway.serve(
        TestBackend.make(TestBackend.silent, { ensureReady: down, models: down }),
        {
          apiKeys
        }
      )
      assert.strictEqual((yield* asleep.request("/v1/messages/count_tokens", post(body, key))).status, 200)
      const wrong = yield* asleep.request("/v1/messages/count_tokens", post(body))
      assert.deepStrictEqual([wrong.status, wrong.json["type"]], [401, "error"])

      const scripted = TestBackend.make(TestBackend.silent)
      const full = yield* TestGateway.serve(scripted, { maxInFlight: 1, queueMax: 0 })
      const running = yield* Effect.fork(full.request("/v1/messages", post({ ...body, model: "auto", max_tokens: 1 })))
      const turn = yield* scripted.turns.take
      assert.strictEqual((yield* full.request("/v1/messages/count_tokens", post(body))).status, 200)
      turn.emit(textDelta("Yes"))
      turn.emit(finish("stop"))
      yield* Fiber.join(running)
    })
  )

  it.scopedLive("is what the SDK expects, and says what is wrong with a body", () =>
    Effect.gen(function* () {
      const { base, request } = yield* TestGateway.serve(TestBackend.make())
      const client = new Anthropic({ baseURL: base, apiKey: "any" })
      const counted = yield* Effect.promise(() =>
        client.messages.countTokens({ model: "auto", messages: [{ role: "user", content: "Hello there" }] })
      )
      assert.isAbove(counted.input_tokens, 1)
      const { json, status } = yield* request("/v1/messages/count_tokens", post({ model: "auto" }))
      assert.deepStrictEqual([status, json.error?.message], [400, "messages: Field required"])
    })
  )
})
