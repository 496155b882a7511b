/**
 * Shared by the encoders of streamed and whole messages.
 */
import type { ChatEvent, ToolCall } from "../../../domain/Chat.ts"
import * as TokenMeter from "../../../tokens/TokenMeter.ts"
import type { AppliedEdit } from "./request/ContextEdits.ts"
import type { Served } from "./ServerTools.ts"
import { DIRECT } from "./served/ResultBlock.ts"

export interface EncodingOptions {
  readonly id: string
  readonly model: string
  /** Whether thoughts are part of the answer. */
  readonly thoughts: boolean
  readonly tokens: () => TokenMeter.Tokens
  /** Results of calls that the gateway ran, by id; undefined if it runs none for this request. */
  readonly served?: Served | undefined
  /** What context management removed from the conversation; undefined if it was not requested. */
  readonly appliedEdits?: ReadonlyArray<AppliedEdit> | undefined
}

/** The blocks of a call that the gateway ran and of its result; undefined for a call that the client runs. */
export const servedBlocks = ({ served }: EncodingOptions, call: ToolCall) => {
  const result = served?.get(call.id)
  if (result === undefined) return undefined
  const use = { type: "server_tool_use", id: call.id, caller: DIRECT, name: call.name, input: input(call) } as const
  return { use, result }
}

/** The response's `context_management`. */
export const contextManagement = ({ appliedEdits: applied }: EncodingOptions) =>
  applied === undefined ? {} : { context_management: { applied_edits: applied } }

/** Clients drop thinking blocks without a signature from the history, or turn them into text. */
export const SIGNATURE = "bGluZ21hLWdhdGV3YXk"

/** Fields of a message that only the hosted service fills. */
export const unused = { container: null, stop_details: null, diagnostics: null } as const

/** Those that came to something. */
const uses = (served: Served) => {
  const contents = [...served.values()].map(({ content }) => content)
  return {
    server_tool_use: {
      web_search_requests: contents.filter(Array.isArray).length,
      web_fetch_requests: contents.filter((one) => "type" in one && one.type === "web_fetch_result").length
    }
  }
}

export const usage = ({ served, tokens }: EncodingOptions) => {
  const { completion, prompt } = tokens()
  return {
    input_tokens: prompt,
    cache_creation_input_tokens: 0,
    cache_read_input_tokens: 0,
    output_tokens: completion,
    ...(served === undefined ? {} : uses(served))
  }
}

/** Field beside `usage`: whether the upstream reported the figures or they are estimates. */
export const source = (tokens: TokenMeter.Tokens) => ({ usage_source: TokenMeter.source(tokens) })

/** The id of a call, with this API's prefix. */
export const toolId = (id: string): string => `toolu_${id.replace(/^call_/, "").replace(/[^A-Za-z0-9_-]/g, "_")}`

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value)

/** The arguments as an object, as the API requires; any other value is wrapped in one. */
export const input = ({ arguments: text }: ToolCall): Readonly<Record<string, unknown>> => {
  if (text.trim() === "") return {}
  try {
    const value: unknown = JSON.parse(text)
    return isObject(value) ? value : { input: value }
  } catch {
    return { input: text }
  }
}

type Finish = Extract<ChatEvent, { readonly _tag: "Finish" }>

export const stop = ({ reason, stopSequence }: Finish) => {
  if (reason === "tool_calls") return { stop_reason: "tool_use", stop_sequence: null } as const
  if (reason === "content_filter") return { stop_reason: "refusal", stop_sequence: null } as const
  if (reason === "length") return { stop_reason: "max_tokens", stop_sequence: null } as const
  return stopSequence === undefined
    ? ({ stop_reason: "end_turn", stop_sequence: null } as const)
    : ({ stop_reason: "stop_sequence", stop_sequence: stopSequence } as const)
}
