import { assert, describe, it } from "@effect/vitest"
import { HumanMessage, ToolMessage } from "@langchain/core/messages"
import { ChatOpenAI } from "@langchain/openai"
import { Effect } from "effect"
import { finish, textDelta, thoughtDelta, toolCall } from "../../../../src/domain/Chat.ts"
import * as TestBackend from "../../../support/TestBackend.ts"
import * as TestGateway from "../../../support/TestGateway.ts"

const model = (base: string) =>
  new ChatOpenAI({
    model: "auto",
    apiKey: "any",
    useResponsesApi: true,
    maxRetries: 0,
    configuration: { baseURL: `${base}/v1` }
  })

const look = {
  type: "function",
  function: { name: "look", parameters: { type: "object", properties: { at: { type: "string" } } } }
} as const

describe("LangChain at /v1/responses", () => {
  it.scopedLive("answers, whole and streamed", () =>
    Effect.gen(function* () {
      const { base } = yield* TestGateway.serve(TestBackend.make(TestBackend.say("Hel", "lo")))
      const whole = yield* Effect.promise(() => model(base).invoke("hi"))
      assert.strictEqual(whole.text, "Hello")
      const streamed = yield* Effect.promise(async () => {
        let text = ""
        for await (const chunk of await model(base).stream("hi")) text += chunk.text
        return text
      })
      assert.strictEqual(streamed, "Hello")
    })
  )

  it.scopedLive("calls a tool, and sends its whole history with the result", () =>
    Effect.gen(function* () {
      const call = toolCall({ id: "call_1", name: "look", arguments: '{"at":"sky"}' })
      const scripted = TestBackend.make(
        TestBackend.emit(thoughtDelta("hm"), textDelta("I look."), call, finish("tool_calls"))
      )
      const { base } = yield* TestGateway.serve(scripted)
      const bound = model(base).bindTools([look])
      const asked = new HumanMessage("what colour is the sky?")
      const first = yield* Effect.promise(() => bound.invoke([asked]))
      assert.deepInclude(first.tool_calls?.[0], { id: "call_1", name: "look", args: { at: "sky" } })
      const result = new ToolMessage({ tool_call_id: "call_1", content: "it is blue" })
      yield* Effect.promise(() => bound.invoke([asked, first, result]))
      const prompt = scripted.asks.at(-1)?.prompt ?? ""
      for (const text of ["what colour is the sky?", "I look.", "look", "it is blue"]) assert.include(prompt, text)
    })
  )
})
