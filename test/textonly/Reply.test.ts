import { assert, describe, it } from "@effect/vitest"
import { FastCheck } from "effect"
import {
  type ChatEvent,
  type ChatRequest,
  type FinishReason,
  finish,
  type Tool,
  type Toolset,
  textDelta,
  thoughtDelta,
  usage
} from "../../src/domain/Chat.ts"
import { BackendFailure, type TurnError } from "../../src/domain/ChatError.ts"
import * as Turn from "../../src/domain/Turn.ts"
import * as Reply from "../../src/textonly/Reply.ts"
import * as TokenEstimate from "../../src/tokens/TokenEstimate.ts"
import * as TokenMeter from "../../src/tokens/TokenMeter.ts"

const tool = (name: string, more: Partial<Tool> = {}): Tool => ({
  kind: "function",
  name,
  description: undefined,
  parameters: { type: "object", properties: { city: { type: "string" } }, required: ["city"] },
  strict: false,
  ...more
})
const toolset = (more: Partial<Toolset> = {}): Toolset => ({
  tools: [tool("weather"), tool("news")],
  choice: "auto",
  parallel: true,
  ...more
})

const call = (name: string, args: unknown) => `<tool_call>\n${JSON.stringify({ name, arguments: args })}\n</tool_call>`
const paris = call("weather", { city: "Paris" })

interface Heard {
  readonly text: string
  readonly thoughts: string
  readonly calls: ReadonlyArray<string>
  readonly end: FinishReason | TurnError["_tag"] | "none"
  readonly stopSequence: string | undefined
  readonly retries: ReadonlyArray<string>
  readonly tokens: number
}

/** What a client gets of upstream answers: the first, and one for each retry that is wanted. */
const hear = (
  asked: Partial<ChatRequest> & { readonly whole?: boolean; readonly retries?: number },
  ...answers: ReadonlyArray<ReadonlyArray<ChatEvent> | string>
): Heard => {
  const events: Array<ChatEvent> = []
  const retries: Array<string> = []
  let failure: TurnError | undefined
  let meter = TokenMeter.make()
  const reply = Reply.make({
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
    onFailure: (error) => {
      failure = error
    }
  })
  const answer = (i: number) => {
    const turn = Turn.make({ instance: "a" })
    reply.hear(turn)
    const script = answers[i] ?? []
    for (const event of typeof script === "string" ? [textDelta(script), finish("stop")] : script) turn.emit(event)
    if (retries.length > i) answer(i + 1)
  }
  answer(0)
  const last = events.at(-1)
  return {
    text: events.map((event) => (event._tag === "TextDelta" ? event.text : "")).join(""),
    thoughts: events.map((event) => (event._tag === "ThoughtDelta" ? event.text : "")).join(""),
    calls: events.flatMap((event) =>
      event._tag === "ToolCall" || event._tag === "ToolCallEnd" ? [`${event.call.name} ${event.call.arguments}`] : []
    ),
    end: failure?._tag ?? (last?._tag === "Finish" ? last.reason : "none"),
    stopSequence: last?._tag === "Finish" ? last.stopSequence : undefined,
    retries,
    tokens: meter.totals().output
  }
}

const strictJson = {
  type: "json_schema",
  name: "answer",
  strict: true,
  schema: {
    type: "object",
    properties: { n: { type: "integer" } },
    required: ["n"],
    additionalProperties: false
  }
} as const

