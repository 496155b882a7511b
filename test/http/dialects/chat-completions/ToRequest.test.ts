import { assert, describe, it } from "@effect/vitest"
import { Either, Option, Schema } from "effect"
import { ChatCompletionRequest } from "../../../../src/http/dialects/chat-completions/Payload.ts"
import * as ToRequest from "../../../../src/http/dialects/chat-completions/ToRequest.ts"

const pictures = new Map([["messages[1].content[1].image_url", { mediaType: "image/png", data: "aGk=" }]])
const decoded = (body: unknown) =>
  Schema.decodeUnknownSync(ChatCompletionRequest)({ model: "auto", ...(body as object) })
const request = (body: unknown) => ToRequest.toRequest(decoded(body), {}, pictures)
const messages = (...list: ReadonlyArray<unknown>) => Either.getOrThrow(request({ messages: list })).messages

const complaint = (body: unknown) => {
  const failed = Either.flip(request({ messages: [{ role: "user", content: "hi" }], ...(body as object) }))
  const {
    body: { error },
    status
  } = Either.getOrThrow(failed)
  return [status, error.code, error.param]
}

describe("the pictures of a request", () => {
  it("are listed with the path a complaint names, in whatever message they are", () => {
    const image = (image_url: unknown) => ({ type: "image_url", image_url })
    const body = {
      messages: [
        { role: "system", content: "s" },
        { role: "user", content: [{ type: "text", text: "a" }, image({ url: "one", detail: "low" }), image("two")] },
        { role: "assistant", content: null, tool_calls: [] },
        { role: "tool", tool_call_id: "c", content: [image({ url: "three" })] }
      ]
    }
    assert.deepStrictEqual(ToRequest.links(decoded(body)), [
      { param: "messages[1].content[1].image_url", url: "one" },
      { param: "messages[1].content[2].image_url", url: "two" },
      { param: "messages[3].content[0].image_url", url: "three" }
    ])
  })
})

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
      { ...plain, role: "user", text: "a\nb", images: [{ mediaType: "image/png", data: "aGk=", at: 2 }] },
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
