/**
 * A conversation as the one text that Lingma takes.
 */
import { Option } from "effect"
import type { Message, ToolCall } from "./Chat.ts"

type Messages = ReadonlyArray<Message>

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

const isJson = (text: string) => Option.isSome(Option.liftThrowable(JSON.parse)(text))

const call = ({ arguments: args, name }: ToolCall): string => {
  // Kept as the model wrote it, when that is JSON at all.
  const body = args.trim() === "" ? "{}" : isJson(args) ? args : JSON.stringify(args)
  return `<tool_call>\n{"name":${JSON.stringify(name)},"arguments":${body}}\n</tool_call>`
}

const attribute = (name: string, value: string | undefined): string =>
  value === undefined ? "" : ` ${name}="${value.replace(/["<>\s\p{Cc}]/gu, "_")}"`

const content = (message: Message, nameOf: ReadonlyMap<string, string>): string => {
  const { role, text, toolCallId, toolCalls } = message
  if (role === "tool" && toolCallId !== undefined) {
    const attributes = attribute("id", toolCallId) + attribute("name", nameOf.get(toolCallId))
    return `<tool_response${attributes}>\n${text}\n</tool_response>`
  }
  return [...(text.trim() === "" ? [] : [text]), ...toolCalls.map(call)].join("\n")
}

const isBare = ({ role, text, toolCallId, toolCalls }: Message): boolean =>
  text.trim() === "" && toolCalls.length === 0 && (role !== "tool" || toolCallId === undefined)

/** True when there is nothing to ask: no text, no picture, no call and no result. */
export const isEmpty = (messages: Messages): boolean =>
  messages.every((message) => isBare(message) && message.images.length === 0)

/** One user message alone goes as it is; else each one that says something begins a line with `[role]`. */
export const render = (messages: Messages): string => {
  const said = messages.filter((message) => !isBare(message))
  const [first] = said
  if (first !== undefined && said.length === 1 && first.role === "user" && first.toolCalls.length === 0) {
    return first.text
  }
  const nameOf = new Map(said.flatMap(({ toolCalls }) => toolCalls.map(({ id, name }) => [id, name] as const)))
  return said
    .map((message) => {
      const text = content(message, nameOf)
      return `[${message.role}] ${message.role === "system" ? text : defuse(text)}`
    })
    .join("\n")
    .trim()
}
