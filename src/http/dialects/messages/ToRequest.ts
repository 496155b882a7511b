/**
 * Pure translation of Messages requests into the neutral chat model.
 */
import { Array as Arr, Either } from "effect"
import * as Affinity from "../../../domain/Affinity.ts"
import {
  type ChatRequest,
  isEmpty,
  type Message,
  noTools,
  type OutputFormat,
  type ReasoningEffort,
  type Tool,
  type Toolset
} from "../../../domain/Chat.ts"
import { anonymous, type Caller } from "../../../domain/keys/Caller.ts"
import * as JsonSchemas from "../../../json/JsonSchemas.ts"
import * as ToolSchema from "../../../json/ToolSchema.ts"
import * as EitherFn from "../../../runtime/EitherFn.ts"
import * as FieldSupport from "../../chat/FieldSupport.ts"
import type { Link } from "../../chat/Images.ts"
import type * as Documents from "../../chat/sources/Documents.ts"
import * as Blocks from "./Blocks.ts"
import * as Errors from "./Errors.ts"
import * as Prefill from "./Prefill.ts"
import * as ClientTools from "./request/ClientTools.ts"
import type { CountTokensRequest, MessagesRequest, Tool as PayloadTool } from "./request/Payload.ts"
import * as ToolLoading from "./request/ToolLoading.ts"
import * as ServerTools from "./ServerTools.ts"

type Checked<A> = Either.Either<A, Errors.Failure>

type Skip = Blocks.Reader["skip"]

/** The request, and the names of the parts that were left out. */
export interface Reading {
  readonly request: ChatRequest
  readonly skipped: ReadonlyArray<string>
}

const toSystem = (system: CountTokensRequest["system"], skip: Skip): ReadonlyArray<Message> => {
  const texts: Array<string> = []
  for (const block of typeof system === "string" ? [{ type: "text" as const, text: system }] : (system ?? []))
    if (block.type === "text") texts.push(block.text)
    else skip(FieldSupport.within("system", block.kind))
  const text = texts.join("\n")
  return text === "" ? [] : [{ role: "system", text, images: [], toolCalls: [], toolCallId: undefined }]
}

type RunByClient = Exclude<PayloadTool, { readonly type: "hosted" }>

const toTool = (tool: RunByClient): Tool => {
  const described =
    tool.type === "client"
      ? ClientTools.describe(tool)
      : { description: tool.description ?? undefined, parameters: tool.input_schema }
  return {
    kind: "function",
    name: tool.name,
    description: described?.description,
    parameters: described?.parameters ?? {},
    strict: tool.strict === true
  }
}

const formatOf = ({ output_config: config, output_format: old }: CountTokensRequest) => config?.format ?? old

const kindOf = (tool: RunByClient): string => (tool.type === "client" ? tool.kind : "custom")

/** The tools the client runs, and those of the hosted service that are run here; not those whose loading is put off. */
const toTools = (payload: CountTokensRequest, skip: Skip, works: ServerTools.Works): Checked<ReadonlyArray<Tool>> => {
  const seen = new Set<string>()
  const kept: Array<Tool> = []
  const places: Array<string> = []
  const isOffered = ToolLoading.offer(payload)
  if (ToolLoading.isAllDeferred(payload))
    return Either.left(Errors.badRequest("tools: At least one tool must have defer_loading=false"))
  for (const [i, tool] of (payload.tools ?? []).entries()) {
    if (tool.type === "hosted") {
      const ours = ServerTools.offer(payload, tool, works, skip)
      if (ours === undefined) continue
      if (seen.has(ours.name)) {
        skip(FieldSupport.within("tools", tool.kind))
        continue
      }
      seen.add(ours.name)
      FieldSupport.unheardOf(tool).forEach(skip)
      kept.push(ours)
      places.push(`tools.${i}.${tool.kind}`)
    } else {
      const place = `tools.${i}.${kindOf(tool)}`
      if (seen.has(tool.name)) return Either.left(Errors.badRequest(`${place}.name: Tool names must be unique`))
      seen.add(tool.name)
      if (!isOffered(tool)) continue
      FieldSupport.unheardOf(tool).forEach(skip)
      kept.push(toTool(tool))
      places.push(place)
    }
  }
  const format = formatOf(payload)?.schema
  const schemas = kept.map(({ parameters }) => parameters)
  return Either.mapBoth(ToolSchema.checkAll(schemas, format), {
    onLeft: ({ at, why }) => Errors.badRequest(`${places[at]}.input_schema: ${why}`),
    onRight: () => kept
  })
}

