/** A backend whose models call tools by themselves, behind every dialect: no prompt is rendered for it. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { vi } from "vitest"
import {
  type ChatEvent,
  finish,
  textDelta,
  toolCall,
  toolCallBegin,
  toolCallDelta,
  toolCallEnd,
  usage
} from "../../../src/domain/Chat.ts"
import type * as Prompt from "../../../src/textonly/Prompt.ts"
import * as DialectChat from "../../support/DialectChat.ts"
import * as TestBackend from "../../support/TestBackend.ts"
import * as TestGateway from "../../support/TestGateway.ts"

const rendered = vi.hoisted(() => ({ prompts: 0 }))
vi.mock("../../../src/textonly/Prompt.ts", async (original) => {
  const real = await original<typeof Prompt>()
  const render: typeof real.render = (...args) => {
    rendered.prompts++
    return real.render(...args)
  }
  return { ...real, render }
})

const args = { city: "Paris" }
const call = (id: string, name: string) => ({ id, name, arguments: JSON.stringify(args) })
/** One call as it is written, and one that comes whole. */
const answer: ReadonlyArray<ChatEvent> = [
  textDelta("<tool_call> is how "),
  textDelta("others call."),
  toolCallBegin(call("call_a", "weather")),
  toolCallDelta('{"city":'),
  toolCallDelta('"Paris"}'),
  toolCallEnd(call("call_a", "weather")),
  toolCall(call("call_b", "news")),
  usage({ inputTokens: 31, outputTokens: 17 }),
  finish("tool_calls")
]

const playing = (...events: ReadonlyArray<ChatEvent>) =>
  TestBackend.native((turn) => {
    for (const event of events) turn.emit(event)
  })

const parameters = { type: "object", properties: { city: { type: "string" } } }
const tools = ["weather", "news"].map((name) => ({ name, parameters }))
const asked: DialectChat.Asked = {
  messages: [
    { role: "user", text: "And now?" },
    { role: "assistant", text: "I look.", calls: [["weather", args]] },
    { role: "tool", text: "rain" }
  ],
  tools,
  maxTokens: 99
}

type Gateway = Effect.Effect.Success<ReturnType<typeof TestGateway.serve>>

const post = ({ request }: Gateway, path: string, body: object) =>
  request(path, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) })

describe("A backend with tools of its own", () => {
  for (const dialect of DialectChat.all) {
    for (const stream of [false, true]) {
      it.scopedLive(`answers in ${dialect.name}, ${stream ? "streamed" : "whole"}, and no prompt is rendered`, () =>
        Effect.gen(function* () {
          rendered.prompts = 0
          const native = playing(...answer)
          const gateway = yield* TestGateway.serve(native)
          const reply = yield* post(gateway, dialect.path, { ...dialect.body(asked), stream })
          assert.deepStrictEqual(DialectChat.read(dialect, reply), {
            status: 200,
            text: "<tool_call> is how others call.",
            calls: [
              ["weather", args],
              ["news", args]
            ],
            finish: "tool_calls",
            error: undefined
          })
          const [request] = native.requests
          assert.deepInclude(request, { model: "auto", mode: "chat", maxTokens: 99, withoutImages: false })
          assert.deepStrictEqual(
            request!.messages.map(({ role, text, toolCalls }) => [role, text, toolCalls.length]),
            [
              ["user", "And now?", 0],
              ["assistant", "I look.", 1],
              ["tool", "rain", 0]
            ]
          )
          assert.deepStrictEqual(
            request!.toolset.tools.map(({ name }) => name),
            ["weather", "news"]
          )
          assert.strictEqual(rendered.prompts, 0)
          yield* gateway.drained
        })
      )
    }
  }

  for (const stream of [false, true]) {
    it.scopedLive(`answers in completions, ${stream ? "streamed" : "whole"}, and no prompt is rendered`, () =>
      Effect.gen(function* () {
        rendered.prompts = 0
        const gateway = yield* TestGateway.serve(playing(textDelta(" upon"), textDelta(" a time"), finish("length")))
        const { body, path } = DialectChat.completions
        const reply = yield* post(gateway, path, { ...body({ messages: [{ role: "user", text: "Once" }] }), stream })
        assert.deepStrictEqual(DialectChat.read(DialectChat.completions, reply), {
          status: 200,
          text: " upon a time",
          calls: [],
          finish: "length",
          error: undefined
        })
        assert.strictEqual(rendered.prompts, 0)
      })
    )
  }

  it.scopedLive("has its own figures told, and an estimate of messages and tools where it gives none", () =>
    Effect.gen(function* () {
      rendered.prompts = 0
      const [chat] = DialectChat.all
      const usageOf = (...events: ReadonlyArray<ChatEvent>) =>
        Effect.gen(function* () {
          const gateway = yield* TestGateway.serve(playing(...events))
          const { json } = yield* post(gateway, chat!.path, chat!.body(asked))
          return json["usage"] as { readonly prompt_tokens: number; readonly completion_tokens: number }
        })
      assert.deepInclude(yield* usageOf(...answer), { prompt_tokens: 31, completion_tokens: 17 })
      const estimated = yield* usageOf(textDelta("Rain."), finish("stop"))
      assert.isAbove(estimated.prompt_tokens, 30)
      assert.isBelow(estimated.prompt_tokens, 120)
      assert.strictEqual(rendered.prompts, 0)
    })
  )

  it.scopedLive("leaves rendering to those that have text only, which this test would see", () =>
    Effect.gen(function* () {
      rendered.prompts = 0
      const gateway = yield* TestGateway.serve(TestBackend.make())
      yield* post(gateway, "/v1/chat/completions", { model: "auto", messages: [{ role: "user", content: "hi" }] })
      assert.strictEqual(rendered.prompts, 1)
    })
  )
})
