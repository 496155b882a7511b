import { assert, describe, it } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import OpenAI from "openai"
import * as TestBackend from "../../support/TestBackend.ts"
import * as TestGateway from "../../support/TestGateway.ts"

const on = { ollamaDiscovery: true }
const post = (body: object) => ({
  method: "POST",
  headers: { "content-type": "application/json" },
  body: JSON.stringify(body)
})

interface Shown {
  readonly capabilities: ReadonlyArray<string>
  readonly parameters: string
  readonly details: { readonly family: string }
  readonly model_info: Readonly<Record<string, string | number>>
}

/** Like VS Code's Ollama provider: checks the version, lists the models, reads the capabilities of each. */
const asVsCode = (base: string) =>
  Effect.promise(async () => {
    const read = async (path: string, init?: RequestInit) => (await fetch(base + path, init)).json()
    const { version } = (await read("/api/version")) as { version: string }
    const { models } = (await read("/api/tags")) as { models: ReadonlyArray<{ model: string }> }
    const known = new Map<string, object>()
    for (const { model } of models) {
      const { capabilities, model_info } = (await read("/api/show", post({ model }))) as Shown
      const window = model_info[`${model_info["general.architecture"]}.context_length`] ?? 4096
      known.set(model, {
        name: model_info["general.basename"],
        window,
        vision: capabilities.includes("vision"),
        tools: capabilities.includes("tools")
      })
    }
    const [major = 0, minor = 0, patch = 0] = version.split(".").map(Number)
    return { isNewEnough: major > 0 || minor > 13 || (minor === 13 && patch >= 4), known }
  })

describe("Ollama discovery", () => {
  it.scopedLive("lets a client like VS Code find every model and chat with it", () =>
    Effect.gen(function* () {
      const modelAliases = [
        { pattern: "quick", target: "Qwen3 Coder" },
        { pattern: "claude-*", target: "lingma" }
      ]
      const { base } = yield* TestGateway.serve(TestBackend.make(), { ...on, modelAliases })
      const { isNewEnough, known } = yield* asVsCode(base)
      assert.isTrue(isNewEnough)
      const qwen = { name: "Qwen3 Coder", window: 131_072, vision: true, tools: true }
      const auto = { name: "Auto", window: 131_072, vision: false, tools: true }
      assert.deepStrictEqual(Object.fromEntries(known), {
        auto,
        "org/qwen3 coder": qwen,
        agent: auto,
        quick: qwen
      })
      const client = new OpenAI({ baseURL: `${base}/v1`, apiKey: "ollama", maxRetries: 0 })
      for (const model of known.keys()) {
        const answer = yield* Effect.promise(() =>
          client.chat.completions.create({ model, messages: [{ role: "user", content: "hi" }] })
        )
        assert.strictEqual(answer.choices[0]?.message.content, "Hello")
      }
    })
  )

  it.scopedLive("lists models with every field that strict clients such as Zed require", () =>
    Effect.gen(function* () {
      const { request } = yield* TestGateway.serve(TestBackend.make(), on)
      const { json } = yield* request("/api/tags")
      const [first, second] = json["models"] as ReadonlyArray<Record<string, unknown>>
      const { digest, ...rest } = first ?? {}
      assert.deepStrictEqual(rest, {
        name: "auto",
        model: "auto",
        modified_at: "2024-01-01T00:00:00Z",
        size: 0,
        details: {
          parent_model: "",
          format: "",
          family: "lingma",
          families: ["lingma"],
          parameter_size: "",
          quantization_level: ""
        }
      })
      assert.match(String(digest), /^[0-9a-f]{64}$/)
      assert.notStrictEqual(second?.["digest"], digest)
    })
  )

  it.scopedLive("shows a model by either request field and in any case, and 404 for an unknown one", () =>
    Effect.gen(function* () {
      const { request } = yield* TestGateway.serve(TestBackend.make(), on)
      for (const body of [{ model: "ORG/Qwen3 coder" }, { name: "Qwen3 Coder", verbose: true }]) {
        const { json, status } = yield* request("/api/show", post(body))
        assert.deepStrictEqual([status, json["parameters"]], [200, "num_ctx 131072"])
      }
      const unknown = yield* request("/api/show", post({ model: "llama3" }))
      assert.deepStrictEqual([unknown.status, unknown.json.error?.code], [404, "model_not_found"])
      const none = yield* request("/api/show", post({}))
      assert.deepStrictEqual([none.status, none.json.error?.param], [400, "model"])
      const wrong = yield* request("/api/show", post({ model: 7 }))
      assert.deepStrictEqual([wrong.status, wrong.json.error?.code], [400, "invalid_type"])
    })
  )

  it.scopedLive("requires an API key if any are configured", () =>
    Effect.gen(function* () {
      const apiKeys = [Redacted.make("sk-0000000000000000")]
      const { request } = yield* TestGateway.serve(TestBackend.make(), { ...on, apiKeys })
      const headers = { authorization: "Bearer sk-0000000000000000" }
      for (const path of ["/api/version", "/api/tags"]) {
        assert.strictEqual((yield* request(path)).status, 401)
        assert.strictEqual((yield* request(path, { headers })).status, 200)
      }
      assert.strictEqual((yield* request("/api/show", post({ model: "auto" }))).status, 401)
    })
  )

  it.scopedLive("is off by default: 404 naming the setting, with or without a key", () =>
    Effect.gen(function* () {
      const { request } = yield* TestGateway.serve(TestBackend.make(), { apiKeys: [Redacted.make("sk-1")] })
      for (const answer of [
        yield* request("/api/version"),
        yield* request("/api/tags", { headers: { authorization: "Bearer sk-1" } }),
        yield* request("/api/show", post({ model: "auto" }))
      ]) {
        assert.deepStrictEqual([answer.status, answer.json.error?.code], [404, "unknown_url"])
        assert.include(answer.json.error?.message, "OLLAMA_DISCOVERY=true")
      }
    })
  )

  it.scopedLive("points clients of Ollama's own chat routes to the OpenAI routes", () =>
    Effect.gen(function* () {
      const { request } = yield* TestGateway.serve(TestBackend.make(), on)
      for (const [path, meant] of [
        ["/api/chat", "/v1/chat/completions"],
        ["/api/generate", "/v1/completions"]
      ] as const) {
        const answer = yield* request(path, post({ model: "auto", messages: [] }))
        assert.strictEqual(answer.status, 404)
        assert.include(answer.json.error?.message, `It is at ${meant}:`)
      }
    })
  )
})
