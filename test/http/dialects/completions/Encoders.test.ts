import { assert, describe, it } from "@effect/vitest"
import { type ChatEvent, finish, textDelta, thoughtDelta } from "../../../../src/domain/Chat.ts"
import type * as Encoding from "../../../../src/http/dialects/completions/Encoding.ts"
import * as StreamEncoder from "../../../../src/http/dialects/completions/StreamEncoder.ts"
import * as WholeEncoder from "../../../../src/http/dialects/completions/WholeEncoder.ts"

const tokens = { prompt: 3, completion: 2, reasoning: 0, isReported: true }
const options = { id: "cmpl-1", created: 7, model: "qwen", tokens: () => tokens, echo: "" }
const head = { id: "cmpl-1", object: "text_completion", created: 7, model: "qwen" }
const usage = { prompt_tokens: 3, completion_tokens: 2, total_tokens: 5 }

const streamed = (events: ReadonlyArray<ChatEvent>, more: Partial<StreamEncoder.StreamOptions> = {}) => {
  const frames = events
    .map(StreamEncoder.make({ ...options, includeUsage: false, ...more }))
    .join("")
    .split("\n\n")
  assert.strictEqual(frames.pop(), "")
  assert.strictEqual(frames.pop(), "data: [DONE]")
  return frames.map((frame) => JSON.parse(frame.replace(/^data: /, "")))
}
const whole = (events: ReadonlyArray<ChatEvent>, more: Partial<Encoding.EncodingOptions> = {}) => {
  const fold = WholeEncoder.make({ ...options, ...more })
  for (const event of events) fold.add(event)
  return fold.result()
}
const textOf = (chunks: ReturnType<typeof streamed>) => chunks.map(({ choices }) => choices[0]?.text ?? "").join("")

const choice = (text: string, finish_reason: string | null = null) => ({
  ...head,
  choices: [{ text, index: 0, logprobs: null, finish_reason }]
})
const events = [thoughtDelta("hm"), textDelta("Hel"), textDelta("lo"), finish("stop")]

describe("a text completion", () => {
  it("is streamed as chunks of text, the last with its finish reason", () => {
    assert.deepStrictEqual(streamed(events), [choice("Hel"), choice("lo"), choice("", "stop")])
  })

  it("is whole as one text with its usage", () => {
    assert.deepStrictEqual(whole(events), { ...choice("Hello", "stop"), usage, usage_source: "reported" } as never)
  })

  it("brings its usage last in a stream that asks for it", () => {
    const chunks = streamed(events, { includeUsage: true })
    assert.deepStrictEqual(chunks.at(-1), { ...head, choices: [], usage, usage_source: "reported" })
    for (const chunk of chunks.slice(0, -1)) assert.isNull(chunk.usage)
  })

  it("begins with its prompt where that is to be sent back, also when nothing was said", () => {
    assert.strictEqual(textOf(streamed(events, { echo: "Say: " })), "Say: Hello")
    assert.strictEqual(whole(events, { echo: "Say: " }).choices[0]?.text, "Say: Hello")
    assert.strictEqual(textOf(streamed([finish("stop")], { echo: "Say: " })), "Say: ")
  })

  it("says how it ended, in OpenAI's words", () => {
    const ends = [
      ["stop", "stop"],
      ["length", "length"],
      ["content_filter", "content_filter"],
      ["tool_calls", "stop"]
    ] as const
    for (const [reason, told] of ends) {
      assert.strictEqual(whole([finish(reason)]).choices[0]?.finish_reason, told)
      assert.strictEqual(streamed([finish(reason)]).at(-1).choices[0].finish_reason, told)
    }
  })

  it("sends no half of a character", () => {
    const cut = [textDelta("a\ud83d"), textDelta("\ude00"), textDelta("\ud83d"), finish("stop")]
    assert.strictEqual(textOf(streamed(cut)), "a\u{1f600}\ufffd")
    assert.strictEqual(whole(cut).choices[0]?.text, "a\u{1f600}\ufffd")
  })
})
