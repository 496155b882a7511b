/**
 * Tools that OpenAI runs on its own machines, and that are not there here: they are left out of what is offered, named
 * in a header, and the model is told, so that it does not act as if it had them.
 */
import { type Message, message } from "../../../domain/Chat.ts"
import * as Errors from "./OpenAiErrors.ts"

export const kinds = [
  "web_search",
  "web_search_2025_08_26",
  "web_search_preview",
  "web_search_preview_2025_03_11",
  "file_search",
  "code_interpreter",
  "image_generation",
  "computer",
  "computer_use",
  "computer_use_preview",
  "mcp",
  "programmatic_tool_calling"
] as const

/** A name that is safe to repeat; a label tells one MCP server from another. */
const PLAIN = /^[\w.-]{1,64}$/
const named = (kind: string, label: unknown): string =>
  !PLAIN.test(kind) ? "(unnamed)" : typeof label === "string" && PLAIN.test(label) ? `${kind} ${label}` : kind

const MOST = 16

/** Gathers the tools of a request that are not there. */
export const gather = () => {
  const names = new Set<string>()
  const found = new Set<string>()
  return {
    add: (kind: string, label?: unknown) => {
      if (names.size === MOST) return
      names.add(named(kind, label))
      found.add(kind)
    },
    kinds: (): ReadonlyArray<string> => [...found],
    /** For the model; none where nothing is missing. */
    told: (): ReadonlyArray<Message> => (names.size === 0 ? [] : [toldOf(names)])
  }
}

const toldOf = (names: Iterable<string>): Message =>
  message(
    "system",
    `These tools are not available here, and cannot be called: ${[...names].join(", ")}. Where one would be needed, say that it is missing; never make up what it would have found.`
  )

/** A choice that leaves nothing but a tool that is not there. */
export const forced = (param: string, kind: string): Errors.Failure =>
  Errors.unsupported(
    param,
    `${PLAIN.test(kind) ? `The tool '${kind}'` : "This tool"} is run by OpenAI itself, and is not available here.`
  )
