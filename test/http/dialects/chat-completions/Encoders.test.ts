import { assert, describe, it } from "@effect/vitest"
import { FastCheck as fc, Schema } from "effect"
import { type ChatEvent, finish, textDelta, thoughtDelta, toolCall, usage } from "../../../../src/domain/Chat.ts"
import { ChatCompletion, ChatCompletionChunk } from "../../../../src/http/dialects/chat-completions/Api.ts"
import type * as Encoding from "../../../../src/http/dialects/chat-completions/Encoding.ts"
import * as StreamEncoder from "../../../../src/http/dialects/chat-completions/StreamEncoder.ts"
import * as WholeEncoder from "../../../../src/http/dialects/chat-completions/WholeEncoder.ts"
import * as TokenMeter from "../../../../src/tokens/TokenMeter.ts"
import { live } from "../../../support/LiveCalls.ts"

const options = {
  id: "chatcmpl-1",
  created: 1,
  model: "auto",
  servedBy: "inst-0",
  firstTokenMillis: 1.4,
  elapsed: () => 2.6,
  reasoningField: "reasoning_content",
  shape: { legacy: false, custom: new Set<string>() }
} as const
type Options = Pick<Encoding.EncodingOptions, "reasoningField" | "shape">
const metered = () => {
  const meter = TokenMeter.make()
  return { add: meter.add, tokens: () => TokenMeter.tokens(meter.totals(), 9) }
}
const repaired = (text: string) =>
  text.replace(/[\uD800-\uDBFF](?![\uDC00-\uDFFF])|(?<![\uD800-\uDBFF])[\uDC00-\uDFFF]/g, "\uFFFD")

/** Any 16 bit units: halves of characters included. */
const anyText = fc
  .array(fc.oneof(fc.constantFrom(0x61, 0x4f60, 0xd83c, 0xdf0d, 0x22, 0x0a), fc.integer({ min: 0, max: 0xffff })), {
    maxLength: 8
  })
  .map((units) => String.fromCharCode(...units))
const anyCall = fc.record({ id: fc.string(), name: fc.constantFrom("look", "run"), arguments: anyText })
const anyEvent: fc.Arbitrary<ChatEvent> = fc.oneof(
  anyText.map(textDelta),
  anyText.map(thoughtDelta),
  anyCall.map(toolCall),
  fc.record({ inputTokens: fc.nat(), outputTokens: fc.nat() }, { requiredKeys: [] }).map(usage)
)
const anyEvents = fc
  .tuple(fc.array(anyEvent), fc.constantFrom("stop" as const, "length" as const, "tool_calls" as const))
  .map(([events, reason]) => [...events, finish(reason)])

const anyOptions: fc.Arbitrary<Options> = fc.record({
  reasoningField: fc.constantFrom("reasoning_content", "reasoning", "both", "think-tags", "none"),
  shape: fc.record({ legacy: fc.boolean(), custom: fc.constantFrom(new Set<string>(), new Set(["look"])) })
})

const decodeChunk = Schema.decodeUnknownSync(ChatCompletionChunk, { onExcessProperty: "error" })