const toToolset = EitherFn.fn(function* (
  payload: CountTokensRequest,
  skip: Skip,
  works: ServerTools.Works
): EitherFn.Return<Toolset, Errors.Failure> {
  const tools = yield* toTools(payload, skip, works)
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
  if (effort === undefined) skip("output_config.effort")
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

/** Whether thoughts are part of the answer. An unknown kind of `thinking` counts as enabled. */
export const wantsThoughts = ({ thinking }: MessagesRequest): boolean =>
  thinking !== null && thinking !== undefined && thinking.type !== "disabled" && thinking.display !== "omitted"

/** The conversation from its last summary on. */
const compactedAt = (messages: CountTokensRequest["messages"]): number =>
  messages.findLastIndex(
    ({ content }) =>
      typeof content !== "string" &&
      content.some((block) => block.type === "compaction" && typeof block.content === "string")
  )

/** The pictures and documents of a request, with their places; `toRequest` reports invalid ones. */
export const sources = ({ messages }: CountTokensRequest) => {
  const pictures: Array<Link> = []
  const documents: Array<Documents.Link> = []
  const reader: Blocks.Reader = {
    skip: () => {},
    picture: (link) => void pictures.push(link),
    document: (link) => void documents.push(link)
  }
  const from = compactedAt(messages)
  for (const [i, message] of messages.entries()) if (i >= from) Blocks.toMessages(message, i, reader)
  return { pictures, documents }
}

export interface ReadOptions {
  readonly caller?: Caller | undefined
  readonly sessionId: string | undefined
  readonly picture: Blocks.Reader["picture"]
  readonly document?: Blocks.Reader["document"]
  /** The tools of the hosted service that can be run; none unless it says so. */
  readonly works?: ServerTools.Works
}

const NONE_WORKS: ServerTools.Works = { web_search: false, web_fetch: false }

export const toRequest = EitherFn.fn(function* (
  payload: MessagesRequest | CountTokensRequest,
  { caller = anonymous, document, picture, sessionId, works = NONE_WORKS }: ReadOptions
): EitherFn.Return<Reading, Errors.Failure> {
  const skipped = new Set<string>()
  const skip: Skip = (name) => void skipped.add(name)
  const toolset = yield* toToolset(payload, skip, works)
  const names = new Set(toolset.tools.map(({ name }) => name))
  const isOffered = (name: string) => names.has(name)
  const reader: Blocks.Reader = { skip, picture, isOffered, ...(document === undefined ? {} : { document }) }
  const from = compactedAt(payload.messages)
  const told = yield* Either.all(
    payload.messages.flatMap((message, i) => (i < from ? [] : [Blocks.toMessages(message, i, reader)]))
  )
  if (isEmpty(told.flat())) return yield* Either.left(Errors.badRequest("messages: There is nothing to answer"))
  const messages = [...toSystem(payload.system, skip), ...Prefill.hinted(told.flat())]
  if (!Arr.isNonEmptyReadonlyArray(messages)) return yield* Either.left(Errors.badRequest("messages: Field required"))
  const full = isMessages(payload) ? payload : undefined
  const request: ChatRequest = {
    model: payload.model,
    messages,
    toolset,
    format: yield* toFormat(payload),
    stop: full?.stop_sequences ?? [],
    maxTokens: full?.max_tokens,
    hidesThoughts: full !== undefined && !wantsThoughts(full),
    effort: toEffort(payload.output_config?.effort, skip),
    affinity: Affinity.key({ caller: caller.id, sessionId, user: full?.metadata?.user_id ?? undefined, messages }),
    origin: { dialect: "messages", stream: full?.stream === true },
    caller
  }
  return { request, skipped: [...skipped] }
})
