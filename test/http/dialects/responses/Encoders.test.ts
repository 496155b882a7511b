import { assert, describe, it } from "@effect/vitest"
import { Either, FastCheck as fc, Schema } from "effect"
import {
  type ChatEvent,
  finish,
  type ToolCall,
  textDelta,
  thoughtDelta,
  toolCall,
  usage
} from "../../../../src/domain/Chat.ts"
import * as Resource from "../../../../src/http/dialects/responses/Resource.ts"
import { ResponsesRequest } from "../../../../src/http/dialects/responses/request/Payload.ts"
import * as Tools from "../../../../src/http/dialects/responses/request/Tools.ts"
import * as StreamEncoder from "../../../../src/http/dialects/responses/StreamEncoder.ts"
import * as WholeEncoder from "../../../../src/http/dialects/responses/WholeEncoder.ts"
import * as TokenMeter from "../../../../src/tokens/TokenMeter.ts"
import { live } from "../../../support/LiveCalls.ts"
import * as Grammar from "../../../support/ResponsesGrammar.ts"

const payload = Schema.decodeUnknownSync(ResponsesRequest)({
  model: "alias",
  input: "hi",
  metadata: { a: "b" },
  tools: [
    { type: "function", name: "look", parameters: { type: "object" } },
    { type: "custom", name: "patch" },
    { type: "namespace", name: "mail", description: "", tools: [{ type: "function", name: "send" }] },
    { type: "namespace", name: "chat", description: "", tools: [{ type: "custom", name: "look" }] }
  ]
})
const tools = Either.getOrThrow(Tools.read(payload, () => {}))

const make = (ended?: (response: Resource.ResponseObject) => void): StreamEncoder.EncodingOptions => {
  let n = 0
  return {
    fixed: Resource.toFixed({ id: "resp_1", created: 7, payload, tools, kept: false }),
    named: tools.named,
    model: payload.model,
    newId: (prefix) => `${prefix}_${n++}`,
    now: () => 9,
    ...(ended === undefined ? {} : { ended })
  }
}

const metered = () => {
  const meter = TokenMeter.make()
  return { add: meter.add, tokens: () => TokenMeter.tokens(meter.totals(), 9) }
}

const failure = { code: "upstream_error", message: "upstream lingma error" }

/** A failure in place of the end, when `breaks`. */
const stream = (events: ReadonlyArray<ChatEvent>, breaks = false) => {
  const { add, tokens } = metered()
  const { encode, fail } = StreamEncoder.make(make())
  const each = encode({ model: "key", tokens })
  const pieces = events.map((event) => {
    add(event)
    return each(event)
  })
  return pieces.join("") + (breaks ? fail(failure) : "")
}

const whole = (events: ReadonlyArray<ChatEvent>) => {
  const { add, tokens } = metered()
  const fold = WholeEncoder.make(make(), { model: "key", tokens })
  for (const event of events) {
    add(event)
    fold.add(event)
  }
  return Schema.decodeUnknownSync(Resource.ResponseObject, { onExcessProperty: "error" })(fold.result())
}

const repaired = (text: string) =>
  text.replace(/[\uD800-\uDBFF](?![\uDC00-\uDFFF])|(?<![\uD800-\uDBFF])[\uDC00-\uDFFF]/g, "\uFFFD")

/** Any 16 bit units: halves of characters included. */
const anyText = fc
  .array(fc.oneof(fc.constantFrom(0x61, 0x4f60, 0xd83c, 0xdf0d, 0x22, 0x0a), fc.integer({ min: 0, max: 0xffff })), {
    maxLength: 8
  })
  .map((units) => String.fromCharCode(...units))
