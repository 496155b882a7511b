/**
 * A conversation as the one text that Lingma takes.
 */
import type { ChatRequest, Message, Role, Toolset } from "./Chat.ts"
import * as JsonOutput from "./JsonOutput.ts"
import * as ToolPrompt from "./tools/ToolPrompt.ts"
import * as Usage from "./Usage.ts"

type Messages = ReadonlyArray<Message>
type Asked = Pick<ChatRequest, "messages" | "toolset" | "format">
type Grammar = ToolPrompt.Grammar

const TAG = /\[(?=[\s\u0085]*(?:system|user|assistant|tool)[\s\u0085]*\])/gi
const LINE_END = /[\n\r\v\f\u0085\u2028\u2029]/
const INVISIBLE = /[\s\p{Cc}\p{Cf}]/u

const beginsLine = (text: string, at: number): boolean => {
  for (let i = at - 1; i >= 0; i--) {
    const char = text[i]!
    if (LINE_END.test(char)) return true
    if (!INVISIBLE.test(char)) return false
  }
  return true
}

/** Breaks every role tag that begins a line with a zero-width joiner, so that it cannot forge a turn. */
export const defuse = (text: string): string =>
  text.replace(TAG, (bracket, at: number) => (beginsLine(text, at) ? `${bracket}\u200d` : bracket))

interface Context {
  readonly toolset: Toolset
  readonly grammar: Grammar
  readonly nameOf: ReadonlyMap<string, string>
}

/** Markup of a tool's result or of a user cannot pass for a call of the model's. */
const content = (message: Message, { grammar, nameOf, toolset: { tools } }: Context): string => {
  const { role, text, toolCallId, toolCalls } = message
  if (role === "tool" && toolCallId !== undefined) {
    return ToolPrompt.result(toolCallId, nameOf.get(toolCallId), text)
  }
  const said = role !== "assistant" && role !== "system" && tools.length > 0 ? ToolPrompt.defuse(text) : text
  const calls = toolCalls.map((call) =>
    ToolPrompt.call(
      call,
      tools.find(({ name }) => name === call.name),
      grammar
    )
  )
  return [...(said.trim() === "" ? [] : [said]), ...calls].join("\n")
}

const isBare = ({ role, text, toolCallId, toolCalls }: Message): boolean =>
  text.trim() === "" && toolCalls.length === 0 && (role !== "tool" || toolCallId === undefined)

/** True when there is nothing to ask: no text, no picture, no call and no result. */
export const isEmpty = (messages: Messages): boolean =>
  messages.every((message) => isBare(message) && message.images.length === 0)

/** What the model must be told beside the conversation: the tools it may call, the format of its answer. */
const instructions = ({ format, toolset }: Asked, grammar: Grammar): string =>
  [ToolPrompt.instructions(toolset, grammar), JsonOutput.instructions(format)]
    .filter((text) => text !== "")
    .join("\n\n")

const line = (role: Role, text: string) => `[${role}] ${role === "system" ? text : defuse(text)}`

/**
 * One user message alone goes as it is; else each one that says something begins a line with `[role]`. What the model
 * must be told comes after the client's own system texts.
 */
export const render = (asked: Asked, grammar: Grammar = "xml"): string => {
  const said = asked.messages.filter((message) => !isBare(message))
  const told = instructions(asked, grammar)
  const [first] = said
  if (
    told === "" &&
    first !== undefined &&
    said.length === 1 &&
    first.role === "user" &&
    first.toolCalls.length === 0
  ) {
    return first.text
  }
  const nameOf = new Map(said.flatMap(({ toolCalls }) => toolCalls.map(({ id, name }) => [id, name] as const)))
  const context = { toolset: asked.toolset, grammar, nameOf }
  const lines = said.map((message) => line(message.role, content(message, context)))
  const opening = said.findIndex(({ role }) => role !== "system")
  if (told !== "") lines.splice(opening < 0 ? lines.length : opening, 0, line("system", told))
  const reminder = ToolPrompt.reminder(asked.toolset)
  return [...lines, ...(reminder === "" ? [] : [reminder])].join("\n").trim()
}

/** The same conversation once more, with an answer that was not good and what is wrong about it. */
export const followUp = (prompt: string, said: string, hint: string): string =>
  `${prompt}\n${line("assistant", said)}\n${line("user", hint)}`

/** Tokens of a prompt, with the framing of its messages and a flat rate for each picture. */
export const tokens = (prompt: string, messages: Messages, count: (text: string) => number): number =>
  count(prompt) +
  Usage.perMessage * messages.length +
  Usage.perImage * messages.reduce((sum, { images }) => sum + images.length, 0)
