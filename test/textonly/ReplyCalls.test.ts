/** Calls that go out while they are written: what else of a request holds for them. */
import { assert, describe, it } from "@effect/vitest"
import {
  type ChatEvent,
  type ChatRequest,
  type FinishReason,
  finish,
  textDelta,
  thoughtDelta
} from "../../src/domain/Chat.ts"
import * as Turn from "../../src/domain/Turn.ts"
import * as Reply from "../../src/textonly/Reply.ts"
import * as TokenMeter from "../../src/tokens/TokenMeter.ts"
import { tool, toolset } from "./scan/Scan.ts"

const string = { type: "string" }
const write = tool(
  "write",
  {},
  {
    parameters: { type: "object", properties: { path: string, content: string }, required: ["path"] }
  }
)
const toolsOf = toolset([write, tool("other")])
const open = (content: string) =>
  `<tool_call>\n<function=write>\n<parameter=path>\na.txt\n</parameter>\n<parameter=content>\n${content}`
const call = (content: string) => `${open(content)}\n</parameter>\n</function>\n</tool_call>`
const args = (content: string) => JSON.stringify({ path: "a.txt", content })

type Asked = Partial<ChatRequest> & { readonly whole?: boolean }

/** What comes of answers, the second of which is for a retry; texts come by single characters. */
const hear = (asked: Asked, ...answers: ReadonlyArray<ReadonlyArray<string | ChatEvent>>) => {
  const events: Array<ChatEvent> = []
  const retries: Array<string> = []
  let failure: string | undefined
  let meter = TokenMeter.make()
  const reply = Reply.make({
    toolset: toolsOf,
    retries: 1,
    ...asked,
    instance: "a",
    onRetry: ({ reason }) => {
      meter = TokenMeter.make()
      retries.push(reason)
    }
  })
  reply.turn.observe((event) => meter.add(event))
  reply.turn.read({
    onEvent: (event) => events.push(event),
    onFailure: ({ _tag }) => {
      failure = _tag
    }
  })
  for (const [at, parts] of answers.entries()) {
    if (at > retries.length) break
    const turn = Turn.make({ instance: "a" })
    reply.hear(turn)
    for (const part of parts) {
      if (typeof part !== "string") turn.emit(part)
      else for (const char of part) turn.emit(textDelta(char))
    }
    if (parts.every((part) => typeof part === "string")) turn.emit(finish("stop"))
  }
  const last = events.at(-1)
  const ends = events.flatMap((event) => (event._tag === "ToolCallEnd" ? [event.call.arguments] : []))
  return {
    kinds: events.map(({ _tag }) => _tag).filter((tag, at, all) => tag !== all[at - 1]),
    pieces: events.flatMap((event) => (event._tag === "ToolCallDelta" ? [event.text] : [])),
    text: events.map((event) => (event._tag === "TextDelta" ? event.text : "")).join(""),
    thoughts: events.map((event) => (event._tag === "ThoughtDelta" ? event.text : "")).join(""),
    ends,
    events,
    retries,
    end: (failure ?? (last?._tag === "Finish" ? last.reason : "none")) as FinishReason | string,
    tokens: meter.totals().output
  }
}

describe("A call that goes out while it is written", () => {
  it("has a beginning, pieces and an end, and as many tokens as a whole one", () => {
    const one = hear({}, ["I write.\n", call("one\ntwo\n")])
    assert.deepStrictEqual(one.kinds, ["TextDelta", "ToolCallBegin", "ToolCallDelta", "ToolCallEnd", "Finish"])
    assert.deepStrictEqual(
      [one.text, one.pieces.join(""), one.ends],
      ["I write.", args("one\ntwo\n"), [args("one\ntwo\n")]]
    )
    assert.strictEqual(one.end, "tool_calls")
    const whole = hear({ whole: true }, ["I write.\n", call("one\ntwo\n")])
    assert.deepStrictEqual(whole.kinds, ["TextDelta", "ToolCall", "Finish"])
    assert.strictEqual(one.tokens, whole.tokens)
  })

  it("ends by the limit of tokens without an end of its own", () => {
    const one = hear({ maxTokens: 60 }, [call("many words that do not end ".repeat(30))])
    assert.deepStrictEqual(one.kinds, ["ToolCallBegin", "ToolCallDelta", "Finish"])
    assert.strictEqual(one.end, "length")
    assert.isTrue(args("many words that do not end ".repeat(30)).startsWith(one.pieces.join("")))
    assert.isAtMost(one.tokens, 60)
    const filtered = hear({}, [open("half"), finish("content_filter")])
    assert.deepStrictEqual([filtered.end, filtered.ends], ["content_filter", []])
  })

  it("is an error where the model breaks off, never a success", () => {
    const one = hear({}, [open("half")])
    assert.deepStrictEqual([one.end, one.ends, one.retries], ["ToolCallBroken", [], []])
    assert.strictEqual(one.pieces.join(""), '{"path":"a.txt","content":"half')
  })

  it("ends at the length of the longest call as by a limit", () => {
    const long = "x".repeat(1 << 16)
    const one = hear({}, [textDelta(open("")), ...Array.from({ length: 17 }, () => textDelta(long)), finish("stop")])
    assert.deepStrictEqual([one.end, one.ends], ["length", []])
  })

  it("lets go of the text that was withheld until there was a call", () => {
    const asked = { toolset: { ...toolsOf, choice: "required" } } as const
    const parts = [..."I write.\n", ...open("a")].map(textDelta)
    assert.deepStrictEqual(hear(asked, parts).kinds, ["TextDelta", "ToolCallBegin", "ToolCallDelta"])
    assert.deepStrictEqual(hear(asked, parts.slice(0, 40)).kinds, [])
  })

  it("is not asked for again once it is begun, and is before", () => {
    const bad = "<tool_call>\n<function=write>\n<parameter=content>\na\n</parameter>\n</function>\n</tool_call>"
    const one = hear({}, [bad], [call("b")])
    assert.deepStrictEqual([one.retries, one.ends, one.end], [[], ['{"content":"a"}'], "tool_calls"])
    const behind = hear({}, [call("a"), "\n<tool_call>\nls\n</tool_call>"], [call("b")])
    assert.deepStrictEqual([behind.retries, behind.ends], [[], [args("a")]])
    const unknown = hear({}, [bad.replace("content", "nothing")], [call("b")])
    assert.deepStrictEqual([unknown.retries, unknown.ends], [["invalid_arguments"], [args("b")]])
  })

  it("holds stop texts, which end text only", () => {
    const one = hear({ stop: ["END"] }, ["a\n", call("the END of it"), "\nEND more"])
    assert.deepStrictEqual(one.ends, [args("the END of it")])
  })

  it("is not parted by thoughts: they follow it", () => {
    const [first, second] = [call("ab").slice(0, -40), call("ab").slice(-40)]
    const one = hear({}, [first, thoughtDelta("hm"), second, finish("stop")])
    assert.deepStrictEqual(one.kinds, ["ToolCallBegin", "ToolCallDelta", "ToolCallEnd", "ThoughtDelta", "Finish"])
    assert.deepStrictEqual([one.thoughts, one.ends], ["hm", [args("ab")]])
  })

  it("is the last where one call is all that is wanted", () => {
    const one = hear({ toolset: { ...toolsOf, parallel: false } }, [call("a"), "\n", call("b")])
    assert.deepStrictEqual([one.ends, one.end], [[args("a")], "tool_calls"])
  })
})