describe("a reply to a plain request", () => {
  it("passes each piece on as it comes", () => {
    const reply = Reply.make({ instance: "a" })
    const upstream = Turn.make({ instance: "a" })
    const seen: Array<string> = []
    reply.turn.read({ onEvent: (event) => seen.push("text" in event ? event.text : event._tag), onFailure: () => {} })
    reply.hear(upstream)
    for (const text of ["Hel", "lo <b>", " `x` "]) {
      upstream.emit(textDelta(text))
      assert.strictEqual(seen.at(-1), text)
    }
  })

  it("tells thoughts apart, also those inside of the text", () => {
    const { text, thoughts } = hear({}, [thoughtDelta("Hm. "), textDelta("<think>Well.</think>Yes"), finish("stop")])
    assert.strictEqual(thoughts, "Hm. Well.")
    assert.strictEqual(text.trim(), "Yes")
  })

  it("fails as the upstream does", () => {
    const reply = Reply.make({ instance: "a" })
    const upstream = Turn.make({ instance: "a" })
    reply.hear(upstream)
    upstream.emit(textDelta("Hel"))
    upstream.fail(new BackendFailure({ instance: "a", started: true, detail: "gone" }))
    assert.strictEqual(reply.turn.failure()?._tag, "BackendFailure")
  })

  it("fails, and does not throw into the backend, when an event is none", () => {
    const reply = Reply.make({ instance: "a" })
    const upstream = Turn.make({ instance: "a" })
    reply.hear(upstream)
    upstream.emit(textDelta("Hel"))
    upstream.emit({ _tag: "TextDelta", text: undefined } as unknown as ChatEvent)
    assert.strictEqual(reply.turn.failure()?._tag, "BackendFailure")
  })

  it("prefers the upstream's own figures", () => {
    assert.strictEqual(hear({}, [textDelta("Hello"), usage({ outputTokens: 77 }), finish("stop")]).tokens, 77)
  })
})

describe("a reply with an end of its own", () => {
  it("stops before a stop text and says which", () => {
    const heard = hear({ stop: ["END", "\n\n"] }, [textDelta("one E"), textDelta("ND two"), finish("stop")])
    assert.deepInclude(heard, { text: "one ", end: "stop", stopSequence: "END" })
  })

  it("cuts at the limit of tokens", () => {
    const long = "word ".repeat(200)
    const heard = hear({ maxTokens: 10 }, long)
    assert.strictEqual(heard.end, "length")
    assert.isAtMost(TokenEstimate.estimate(heard.text), 10)
    assert.isTrue(long.startsWith(heard.text) && heard.text.length > 10)
  })

  it("counts thoughts where they are shown, and text alone where they are hidden", () => {
    const script = [thoughtDelta("hm, ".repeat(40)), textDelta("<block>no</block> more"), finish("stop")]
    const asked = { maxTokens: 20, stop: ["</block>"] }
    for (const whole of [true, false]) {
      assert.deepInclude(hear({ ...asked, whole }, script), { text: "", end: "length" })
      const hidden = hear({ ...asked, whole, hidesThoughts: true }, script)
      assert.deepInclude(hidden, { text: "<block>no", end: "stop", stopSequence: "</block>" })
      assert.isAbove(hidden.tokens, 20)
    }
    const long = hear(
      { maxTokens: 10, hidesThoughts: true },
      `<think>${"hm ".repeat(50)}</think>${"word ".repeat(200)}`
    )
    assert.strictEqual(long.end, "length")
    assert.isTrue(TokenEstimate.estimate(long.text) <= 10 && long.text.length > 10)
  })

  it("ends hidden thoughts that do not end, at a limit of their own", () => {
    const thoughts = Array.from({ length: 50 }, () => thoughtDelta("word ".repeat(1000)))
    const answer = [...thoughts, textDelta("Yes"), finish("stop")]
    const { end, text, tokens } = hear({ maxTokens: 10, hidesThoughts: true }, answer)
    assert.deepStrictEqual([end, text], ["length", ""])
    assert.isTrue(tokens > 30_000 && tokens <= 32_768, String(tokens))
    assert.deepInclude(hear({ maxTokens: 100_000, hidesThoughts: true }, answer), { text: "Yes", end: "stop" })
  })

  it("makes no call of one that the limit cut", () => {
    const heard = hear({ maxTokens: 12, toolset: toolset() }, `Sure. ${paris}`)
    assert.deepInclude(heard, { calls: [], end: "length" })
    assert.match(heard.text, /^Sure\. <tool_call>/)
  })
})