const anyCall: fc.Arbitrary<ToolCall> = fc.record({
  id: fc.string(),
  name: fc.constantFrom("look", "patch", "send", "chat.look", "unheard"),
  arguments: anyText
})
const anyEvent: fc.Arbitrary<ChatEvent> = fc.oneof(
  anyText.map(textDelta),
  anyText.map(thoughtDelta),
  anyCall.map(toolCall),
  fc.record({ inputTokens: fc.nat(), outputTokens: fc.nat() }, { requiredKeys: [] }).map(usage)
)
const anyEnd = fc.constantFrom("stop" as const, "length" as const, "tool_calls" as const)
const anyEvents = fc.tuple(fc.array(anyEvent), anyEnd).map(([events, reason]) => [...events, finish(reason)])

/** What was said, call by call and text by text; text of one kind in a row is one. */
const turnOf = (events: ReadonlyArray<ChatEvent>) => {
  const turn: Array<readonly [kind: string, text: string, name?: string]> = []
  for (const event of events) {
    if (event._tag === "ToolCall") turn.push([event.call.id, repaired(event.call.arguments), event.call.name])
    else if (event._tag === "TextDelta" || event._tag === "ThoughtDelta") {
      const last = turn.at(-1)
      if (event.text === "") continue
      if (last?.[0] === event._tag && last[2] === undefined) turn[turn.length - 1] = [event._tag, last[1] + event.text]
      else turn.push([event._tag, event.text])
    }
  }
  return turn.map(([kind, text, name]) => [kind, repaired(text), name] as const)
}

const flat = (name: string, namespace: string | undefined) => (namespace === "chat" ? `chat.${name}` : name)

const turnIn = ({ output }: Resource.ResponseObject): ReturnType<typeof turnOf> =>
  output.map((item) => {
    const text = Grammar.textOf(item)
    if (item.type === "message") return ["TextDelta", text, undefined] as const
    if (item.type === "reasoning") return ["ThoughtDelta", text, undefined] as const
    if (item.type === "tool_search_call") return [item.call_id, text, "tool_search"] as const
    if (item.type === "compaction") return [item.id, text, item.type] as const
    if (!("name" in item)) return [item.call_id, text, item.type] as const
    return [item.call_id, text, flat(item.name, item.namespace)] as const
  })

