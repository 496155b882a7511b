/** What text is to the gateway that is source code, configuration or documentation: the laws that keep it as it is. */
import { assert, describe, it } from "@effect/vitest"
import { FastCheck, Option } from "effect"
import { type ChatRequest, finish, type Message, message, textDelta, thoughtDelta } from "../../src/domain/Chat.ts"
import * as Turn from "../../src/domain/Turn.ts"
import * as Prompt from "../../src/textonly/Prompt.ts"
import * as Reply from "../../src/textonly/Reply.ts"
import * as ToolPrompt from "../../src/textonly/tools/ToolPrompt.ts"
import * as SourceCorpus from "../support/SourceCorpus.ts"
import * as Spoken from "../support/Spoken.ts"
import * as PromptReader from "./PromptReader.ts"
import { tool, toolset } from "./scan/Scan.ts"

/** By a name that no text of the corpus calls. */
const edit = tool("write_back", { old: { type: "string" }, new: { type: "string" } })
const tools = toolset([edit])
const part = SourceCorpus.part()
interface How {
  /** Of the pieces. */
  readonly size: number
  readonly whole: boolean
}
const how: FastCheck.Arbitrary<How> = FastCheck.record({
  size: FastCheck.constantFrom(1, 7, Number.POSITIVE_INFINITY),
  whole: FastCheck.boolean()
})
const runs = { fastCheck: { numRuns: 250 } }

const hear = (asked: Partial<ChatRequest>, { size, whole }: How, { text = "", thoughts = "" }) => {
  const got = { text: "", thoughts: "", calls: [] as Array<string>, end: "none" as string }
  const reply = Reply.make({ ...asked, instance: "a", whole })
  reply.turn.read({
    onEvent: (event) => {
      if (event._tag === "TextDelta") got.text += event.text
      else if (event._tag === "ThoughtDelta") got.thoughts += event.text
      else if (event._tag === "ToolCall" || event._tag === "ToolCallEnd") got.calls.push(event.call.arguments)
      else if (event._tag === "Finish") got.end = event.reason
    },
    onFailure: ({ _tag }) => {
      got.end = _tag
    }
  })
  const upstream = Turn.make({ instance: "a" })
  reply.hear(upstream)
  const cut = (given: string) => Spoken.pieces(given, Math.min(size, Math.max(1, given.length)))
  for (const piece of cut(thoughts)) upstream.emit(thoughtDelta(piece))
  for (const piece of cut(text)) upstream.emit(textDelta(piece))
  upstream.emit(finish("stop"))
  return got
}

const places = ["system", "user", "assistant", "result"] as const

/** A conversation with the texts at these places, and the prompt that shows it. */
const shown = (at: ReadonlyArray<readonly [(typeof places)[number], string]>) => {
  const messages = at.map(
    ([place, text], i): Message =>
      place === "result" ? message("tool", text, { toolCallId: `call_${i}` }) : message(place, text)
  )
  const all = [message("user", "Begin."), ...messages, message("user", "Go on.")] as const
  const prompt = Prompt.render({ messages: all, toolset: tools, format: { type: "text" }, affinity: Option.none() })
  const nonce = /\[user (\w+)\] Begin\./.exec(prompt)?.[1] ?? ""
  return { prompt, nonce, turns: PromptReader.read(prompt, nonce) }
}

const placed = FastCheck.array(FastCheck.tuple(FastCheck.constantFrom(...places), part), { minLength: 1, maxLength: 5 })
/** Where QoderCN's thoughts begin, text is none: there is no other mark of them. */
const isText = (text: string) => !/(?:^|\n)````think::/.test(text)

describe("Source code on its way through the gateway", () => {
  it.prop(
    "stands in the prompt as it is, and adds or changes no turn and no result",
    [placed],
    ([at]) => {
      const { nonce, turns } = shown(at)
      // What the model is told of its tools, and "Begin."; "Go on.".
      const said = turns.slice(2, -1)
      assert.deepStrictEqual(
        said.map(({ result, role, text }) => [role, result?.body ?? text]),
        at.map(([place, text]) => [place === "result" ? "tool" : place, text])
      )
      for (const [, text] of at) assert.notInclude(text, nonce)
      for (const [i, [place, text]] of at.entries()) {
        if (place === "assistant" && /<\/?(?:tool_call|function=)/.test(text)) assert.isTrue(said[i]?.quoted)
      }
    },
    runs
  )

  it.prop(
    "comes back exactly when the model repeats it in words or in thoughts",
    [part.filter(isText), how],
    ([text, way]) => {
      const { turns } = shown([["user", text]])
      const seen = turns.at(-2)?.text ?? ""
      const words = hear({ toolset: tools }, way, { text: `Here:\n${seen}`, thoughts: seen })
      assert.deepStrictEqual(words, { text: `Here:\n${text}`, thoughts: text, calls: [], end: "stop" })
      const plain = hear({}, way, { text: `Here:\n${seen}` })
      assert.deepStrictEqual(plain, { text: `Here:\n${text}`, thoughts: "", calls: [], end: "stop" })
    },
    runs
  )

  it.prop(
    "comes back exactly when the model repeats it in a call, in either grammar",
    [part, part, how, FastCheck.constantFrom("xml" as const, "hermes" as const)],
    ([old, now, way, grammar]) => {
      const { turns } = shown([
        ["result", old],
        ["user", now]
      ])
      const [result, user] = turns.slice(-3)
      const args = { old: result?.result?.body ?? "", new: user?.text ?? "" }
      const written = ToolPrompt.call({ id: "c", name: edit.name, arguments: JSON.stringify(args) }, edit, grammar)
      const { calls, end, text } = hear({ toolset: tools, stop: ["\n"] }, way, { text: `So:${written}` })
      assert.deepStrictEqual([text, end], ["So:", "tool_calls"])
      assert.deepStrictEqual(
        calls.map((one) => JSON.parse(one) as unknown),
        [{ old, new: now }]
      )
    },
    runs
  )

  it.prop(
    "comes back exactly in structured output",
    [part, how],
    ([text, way]) => {
      const schema = { type: "object", properties: { text: { type: "string" } }, required: ["text"] }
      const format = { type: "json_schema", name: "echo", strict: true, schema } as const
      const got = hear({ format }, way, { text: `\`\`\`json\n${JSON.stringify({ text })}\n\`\`\`` })
      assert.deepStrictEqual([JSON.parse(got.text), got.end], [{ text }, "stop"])
    },
    runs
  )

  it.prop(
    "is never a call of a tool that is not declared, or where none may be called",
    [part.filter(isText), how],
    ([text, way]) => {
      assert.deepStrictEqual(hear({ toolset: tools }, way, { text }).calls, [])
      const none = toolset([tool("edit"), tool("t"), tool("ls")], { choice: "none" })
      assert.deepStrictEqual(hear({ toolset: none }, way, { text }).calls, [])
    },
    runs
  )
})
