/** Answers made to be slow or to be held: a megabyte of each mark that a stage of a reply looks for. */
import { afterEach, assert, describe, it } from "@effect/vitest"
import { type ChatRequest, finish, textDelta, thoughtDelta } from "../../src/domain/Chat.ts"
import * as Turn from "../../src/domain/Turn.ts"
import * as Forms from "../../src/textonly/forms/Forms.ts"
import * as Markup from "../../src/textonly/forms/Markup.ts"
import * as Reply from "../../src/textonly/Reply.ts"
import { tool, toolset } from "./scan/Scan.ts"

const edit = tool("edit", { old: { type: "string" }, new: { type: "string" } })
const asked: Partial<ChatRequest> = { toolset: toolset([edit]), stop: ["</block>", "\n\nUser:"], maxTokens: 10_000_000 }
const json: Partial<ChatRequest> = { format: { type: "json_object" } }
const strict: Partial<ChatRequest> = {
  format: { type: "json_schema", name: "a", strict: true, schema: { type: "object" } }
}

interface Heard {
  /** Milliseconds of this process. */
  readonly time: number
  /** Most characters that were in and not yet out. */
  readonly held: number
  readonly names: ReadonlySet<string>
}

/** The text as an answer, or as thoughts, in pieces as long as a large frame. */
const hear = (given: Partial<ChatRequest>, text: string, delta = textDelta): Heard => {
  const names = new Set<string>()
  let out = 0
  let into = 0
  let held = 0
  const began = process.cpuUsage()
  const reply = Reply.make({ ...given, instance: "a" })
  reply.turn.read({
    onEvent: (event) => {
      if ("text" in event) out += event.text.length
      else if (event._tag === "ToolCall" || event._tag === "ToolCallEnd") {
        names.add(event.call.name)
        out = into
      }
    },
    onFailure: () => {}
  })
  const upstream = Turn.make({ instance: "a" })
  reply.hear(upstream)
  for (let at = 0; at < text.length; at += 1000) {
    const piece = text.slice(at, at + 1000)
    into += piece.length
    upstream.emit(delta(piece))
    held = Math.max(held, into - out)
  }
  upstream.emit(finish("stop"))
  const { system, user } = process.cpuUsage(began)
  return { time: (system + user) / 1000, held, names }
}

const marks = [
  ...Object.values(Markup).flatMap((mark) => (typeof mark === "string" ? [mark] : [])),
  ...["<tool_call>edit", "<tool_call><function=edit><parameter=new>", '<tool_call>{"name":"edit","arguments":{"new":"'],
  ...["````think::", "\n````think::1.5\n", "\n````\n", "<think>", "</think>", "````think::{THINK_TIME}"],
  ...["`", "```", "```\n", "\n~~~~\n", "```json\n<tool_call>\n", "\n```\n"],
  ...["[user abc123] ", "\n[system abc123]", '<tool_response nonce="abc123">\n', '</tool_response nonce="abc123">'],
  ...["<", "[", "{", '"', "'", "\\", "\n", "\r", "\r\n", " ", "\t", "\u200b", "\ud83d", "</block", "\n\nUser"]
]
const forms = Forms.openers.map((opener) => `\n${opener}edit`)

const long = 1 << 20
const short = long / 8
const repeated = (mark: string, length: number) => mark.repeat(Math.ceil(length / mark.length))

/** Eight times the text may take sixteen times as long, but not sixty-four; what took long once may be the machine. */
const isLinear = (given: Partial<ChatRequest>, mark: string, delta = textDelta, tries = 3) => {
  const part = hear(given, repeated(mark, short), delta)
  const all = hear(given, repeated(mark, long), delta)
  for (const { names } of [part, all]) assert.isTrue([...names].every((name) => name === edit.name))
  if (all.time < 16 * part.time + 250) return
  assert.isAbove(tries, 1, `${all.time} ms, an eighth took ${part.time} ms`)
  isLinear(given, mark, delta, tries - 1)
}

/** A call in this form that goes on and on. */
const endless = ({ kind, opener, python }: Forms.Form): ReadonlyArray<string> => {
  if (kind === "bare") return [`${opener}edit>\n<parameter=new>\n`]
  if (kind === "block") return [`${opener}\n<function=edit>\n<parameter=new>\n`, `${opener}\n<function=rm>{"`]
  return [`${opener}{"name":"edit","arguments":{"new":"`, ...(python ? [`${opener}edit(new="`] : [])]
}

// Nothing here waits for anything: without this the runner would hear of no test before the last has ended.
afterEach(() => new Promise<void>((resolve) => setImmediate(resolve)))

describe("A hostile answer takes time in proportion to its length", () => {
  for (const mark of [...new Set([...marks, ...forms])]) {
    it(`where it repeats ${JSON.stringify(mark)}`, () => isLinear(asked, mark))
  }

  for (const mark of ["<tool_call>", "\n<function=edit", "[TOOL_CALLS]", "<", "`", "\n", "</think>", "````think::"]) {
    it(`where its thoughts repeat ${JSON.stringify(mark)}`, () => isLinear(asked, mark, thoughtDelta))
  }

  for (const mark of ["{", "[", '{"', '{"a":', "}", "```json\n", "\\", '"\\', "{}", "[1,", "'", "\n{"]) {
    it(`where JSON is asked for and it repeats ${JSON.stringify(mark)}`, () => {
      isLinear(json, mark)
      isLinear(strict, mark)
    })
  }
})

describe("A hostile answer is held no further than the longest call, and calls nothing", () => {
  for (const opener of Forms.openers) {
    it(`where one begins with ${JSON.stringify(opener)}`, () => {
      for (const body of endless(Forms.of(opener)!)) {
        const { held, names } = hear(asked, `\n${body}${"x".repeat(1.25 * long)}`)
        assert.isBelow(held, long + 8192, body)
        assert.isEmpty(names)
      }
    })
  }
})