describe("a streamed response", () => {
  it("is legal for any events, and says the same as the whole one", () => {
    fc.assert(
      fc.property(anyEvents, (events) => {
        const response = Grammar.read(Grammar.frames(stream(events)))
        assert.deepStrictEqual(turnIn(response), turnOf(events))
        assert.deepStrictEqual(response, whole(events))
        const last = events.at(-1)
        assert.strictEqual(
          response.status,
          last?._tag === "Finish" && last.reason === "length" ? "incomplete" : "completed"
        )
      }),
      { numRuns: 200 }
    )
  })

  it("brings a call as it is written, in pieces that are the whole together", () => {
    fc.assert(
      fc.property(anyEvents, fc.integer({ min: 1, max: 4 }), (events, size) => {
        const response = Grammar.read(Grammar.frames(stream(live(events, size))))
        assert.deepStrictEqual(response, whole(events))
        assert.deepStrictEqual(whole(live(events, size)), whole(events))
      }),
      { numRuns: 200 }
    )
  })

  it("tells of a call that a limit cut, or that broke, in the response, and not as the end of an item", () => {
    const args = '{"at":"x"}'
    for (const name of ["look", "patch"]) {
      const events = live([textDelta("So."), toolCall({ id: "call_1", name, arguments: args })]).slice(0, -2)
      for (const text of [stream([...events, finish("length")]), stream(events, true)]) {
        const frames = Grammar.frames(text)
        const types = frames.map(({ type }) => type)
        assert.lengthOf(
          types.filter((type) => type.endsWith("call_arguments.delta") || type.endsWith("call_input.delta")),
          args.length - 1
        )
        assert.lengthOf(
          types.filter((type) => /output_item\.done$/.test(type)),
          1
        )
        assert.isFalse(types.some((type) => /call_(arguments|input)\.done$/.test(type)))
        const last = frames.at(-1)!
        const item = "response" in last ? last.response.output[1] : undefined
        assert.deepInclude(item, { status: "incomplete", call_id: "call_1", name })
        assert.strictEqual(Grammar.textOf(item!), args.slice(0, -1))
      }
    }
  })

  it("that breaks ends legally wherever it was, with what was said so far", () => {
    fc.assert(
      fc.property(fc.array(anyEvent), (events) => {
        const response = Grammar.read(Grammar.frames(stream(events, true)))
        assert.deepInclude(response, { status: "failed", error: failure, usage: null })
        const said = turnIn(response)
        // Half a character that was held is not sent any more.
        const expected = turnOf(events)
        const joined = (turn: ReturnType<typeof turnOf>) => turn.map(([, text]) => text).join("")
        assert.isTrue(joined(expected).replaceAll("\uFFFD", "").startsWith(joined(said).replaceAll("\uFFFD", "")))
        assert.isAtMost(expected.length - said.length, 1)
      }),
      { numRuns: 200 }
    )
  })

  it("that breaks before anything came begins all the same", () => {
    const response = Grammar.read(Grammar.frames(StreamEncoder.make(make()).fail(failure)))
    assert.deepInclude(response, { status: "failed", model: "alias", output: [] })
    assert.deepStrictEqual(response.error, failure)
  })

  it("never sends half a character", () => {
    const events = [textDelta("a\ud83c"), textDelta("\udf0d"), textDelta("\ud83c"), thoughtDelta("x"), finish("stop")]
    const deltas = Grammar.frames(stream(events)).flatMap((event) => ("delta" in event ? [event.delta] : []))
    assert.deepStrictEqual(deltas, ["a", "🌍", "\uFFFD", "x"])
  })

  it("shows a call as the client named its tool", () => {
    const call = (name: string) => toolCall({ id: `call_${name}`, name, arguments: '{"a":1}' })
    const { output } = whole(["look", "patch", "send", "chat.look"].map(call).concat(finish("tool_calls")))
    assert.deepStrictEqual(output, [
      {
        id: "fc_0",
        type: "function_call",
        status: "completed",
        call_id: "call_look",
        name: "look",
        arguments: '{"a":1}'
      },
      {
        id: "ctc_1",
        type: "custom_tool_call",
        status: "completed",
        call_id: "call_patch",
        name: "patch",
        input: '{"a":1}'
      },
      {
        id: "fc_2",
        type: "function_call",
        status: "completed",
        call_id: "call_send",
        name: "send",
        namespace: "mail",
        arguments: '{"a":1}'
      },
      {
        id: "ctc_3",
        type: "custom_tool_call",
        status: "completed",
        call_id: "call_chat.look",
        name: "look",
        namespace: "chat",
        input: '{"a":1}'
      }
    ])
  })

  it("marks the item that max_output_tokens cut", () => {
    const response = whole([textDelta("hal"), finish("length")])
    assert.deepInclude(response, { status: "incomplete", completed_at: null })
    assert.deepStrictEqual(response.incomplete_details, { reason: "max_output_tokens" })
    assert.deepInclude(response.output[0], { status: "incomplete" })
  })

  it("counts as the upstream says, else by estimate", () => {
    const given = whole([textDelta("x"), usage({ inputTokens: 5, outputTokens: 7 }), finish("stop")]).usage
    assert.deepStrictEqual(given, {
      input_tokens: 5,
      input_tokens_details: { cached_tokens: 0, cache_write_tokens: 0 },
      output_tokens: 7,
      output_tokens_details: { reasoning_tokens: 0 },
      total_tokens: 12
    })
    const estimated = whole([thoughtDelta("let me think"), textDelta("hello world"), finish("stop")]).usage
    assert.isAbove(estimated?.output_tokens_details.reasoning_tokens ?? 0, 0)
    assert.isBelow(estimated?.output_tokens_details.reasoning_tokens ?? 9, estimated?.output_tokens ?? 0)
  })
})
