import { assert, describe, it } from "@effect/vitest"
import { Either, FastCheck as fc, Option, Schema } from "effect"
import { type ChatEvent, finish, textDelta, thoughtDelta, toolCall, usage } from "../../../src/domain/Chat.ts"
import { ChatCompletion, ChatCompletionChunk } from "../../../src/http/openai/Api.ts"
import * as Codec from "../../../src/http/openai/Codec.ts"
import { ChatCompletionRequest } from "../../../src/http/openai/Payload.ts"

const options = { id: "chatcmpl-1", created: 1, model: "auto", promptTokens: 9 }
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
  const encode = Codec.chunks({ ...options, includeUsage })
  const text = events.map(encode).join("")
  assert.isTrue(text.endsWith("data: [DONE]\n\n"))
  const frames = text.split("\n\n").slice(0, -2)
  return frames.map((frame) => {
    assert.isTrue(frame.startsWith("data: {"))
    return decodeChunk(JSON.parse(frame.slice(6)))
  })
}

const whole = (events: ReadonlyArray<ChatEvent>) => {
  const fold = Codec.completion({ ...options, servedBy: "inst-0", firstTokenMillis: 1.4 })
  for (const event of events) fold.add(event)
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

const request = (body: unknown) =>
  Codec.toRequest(Schema.decodeUnknownSync(ChatCompletionRequest)({ model: "auto", ...(body as object) }), undefined)
const messages = (...list: ReadonlyArray<unknown>) => Either.getOrThrow(request({ messages: list })).messages

const complaint = (body: unknown) => {
  const failed = Either.flip(request({ messages: [{ role: "user", content: "hi" }], ...(body as object) }))
  const {
    body: { error },
    status
  } = Either.getOrThrow(failed)
  return [status, error.code, error.param]
}

describe("a request", () => {
  it("takes every form of message", () => {
    const image = { type: "image_url", image_url: { url: "data:image/PNG;base64,aGk=" } }
    const list = messages(
      { role: "developer", content: "be brief" },
      { role: "user", content: [{ type: "text", text: "a" }, image, { type: "text", text: "b", cache_control: {} }] },
      {
        role: "assistant",
        content: null,
        reasoning_content: "ignored",
        tool_calls: [
          { id: "c1", type: "function", function: { name: "f", arguments: "{}" } },
          { id: "c2", type: "custom", custom: { name: "g", input: "text" } }
        ]
      },
      { role: "tool", tool_call_id: "c1", content: [{ type: "text", text: "done" }] },
      { role: "assistant", function_call: { name: "old", arguments: "1" } },
      { role: "function", name: "old", content: "2" },
      { role: "assistant", refusal: "no" },
      { role: "system", content: "last" }
    )
    const plain = { images: [], toolCalls: [], toolCallId: undefined }
    assert.deepStrictEqual(list, [
      { ...plain, role: "system", text: "be brief" },
      { ...plain, role: "user", text: "a\nb", images: [{ mediaType: "image/png", data: "aGk=" }] },
      {
        ...plain,
        role: "assistant",
        text: "",
        toolCalls: [
          { id: "c1", name: "f", arguments: "{}" },
          { id: "c2", name: "g", arguments: "text" }
        ]
      },
      { ...plain, role: "tool", text: "done", toolCallId: "c1" },
      { ...plain, role: "assistant", text: "", toolCalls: [{ id: "old", name: "old", arguments: "1" }] },
      { ...plain, role: "tool", text: "2", toolCallId: "old" },
      { ...plain, role: "assistant", text: "no" },
      { ...plain, role: "system", text: "last" }
    ])
  })

  it("is refused where ignoring a wish would give a wrong answer", () => {
    const part = (content: unknown) => ({
      messages: [{ role: "user", content: [{ type: "text", text: "x" }, content] }]
    })
    const at = "messages[0].content[1]"
    assert.deepStrictEqual(complaint({ n: 2 }), [400, "unsupported_value", "n"])
    assert.deepStrictEqual(complaint({ logprobs: true }), [400, "unsupported_value", "logprobs"])
    assert.deepStrictEqual(complaint({ top_logprobs: 1 }), [400, "unsupported_value", "top_logprobs"])
    assert.deepStrictEqual(complaint({ modalities: ["text", "audio"] }), [400, "unsupported_value", "modalities"])
    assert.deepStrictEqual(complaint({ audio: { voice: "alloy" } }), [400, "unsupported_value", "audio"])
    assert.deepStrictEqual(complaint({ stream_options: {} }), [400, "invalid_value", "stream_options"])
    assert.deepStrictEqual(complaint(part({ type: "input_audio", input_audio: {} })), [400, "unsupported_value", at])
    assert.deepStrictEqual(complaint(part({ type: "file", file: {} })), [400, "unsupported_value", at])
    for (const url of [
      "http://169.254.169.254/",
      "https://a/b.png",
      "data:image/svg+xml;base64,aGk=",
      "data:image/png;base64,<>",
      "file:///etc/passwd"
    ]) {
      const wrong = part({ type: "image_url", image_url: { url } })
      assert.deepStrictEqual(complaint(wrong), [400, "unsupported_value", `${at}.image_url`])
    }
    assert.deepStrictEqual(complaint({ messages: [{ role: "user", content: " " }] }), [
      400,
      "invalid_value",
      "messages"
    ])
  })

  it("passes when a wish has no effect that anybody was promised", () => {
    const ignored = {
      temperature: 1.5,
      top_k: 3,
      n: 1,
      logprobs: false,
      modalities: ["text"],
      stop: null,
      seed: 1,
      metadata: { a: "b" },
      tools: [{ type: "function", function: { name: "mcp.x_y-z", parameters: { type: "object" } } }],
      tool_choice: { type: "function", function: { name: "mcp.x_y-z" } },
      response_format: { type: "json_object" },
      chat_template_kwargs: {}
    }
    assert.isTrue(Either.isRight(request({ messages: [{ role: "user", content: "hi" }], ...ignored })))
  })

  it("is tied to one instance by what its conversation has in common", () => {
    const key = (body: object) =>
      Either.getOrThrow(request({ messages: [{ role: "user", content: "hi" }], ...body })).affinity
    assert.isTrue(Option.isSome(key({})))
    assert.deepStrictEqual(key({ user: "u" }), key({ user: "u", messages: [{ role: "user", content: "other" }] }))
    assert.notDeepEqual(key({ user: "u" }), key({ prompt_cache_key: "u" }))
    assert.deepStrictEqual(key({ prompt_cache_key: "k" }), key({ prompt_cache_key: "k", user: "u" }))
  })
})