describe("a reply with tools", () => {
  it("finds calls, and keeps the text before them", () => {
    for (const whole of [true, false]) {
      const heard = hear({ toolset: toolset(), whole }, `Looking.\n${paris}\n${call("news", { city: "Rome" })}`)
      assert.deepInclude(heard, {
        text: "Looking.",
        calls: ['weather {"city":"Paris"}', 'news {"city":"Rome"}'],
        end: "tool_calls",
        retries: []
      })
    }
  })

  it("takes markup for text when no tool may be called", () => {
    assert.deepInclude(hear({}, paris), { text: paris, calls: [], end: "stop" })
  })

  it("asks again for a call that is not valid while nothing was sent", () => {
    const heard = hear({ toolset: toolset() }, call("wether_of", { city: "Paris" }), paris)
    assert.deepInclude(heard, { text: "", calls: ['weather {"city":"Paris"}'], retries: ["unknown_tool"] })
  })

  it("asks again at any point of a whole answer", () => {
    const heard = hear({ toolset: toolset(), whole: true }, `Sure. ${call("weather", {})}`, paris)
    assert.deepInclude(heard, { text: "", calls: ['weather {"city":"Paris"}'], retries: ["invalid_arguments"] })
  })

  it("passes an invalid call on when text was sent already, for the client to complain about", () => {
    const heard = hear({ toolset: toolset() }, [textDelta("Sure."), textDelta(call("weather", {})), finish("stop")])
    assert.deepInclude(heard, { text: "Sure.", calls: ["weather {}"], end: "tool_calls", retries: [] })
  })

  it("shows an invalid call of a strict tool, or of none, as the text it is", () => {
    const strict = toolset({ tools: [tool("weather", { strict: true })] })
    for (const bad of [call("weather", {}), call("unheard_of", {})]) {
      assert.deepInclude(hear({ toolset: strict, retries: 0 }, bad), { text: bad, calls: [], end: "stop" })
    }
  })

  it("withholds text until the call that had to come", () => {
    const required = toolset({ choice: "required" })
    assert.deepInclude(hear({ toolset: required }, `Sure.\n${paris}`), { text: "Sure.", end: "tool_calls" })
    assert.deepInclude(hear({ toolset: required }, "I would rather not.", paris), {
      text: "",
      calls: ['weather {"city":"Paris"}'],
      retries: ["no_call"]
    })
    assert.deepInclude(hear({ toolset: required }, "No.", "No!"), { text: "", end: "ToolCallNotProduced" })
  })

  it("takes the named tool only", () => {
    const named = toolset({ choice: { name: "news" } })
    assert.deepInclude(hear({ toolset: named }, `${paris}\n${call("news", { city: "Rome" })}`), {
      calls: ['news {"city":"Rome"}'],
      end: "tool_calls"
    })
  })

  it("ends after the first call when one is all that is wanted", () => {
    const heard = hear({ toolset: toolset({ parallel: false }) }, `${paris}\n${paris}`)
    assert.deepInclude(heard, { calls: ['weather {"city":"Paris"}'], end: "tool_calls" })
  })

  it.prop(
    "is the same however the upstream cut its text",
    [
      FastCheck.array(
        FastCheck.constantFrom(
          "Hi ",
          "`",
          "```\n",
          "<",
          paris,
          "<tool_call>",
          "END",
          "\n",
          call("x", 1),
          "</think>",
          "<think>"
        ),
        { maxLength: 8 }
      ),
      FastCheck.array(FastCheck.nat(40), { minLength: 1, maxLength: 8 }),
      FastCheck.constantFrom("auto" as const, "required" as const, "none" as const),
      FastCheck.boolean()
    ],
    ([parts, cuts, choice, whole]) => {
      const text = parts.join("")
      const asked = { toolset: toolset({ choice }), stop: ["END"], whole, retries: 0 } as const
      const pieces: Array<ChatEvent> = []
      for (let at = 0, i = 0; at < text.length; i++) {
        const size = 1 + cuts[i % cuts.length]!
        pieces.push(textDelta(text.slice(at, at + size)))
        at += size
      }
      assert.deepStrictEqual(hear(asked, [...pieces, finish("stop")]), hear(asked, [textDelta(text), finish("stop")]))
    },
    { fastCheck: { numRuns: 500 } }
  )
})

