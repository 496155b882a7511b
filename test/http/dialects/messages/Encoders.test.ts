import { assert, describe, it } from "@effect/vitest"
import { FastCheck as fc, Option, Predicate } from "effect"
import { type ChatEvent, finish, textDelta, thoughtDelta, toolCall, usage } from "../../../../src/domain/Chat.ts"
import { BackendFailure, ofProvider } from "../../../../src/domain/ChatError.ts"
import * as Errors from "../../../../src/http/dialects/messages/Errors.ts"
import * as StreamEncoder from "../../../../src/http/dialects/messages/StreamEncoder.ts"
import * as WholeEncoder from "../../../../src/http/dialects/messages/WholeEncoder.ts"
import { live } from "../../../support/LiveCalls.ts"
import * as Grammar from "./Grammar.ts"

const options = (thoughts = true) => ({
  id: "msg_1",
  model: "auto",
  thoughts,
  tokens: () => ({ prompt: 7, completion: 5, reasoning: 0, isReported: false })
})

const encode = (events: ReadonlyArray<ChatEvent>, thoughts = true) =>
  events.map(StreamEncoder.make(options(thoughts))).join("")

const folded = (events: ReadonlyArray<ChatEvent>, thoughts = true) => {
  const fold = WholeEncoder.make(options(thoughts))
  for (const event of events) fold.add(event)
  return fold.result()
}

const text = fc.oneof(fc.string(), fc.string({ unit: "binary" }), fc.constantFrom("\ud83d", "\ude00", "", "\n\n"))
const event: fc.Arbitrary<ChatEvent> = fc.oneof(
  { weight: 4, arbitrary: text.map(textDelta) },
  { weight: 3, arbitrary: text.map(thoughtDelta) },
  {
    weight: 2,
    arbitrary: fc
      .tuple(
        fc.string(),
        fc.oneof(
          fc.dictionary(fc.string(), fc.jsonValue()).map((o) => JSON.stringify(o)),
          fc.string()
        )
      )
      .map(([id, args]) => toolCall({ id: `call_${id}`, name: "look", arguments: args }))
  },
  fc.constant(usage({ outputTokens: 3 }))
)
const ending: fc.Arbitrary<ChatEvent> = fc.constantFrom<ChatEvent>(
  finish("stop"),
  finish("length"),
  finish("tool_calls"),
  { _tag: "Finish", reason: "stop", stopSequence: "END" }
)
const turn = fc.tuple(fc.array(event, { maxLength: 20 }), ending).map(([events, end]) => [...events, end])

describe("a stream of events", () => {
  it("is legal and tells the same turn as the whole answer, whatever the turn", () => {
    fc.assert(
      fc.property(turn, fc.boolean(), (events, thoughts) => {
        const told = Grammar.read(encode(events, thoughts))
        const message = folded(events, thoughts)
        assert.deepStrictEqual(told.content, message.content)
        assert.deepStrictEqual([told.stopReason, told.stopSequence], [message.stop_reason, message.stop_sequence])
        if (!thoughts) assert.notInclude(JSON.stringify(told.content.map(({ type }) => type)), "thinking")
      }),
      { numRuns: 500 }
    )
  })

  it("brings a call as it is written, in pieces that are its input together", () => {
    // Others are told whole: they are no input that this API has.
    const isObject = (args: string) => Predicate.isRecord(Option.getOrUndefined(Option.liftThrowable(JSON.parse)(args)))
    fc.assert(
      fc.property(turn, fc.integer({ min: 1, max: 4 }), (events, size) => {
        const told = Grammar.read(encode(live(events, size, isObject)))
        assert.deepStrictEqual(told.content, folded(events).content)
        assert.deepStrictEqual(folded(live(events, size, isObject)), folded(events))
      }),
      { numRuns: 300 }
    )
    const call = toolCall({ id: "call_a", name: "look", arguments: '{"at":"x"}' })
    const stream = encode([...live([call]), finish("tool_calls")])
    assert.lengthOf([...stream.matchAll(/"type":"input_json_delta"/g)], 10)
  })

  it("ends the block of a call that a limit cut, and says that it did", () => {
    const call = toolCall({ id: "call_a", name: "look", arguments: '{"at":"x"}' })
    const stream = encode([...live([call]).slice(0, -2), finish("length")])
    assert.match(stream, /content_block_stop[\s\S]*"stop_reason":"max_tokens"[\s\S]*message_stop/)
  })

  it("stays legal when it fails or is cut, at any point", () => {
    const broken = new BackendFailure({ instance: "i", started: true, detail: "secret" })
    const failure = Errors.frame(ofProvider("Lingma")(broken), "req-1")
    fc.assert(
      fc.property(fc.array(event, { maxLength: 20 }), (events) => {
        Grammar.read(encode(events), { cut: true })
        const told = Grammar.read(encode(events) + failure)
        assert.deepStrictEqual(told.error, { type: "api_error", message: "upstream lingma error" })
      })
    )
  })

  it("comes in the order that clients know", () => {
    const stream = encode([
      thoughtDelta("hm"),
      textDelta("Let me look."),
      toolCall({ id: "call_aB3", name: "look", arguments: '{"at":"x"}' }),
      finish("tool_calls")
    ])
    assert.deepStrictEqual(
      [...stream.matchAll(/^event: (\w+)$/gm)].map(([, name]) => name),
      [
        "message_start",
        "ping",
        "content_block_start",
        "content_block_delta",
        "content_block_delta",
        "content_block_stop",
        "content_block_start",
        "content_block_delta",
        "content_block_stop",
        "content_block_start",
        "content_block_delta",
        "content_block_stop",
        "message_delta",
        "message_stop"
      ]
    )
    assert.deepStrictEqual(Grammar.read(stream).content, [
      { type: "thinking", thinking: "hm", signature: "bGluZ21hLWdhdGV3YXk" },
      { type: "text", text: "Let me look." },
      { type: "tool_use", id: "toolu_aB3", name: "look", input: { at: "x" } }
    ])
    assert.include(
      stream,
      '"usage":{"input_tokens":7,"cache_creation_input_tokens":0,"cache_read_input_tokens":0,"output_tokens":0}'
    )
  })

  it("joins a character that was cut in two", () => {
    const { content } = Grammar.read(encode([textDelta("a\ud83d"), textDelta("\ude00b"), finish("stop")]))
    assert.deepStrictEqual(content, [{ type: "text", text: "a😀b" }])
  })

  it("ends as the reason says", () => {
    const reasons = (event: ChatEvent) => {
      const { stopReason, stopSequence } = Grammar.read(encode([textDelta("x"), event]))
      return [stopReason, stopSequence]
    }
    assert.deepStrictEqual(reasons(finish("stop")), ["end_turn", null])
    assert.deepStrictEqual(reasons(finish("length")), ["max_tokens", null])
    assert.deepStrictEqual(reasons(finish("tool_calls")), ["tool_use", null])
    assert.deepStrictEqual(reasons({ _tag: "Finish", reason: "stop", stopSequence: "END" }), ["stop_sequence", "END"])
  })
})
