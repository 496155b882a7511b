import { assert, describe, it } from "@effect/vitest"
import { FastCheck as fc, Schema } from "effect"
import { type ChatEvent, finish, textDelta, thoughtDelta, toolCall, usage } from "../../../src/domain/Chat.ts"
import * as Meter from "../../../src/domain/Meter.ts"
import { ChatCompletion, ChatCompletionChunk } from "../../../src/http/openai/Api.ts"
import * as Completion from "../../../src/http/openai/Completion.ts"

const options = { id: "chatcmpl-1", created: 1, model: "auto" }
const metered = () => {
  const meter = Meter.make()
  return { add: meter.add, tokens: () => Meter.tokens(meter.totals(), 9) }
}
const repaired = (text: string) =>
  text.replace(/[\uD800-\uDBFF](?![\uDC00-\uDFFF])|(?<![\uD800-\uDBFF])[\uDC00-\uDFFF]/g, "\uFFFD")

/** Any 16 bit units: halves of characters included. */
const anyText = fc
  .array(fc.oneof(fc.constantFrom(0x61, 0x4f60, 0xd83c, 0xdf0d, 0x22, 0x0a), fc.integer({ min: 0, max: 0xffff })), {
    maxLength: 8
  })
  .map((units) => String.fromCharCode(...units))
const anyCall = fc.record({ id: fc.string(), name: fc.string(), arguments: anyText })
const anyEvent: fc.Arbitrary<ChatEvent> = fc.oneof(
  anyText.map(textDelta),
  anyText.map(thoughtDelta),
  anyCall.map(toolCall),
  fc.record({ inputTokens: fc.nat(), outputTokens: fc.nat() }, { requiredKeys: [] }).map(usage)
)
const anyEvents = fc
  .tuple(fc.array(anyEvent), fc.constantFrom("stop" as const, "length" as const, "tool_calls" as const))
  .map(([events, reason]) => [...events, finish(reason)])

const decodeChunk = Schema.decodeUnknownSync(ChatCompletionChunk, { onExcessProperty: "error" })

const stream = (events: ReadonlyArray<ChatEvent>, includeUsage: boolean) => {
  const { add, tokens } = metered()
  const encode = Completion.chunks({ ...options, tokens, includeUsage })
  const text = events
    .map((event) => {
      add(event)
      return encode(event)
    })
    .join("")
  assert.isTrue(text.endsWith("data: [DONE]\n\n"))
  const frames = text.split("\n\n").slice(0, -2)
  return frames.map((frame) => {
    assert.isTrue(frame.startsWith("data: {"))
    return decodeChunk(JSON.parse(frame.slice(6)))
  })
}

const whole = (events: ReadonlyArray<ChatEvent>) => {
  const { add, tokens } = metered()
  const fold = Completion.fold({ ...options, tokens, servedBy: "inst-0", firstTokenMillis: 1.4 })
  for (const event of events) {
    add(event)
    fold.add(event)
  }
  return Schema.decodeUnknownSync(ChatCompletion, { onExcessProperty: "error" })(fold.result(2.6))
}

const said = (events: ReadonlyArray<ChatEvent>, tag: "TextDelta" | "ThoughtDelta") =>
  events.map((event) => (event._tag === tag ? event.text : "")).join("")

describe("a stream of chunks", () => {
  it("is legal for any events, and says the same as the whole answer", () => {
    fc.assert(
      fc.property(anyEvents, fc.boolean(), (events, includeUsage) => {
        const chunks = stream(events, includeUsage)
        const answer = whole(events)
        const [first] = chunks
        assert.strictEqual(first?.choices[0]?.delta.role, "assistant")
        assert.strictEqual(chunks.filter(({ choices }) => choices[0]?.delta.role !== undefined).length, 1)
        const ends = chunks.filter(({ choices }) => choices[0] !== undefined && choices[0].finish_reason !== null)
        assert.strictEqual(ends.length, 1)
        assert.strictEqual(ends[0]?.choices[0]?.finish_reason, answer.choices[0]?.finish_reason)
        assert.deepStrictEqual(ends[0]?.choices[0]?.delta, {})
        assert.strictEqual(chunks.indexOf(ends[0]!), chunks.length - (includeUsage ? 2 : 1))
        const last = chunks.at(-1)
        if (includeUsage) {
          assert.deepStrictEqual(last?.choices, [])
          assert.deepStrictEqual(last?.usage, answer.usage)
          for (const chunk of chunks.slice(0, -1)) assert.isNull(chunk.usage)
        } else for (const chunk of chunks) assert.notProperty(chunk, "usage")
        const deltas = chunks.flatMap(({ choices }) => choices.map(({ delta }) => delta))
        const calls = deltas.flatMap((delta) => delta.tool_calls ?? [])
        assert.deepStrictEqual(
          calls.map(({ index }) => index),
          calls.map((_, i) => i)
        )
        assert.deepStrictEqual(
          calls.map(({ index: _, ...call }) => call),
          answer.choices[0]?.message.tool_calls ?? []
        )
      }),
      { numRuns: 500 }
    )
  })

  it("keeps the text whatever the cuts, and never sends half a character", () => {
    fc.assert(
      fc.property(fc.array(anyText), fc.constantFrom("TextDelta" as const, "ThoughtDelta" as const), (pieces, tag) => {
        const events = [...pieces.map((text) => ({ _tag: tag, text })), finish("stop")]
        const chunks = stream(events, false)
        const deltas = chunks.flatMap(({ choices }) => choices.map(({ delta }) => delta))
        const text = deltas.map((delta) => (tag === "TextDelta" ? delta.content : delta.reasoning_content) ?? "")
        assert.strictEqual(text.join(""), repaired(said(events, tag)))
        for (const piece of text) assert.strictEqual(piece, repaired(piece))
        const message = whole(events).choices[0]?.message
        const expected = repaired(said(events, tag))
        assert.strictEqual((tag === "TextDelta" ? message?.content : message?.reasoning_content) ?? "", expected)
      }),
      { numRuns: 500 }
    )
  })

  it("of calls only begins without content", () => {
    const call = { id: "call-1", name: "look", arguments: "{}" }
    const events = [toolCall(call), finish("tool_calls")]
    assert.isNull(stream(events, false)[0]?.choices[0]?.delta.content)
    assert.isNull(whole(events).choices[0]?.message.content)
    assert.strictEqual(whole([finish("stop")]).choices[0]?.message.content, "")
  })

  it("gives the upstream's figures where there are any, else estimates", () => {
    const estimated = whole([thoughtDelta("let me think"), textDelta("hello world"), finish("stop")]).usage
    assert.strictEqual(estimated.prompt_tokens, 9)
    assert.isAbove(estimated.completion_tokens, 1)
    assert.strictEqual(estimated.total_tokens, 9 + estimated.completion_tokens)
    assert.isBelow(estimated.completion_tokens_details?.reasoning_tokens ?? 0, estimated.completion_tokens)
    const given = whole([textDelta("hello"), usage({ inputTokens: 100 }), usage({ outputTokens: 5 }), finish("stop")])
    assert.deepStrictEqual(given.usage, { prompt_tokens: 100, completion_tokens: 5, total_tokens: 105 })
  })
})
