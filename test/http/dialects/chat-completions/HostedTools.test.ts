import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import type { Settings } from "../../../../src/config/Config.ts"
import * as TestBackend from "../../../support/TestBackend.ts"
import * as TestGateway from "../../../support/TestGateway.ts"

const ask = Effect.fnUntraced(function* (body: object, settings: Partial<Settings> = {}) {
  const scripted = TestBackend.make(TestBackend.say("well"))
  const { chat } = yield* TestGateway.serve(scripted, settings)
  const { headers, json, status } = yield* chat({ model: "auto", messages: [{ role: "user", content: "hi" }], ...body })
  const ignored = headers.get("x-lingma-ignored-params")
  return { status, ignored, error: json.error, prompt: scripted.asks[0]?.prompt ?? "" }
})

const tools = [{ type: "web_search" }, { type: "function", function: { name: "look" } }]

describe("a tool that OpenAI runs itself, in chat completions", () => {
  it.scopedLive("is left out by name, and the model is told so", () =>
    Effect.gen(function* () {
      const { ignored, prompt, status } = yield* ask({ tools })
      assert.deepStrictEqual([status, ignored], [200, "tools.web_search"])
      assert.include(prompt, "cannot be called: web_search.")
      assert.include(prompt, '"name":"look"')
      const searched = yield* ask({ web_search_options: {} })
      assert.deepStrictEqual([searched.status, searched.ignored], [200, "web_search_options"])
      assert.include(searched.prompt, "cannot be called: web_search.")
    })
  )

  it.scopedLive("is refused by name where it is forced, or where nothing may be ignored", () =>
    Effect.gen(function* () {
      for (const more of [
        { tools, tool_choice: { type: "web_search" } },
        { tools: [{ type: "web_search" }], tool_choice: "required" }
      ]) {
        const { error, status } = yield* ask(more)
        assert.deepStrictEqual([status, error?.code, error?.param], [400, "unsupported_value", "tool_choice"])
        assert.include(error?.message, "'web_search'")
      }
      const strict = yield* ask({ tools }, { strictParams: true })
      assert.deepStrictEqual([strict.status, strict.error?.param], [400, "tools.web_search"])
    })
  )
})