describe("a reply to which the model says nothing", () => {
  const nothing = [
    ["no event at all", []],
    ["blanks", [textDelta(" "), textDelta("\n\n")]],
    ["thoughts", [thoughtDelta("hm")]],
    ["thoughts in its text", [textDelta("<think>hm</think>\n\n")]],
    ["thoughts that never close", [textDelta("<think>hm")]],
    ["QoderCN's thoughts", [textDelta("````think::1.2\nhm\n````\n")]]
  ] as const
  const asks = [
    ["plainly", {}],
    ["with tools", { toolset: toolset() }],
    ["with tools that may not be called", { toolset: toolset({ choice: "none" }) }],
    ["for JSON", { format: { type: "json_object" } }],
    ["for strict JSON", { format: strictJson }],
    ["with a limit and stop texts", { maxTokens: 100, stop: ["END"], hidesThoughts: true }]
  ] as const satisfies ReadonlyArray<readonly [string, Partial<ChatRequest>]>

  for (const [what, events] of nothing) {
    it(`asks again for ${what}, then fails`, () => {
      for (const [how, asked] of asks) {
        for (const whole of [true, false]) {
          const empty = [...events, finish("stop")]
          const twice = hear({ ...asked, whole }, empty, empty)
          assert.deepInclude(twice, { calls: [], end: "EmptyAnswer", retries: ["empty_answer"] }, how)
          assert.strictEqual(twice.text.trim(), "", how)
          const good = "format" in asked ? '{"n": 1}' : "Yes"
          const mended = hear({ ...asked, whole }, empty, good)
          assert.deepInclude(mended, { end: "stop", retries: ["empty_answer"] }, how)
          assert.strictEqual(mended.text.trim(), good, how)
        }
      }
      assert.deepInclude(hear({ retries: 0 }, [...events, finish("stop")]), { end: "EmptyAnswer", retries: [] })
    })
  }

  it("tells the model nothing of what it did not say", () => {
    const told: Array<Reply.Retry> = []
    const reply = Reply.make({ instance: "a", retries: 1, toolset: toolset(), onRetry: (retry) => told.push(retry) })
    const upstream = Turn.make({ instance: "a" })
    reply.hear(upstream)
    for (const event of [textDelta("<think>hm</think>"), finish("stop")]) upstream.emit(event)
    assert.deepStrictEqual(
      told.map(({ reason, said }) => [reason, said]),
      [["empty_answer", ""]]
    )
    assert.match(told[0]!.hint, /^There was no answer/)
  })

  it("is content with nothing where something else than the model ended the answer", () => {
    for (const whole of [true, false]) {
      const cut = hear({ whole, maxTokens: 5 }, [thoughtDelta("hm, ".repeat(40)), finish("stop")])
      assert.deepInclude(cut, { text: "", end: "length", retries: [] })
      const stopped = hear({ whole, stop: ["END"] }, "END of it")
      assert.deepInclude(stopped, { text: "", end: "stop", stopSequence: "END", retries: [] })
      const blank = hear({ whole, stop: ["\n\n\n", "\n"] }, "\n\n")
      assert.deepInclude(blank, { text: "", end: "stop", stopSequence: "\n", retries: [] })
      for (const reason of ["length", "content_filter"] as const) {
        assert.deepInclude(hear({ whole, toolset: toolset() }, [finish(reason)]), {
          text: "",
          end: reason,
          retries: []
        })
      }
    }
  })
})

describe("a reply with a format", () => {
  it("gives the JSON and nothing around it", () => {
    for (const whole of [true, false]) {
      const heard = hear({ format: { type: "json_object" }, whole }, 'Here:\n```json\n{"n": 1}\n```\nDone.')
      assert.deepInclude(heard, { text: '{"n": 1}', end: "stop", retries: [] })
    }
  })

  it("asks again for text that breaks the schema, and fails when that is no better", () => {
    for (const whole of [true, false]) {
      assert.deepInclude(hear({ format: strictJson, whole }, '{"n": "one"}', '{"n": 1}'), {
        text: '{"n": 1}',
        retries: ["invalid_json"]
      })
      assert.deepInclude(hear({ format: strictJson, whole }, "no", "never"), { text: "", end: "InvalidJsonOutput" })
    }
  })

  it("gives the text of a lenient format as it is when it cannot be mended", () => {
    const heard = hear({ format: { type: "json_object" }, whole: true }, "no", "never")
    assert.deepInclude(heard, { text: "never", end: "stop", retries: ["invalid_json"] })
  })

  it("binds answers in text only", () => {
    const heard = hear({ format: strictJson, toolset: toolset(), whole: true }, `Looking.\n${paris}`)
    assert.deepInclude(heard, { text: "Looking.", calls: ['weather {"city":"Paris"}'], end: "tool_calls" })
  })
})