const stream = (events: ReadonlyArray<ChatEvent>, includeUsage = false, change: Partial<Options> = {}) => {
  const { add, tokens } = metered()
  const encode = StreamEncoder.make({ ...options, ...change, tokens, includeUsage })
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

const whole = (events: ReadonlyArray<ChatEvent>, change: Partial<Options> = {}) => {
  const { add, tokens } = metered()
  const fold = WholeEncoder.make({ ...options, ...change, tokens })
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
      fc.property(anyEvents, fc.boolean(), anyOptions, (events, includeUsage, change) => {
        const chunks = stream(events, includeUsage, change)
        const answer = whole(events, change)
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
        assert.deepInclude(last, { latency: answer.latency, served_by: answer.served_by })
        for (const chunk of chunks.slice(0, -1)) assert.notProperty(chunk, "served_by")
        const deltas = chunks.flatMap(({ choices }) => choices.map(({ delta }) => delta))
        const calls = deltas.flatMap((delta) => delta.tool_calls ?? [])
        assert.deepStrictEqual(
          calls.map(({ index }) => index),
          calls.map((_, i) => i)
        )
        assert.deepStrictEqual<unknown>(
          calls.map(({ index: _, ...call }) => call),
          answer.choices[0]?.message.tool_calls ?? []
        )
        const message = answer.choices[0]?.message
        const legacy = deltas.flatMap((delta) => delta.function_call ?? [])
        assert.deepStrictEqual<unknown>(legacy, message?.function_call === undefined ? [] : [message.function_call])
      }),
      { numRuns: 500 }
    )
  })

  it("brings a call as it is written: first what names it, then pieces that are the whole together", () => {
    fc.assert(
      fc.property(anyEvents, anyOptions, fc.integer({ min: 1, max: 4 }), (events, change, size) => {
        const deltas = stream(live(events, size), false, change).flatMap(({ choices }) =>
          choices.map((one) => one.delta)
        )
        const message = whole(events, change).choices[0]?.message
        const joined: Array<Record<string, unknown>> = []
        const add = (index: number, piece: Readonly<Record<string, unknown>>) => {
          const kind = "custom" in piece ? "custom" : "function"
          const field = kind === "custom" ? "input" : "arguments"
          const inner = piece[kind] as Record<string, string>
          if (joined[index] === undefined) {
            assert.strictEqual(index, joined.length)
            assert.deepStrictEqual([inner[field], piece["type"]], ["", kind])
            joined[index] = { ...piece, [kind]: { ...inner } }
          } else {
            assert.deepStrictEqual(Object.keys(piece), [kind])
            assert.deepStrictEqual(Object.keys(inner), [field])
            const whole = joined[index][kind] as Record<string, string>
            whole[field] += inner[field]!
          }
        }
        for (const { index, ...piece } of deltas.flatMap((delta) => delta.tool_calls ?? [])) add(index, piece)
        assert.deepStrictEqual<unknown>(joined, message?.tool_calls ?? [])
        const legacy = deltas.flatMap((delta) => delta.function_call ?? [])
        const written = legacy.map((one) => one.arguments).join("")
        assert.deepStrictEqual(
          legacy.length === 0 ? undefined : { ...legacy[0], arguments: written },
          message?.function_call
        )
        const { add: count, tokens } = metered()
        for (const event of live(events, size)) count(event)
        const { add: countWhole, tokens: tokensWhole } = metered()
        for (const event of events) countWhole(event)
        assert.deepStrictEqual(tokens(), tokensWhole())
      }),
      { numRuns: 300 }
    )
  })

  it("says each text under the same name as the whole answer", () => {
    const mended = (event: ChatEvent) => ("text" in event ? { ...event, text: repaired(event.text) } : event)
    fc.assert(
      fc.property(anyEvents, anyOptions, (events, change) => {
        const good = events.map(mended)
        const deltas = stream(good, false, change).flatMap(({ choices }) => choices.map(({ delta }) => delta))
        const message = whole(good, change).choices[0]?.message
        for (const field of ["content", "reasoning", "reasoning_content"] as const) {
          assert.strictEqual(deltas.map((delta) => delta[field] ?? "").join(""), message?.[field] ?? "")
        }
      }),
      { numRuns: 300 }
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

  it("puts thoughts where the setting says, and never into content but between tags", () => {
    const events = [thoughtDelta("let "), thoughtDelta("me see"), textDelta("It "), textDelta("is."), finish("stop")]
    const message = (reasoningField: Options["reasoningField"]) => {
      const { content, reasoning, reasoning_content } = whole(events, { reasoningField }).choices[0]!.message
      return { content, reasoning, reasoning_content }
    }
    const none = { content: "It is.", reasoning: undefined, reasoning_content: undefined }
    assert.deepStrictEqual(message("reasoning_content"), { ...none, reasoning_content: "let me see" })
    assert.deepStrictEqual(message("reasoning"), { ...none, reasoning: "let me see" })
    assert.deepStrictEqual(message("both"), { ...none, reasoning: "let me see", reasoning_content: "let me see" })
    assert.deepStrictEqual(message("none"), none)
    const tagged = "<think>\nlet me see\n</think>\n\nIt is."
    assert.deepStrictEqual(message("think-tags"), { ...none, content: tagged })
    const open = [thoughtDelta("hm"), finish("length")]
    const content = stream(open, false, { reasoningField: "think-tags" }).map(
      ({ choices }) => choices[0]?.delta.content
    )
    assert.strictEqual(content.join(""), "<think>\nhm\n</think>\n\n")
  })

  it("writes calls of custom tools with their input, and of functions in the old shape", () => {
    const events = [toolCall({ id: "c1", name: "run", arguments: "ls -l" }), finish("tool_calls")]
    const custom = { legacy: false, custom: new Set(["run"]) }
    const call = { id: "c1", type: "custom" as const, custom: { name: "run", input: "ls -l" } }
    assert.deepStrictEqual(whole(events, { shape: custom }).choices[0]?.message.tool_calls, [call])
    const deltas = stream(events, false, { shape: custom }).flatMap(({ choices }) => choices[0]?.delta.tool_calls ?? [])
    assert.deepStrictEqual(deltas, [{ index: 0, ...call }])
    const legacy = whole(events, { shape: { legacy: true, custom: new Set() } }).choices[0]
    assert.deepStrictEqual(legacy?.message.function_call, { name: "run", arguments: "ls -l" })
    assert.isNull(legacy?.message.content)
    assert.strictEqual(legacy?.finish_reason, "function_call")
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
