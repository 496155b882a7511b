/**
 * Pure translation of Messages requests into the neutral chat model.
 */
import { Array as Arr, Either } from "effect"
import * as Affinity from "../../../domain/Affinity.ts"
import {
  type ChatRequest,
  type Message,
  noTools,
  type OutputFormat,
  type ReasoningEffort,
  type Tool,
  type Toolset
} from "../../../domain/Chat.ts"
import * as JsonSchemas from "../../../json/JsonSchemas.ts"
import * as EitherFn from "../../../runtime/EitherFn.ts"
import * as Prompt from "../../../textonly/Prompt.ts"
import * as ToolSchema from "../../../textonly/tools/ToolSchema.ts"
import type { Link } from "../../chat/Images.ts"
import * as Blocks from "./Blocks.ts"
import * as Errors from "./Errors.ts"
import type { CountTokensRequest, MessagesRequest, Tool as PayloadTool } from "./Payload.ts"

type Checked<A> = Either.Either<A, Errors.Failure>

type Skip = Blocks.Reader["skip"]

/** What was understood, and the kinds of what was left out. */
export interface Reading {
  readonly request: ChatRequest
  readonly skipped: ReadonlyArray<string>
}

const toSystem = (system: CountTokensRequest["system"], skip: Skip): ReadonlyArray<Message> => {
  const texts: Array<string> = []
  for (const block of typeof system === "string" ? [{ type: "text" as const, text: system }] : (system ?? []))
    if (block.type === "text") texts.push(block.text)
    else skip(`block ${block.kind}`)
  const text = texts.join("\n")
  return text === "" ? [] : [{ role: "system", text, images: [], toolCalls: [], toolCallId: undefined }]
}

const toTool = (tool: Exclude<PayloadTool, { readonly type: "other" }>): Tool => ({
  kind: "function",
  name: tool.name,
  description: tool.description ?? undefined,
  parameters: tool.input_schema,
  strict: tool.strict === true
})

const formatOf = ({ output_config: config, output_format: old }: CountTokensRequest) => config?.format ?? old

/** The tools the client runs; those of the hosted service are left out. */
const toTools = (payload: CountTokensRequest, skip: Skip): Checked<ReadonlyArray<Tool>> => {
  const seen = new Set<string>()
  const kept: Array<Tool> = []
  const places: Array<number> = []
  for (const [i, tool] of (payload.tools ?? []).entries()) {
    if (tool.type === "other") skip(`tool ${tool.kind}`)
    else {
      if (seen.has(tool.name))
        return Either.left(Errors.badRequest(`tools.${i}.custom.name: Tool names must be unique`))
      seen.add(tool.name)
      kept.push(toTool(tool))
      places.push(i)
    }
  }
  const format = formatOf(payload)?.schema
  const schemas = kept.map(({ parameters }) => parameters)
  return Either.mapBoth(ToolSchema.checkAll(schemas, format), {
    onLeft: ({ at, why }) => Errors.badRequest(`tools.${places[at]}.custom.input_schema: ${why}`),
    onRight: () => kept
  })
}

const toToolset = EitherFn.fn(function* (
  payload: CountTokensRequest,
  skip: Skip
): EitherFn.Return<Toolset, Errors.Failure> {
  const tools = yield* toTools(payload, skip)
  const choice = payload.tool_choice ?? { type: "auto" as const }
  if (choice.type === "none") return { ...noTools, tools }
  const parallel = choice.disable_parallel_tool_use !== true
  if (choice.type === "tool") {
    if (tools.some(({ name }) => name === choice.name)) return { tools, choice: { name: choice.name }, parallel }
    return yield* Either.left(Errors.badRequest("tool_choice.tool.name: There is no such tool among tools"))
  }
  if (tools.length > 0) return { tools, choice: choice.type === "any" ? "required" : "auto", parallel }
  if (choice.type === "auto") return noTools
  return yield* Either.left(Errors.badRequest("tool_choice: There is no tool that could be called"))
})

const EFFORTS: Readonly<Record<string, ReasoningEffort>> = {
  none: "none",
  minimal: "minimal",
  low: "low",
  medium: "medium",
  high: "high",
  xhigh: "xhigh",
  max: "max"
}

const toEffort = (word: string | null | undefined, skip: Skip): ReasoningEffort | undefined => {
  if (word === null || word === undefined) return undefined
  const effort = Object.hasOwn(EFFORTS, word) ? EFFORTS[word] : undefined
  if (effort === undefined) skip(`effort ${word}`)
  return effort
}

const toFormat = (payload: CountTokensRequest): Checked<OutputFormat> => {
  const format = formatOf(payload)
  if (!format) return Either.right({ type: "text" })
  const { schema } = format
  return Either.mapBoth(JsonSchemas.check(schema), {
    onLeft: (why) =>
      Errors.badRequest(`${payload.output_config?.format ? "output_config.format" : "output_format"}.schema: ${why}`),
    onRight: () => ({ type: "json_schema" as const, name: "output", schema, strict: true })
  })
}

const isMessages = (payload: MessagesRequest | CountTokensRequest): payload is MessagesRequest =>
  "max_tokens" in payload

/** Whether thoughts are part of the answer. A kind of thinking that is not known yet is one. */
export const wantsThoughts = ({ thinking }: MessagesRequest): boolean =>
  thinking !== null && thinking !== undefined && thinking.type !== "disabled" && thinking.display !== "omitted"

/** Where the pictures of a request are; trouble is told by `toRequest`. */
export const links = ({ messages }: CountTokensRequest): ReadonlyArray<Link> => {
  const found: Array<Link> = []
  const picture = (link: Link) => void found.push(link)
  for (const [i, message] of messages.entries()) Blocks.toMessages(message, i, { skip: () => {}, picture })
  return found
}

/** They are told in the log. */
const MOST_SKIPPED = 64

export interface ReadOptions {
  readonly caller?: string | undefined
  readonly sessionId: string | undefined
  readonly picture: Blocks.Reader["picture"]
}

export const toRequest = EitherFn.fn(function* (
  payload: MessagesRequest | CountTokensRequest,
  { caller, picture, sessionId }: ReadOptions
): EitherFn.Return<Reading, Errors.Failure> {
  const skipped: Array<string> = []
  const skip: Skip = (kind) => {
    if (skipped.length < MOST_SKIPPED) skipped.push(kind)
  }
  const reader = { skip, picture }
  const told = yield* Either.all(payload.messages.map((message, i) => Blocks.toMessages(message, i, reader)))
  if (Prompt.isEmpty(told.flat())) return yield* Either.left(Errors.badRequest("messages: There is nothing to answer"))
  const messages = [...toSystem(payload.system, skip), ...told.flat()]
  if (!Arr.isNonEmptyReadonlyArray(messages)) return yield* Either.left(Errors.badRequest("messages: Field required"))
  const full = isMessages(payload) ? payload : undefined
  const request: ChatRequest = {
    model: payload.model,
    messages,
    toolset: yield* toToolset(payload, skip),
    format: yield* toFormat(payload),
    stop: full?.stop_sequences ?? [],
    maxTokens: full?.max_tokens,
    hidesThoughts: full !== undefined && !wantsThoughts(full),
    effort: toEffort(payload.output_config?.effort, skip),
    affinity: Affinity.key({ caller, sessionId, user: full?.metadata?.user_id ?? undefined, messages }),
    origin: { dialect: "messages", stream: full?.stream === true }
  }
  return { request, skipped }
})
