/**
 * Pure translation of a `/v1/responses` request into the neutral chat request.
 */
import { Array as Arr, Either } from "effect"
import * as Affinity from "../../../domain/Affinity.ts"
import { type ChatRequest, isEmpty, type Message, noTools, plain } from "../../../domain/Chat.ts"
import { anonymous, type Caller } from "../../../domain/keys/Caller.ts"
import * as EitherFn from "../../../runtime/EitherFn.ts"
import type { Loaded } from "../../chat/Images.ts"
import * as Errors from "./Errors.ts"
import * as Items from "./Items.ts"
import * as Compaction from "./request/Compaction.ts"
import type { Loose } from "./request/Loose.ts"
import type { ResponsesRequest } from "./request/Payload.ts"
import * as Tools from "./request/Tools.ts"

export interface Past {
  /** The caller's own conversation up to the response `previous_response_id`; undefined if it is not stored. */
  readonly items: (responseId: string) => ReadonlyArray<Loose> | undefined
  /** The items of a conversation; undefined if it is not stored. */
  readonly conversation: (id: string) => ReadonlyArray<Loose> | undefined
  /** A stored item. */
  readonly item: (id: string) => Loose | undefined
}

export interface Read {
  readonly request: ChatRequest
  readonly tools: Tools.Tools
  /** Parts without effect, named by `FieldSupport.within`; distinct and limited in number. */
  readonly leftOut: ReadonlyArray<string>
  /** A summary is requested in place of an answer. */
  readonly compacts: boolean
}

const MOST_LEFT_OUT = 16

/** Refuses fields that would silently give a wrong answer if they were ignored. */
const refused = (payload: ResponsesRequest): Errors.Failure | undefined => {
  const { background, prompt, stream, stream_options, top_logprobs } = payload
  if (stream_options && stream !== true) return Errors.streamOptionsAlone
  if (background === true) return Errors.unsupported("background", "Background responses are not supported.")
  if (prompt) return Errors.unsupported("prompt", "Prompt templates are not held here.")
  return (top_logprobs ?? 0) > 0
    ? Errors.unsupported("top_logprobs", "Log probabilities are not supported.")
    : undefined
}

const toItems = (input: ResponsesRequest["input"]): ReadonlyArray<Loose> =>
  typeof input === "string" ? [{ type: "message", role: "user", content: input }] : (input ?? [])

/** Id of the conversation that a request belongs to. */
export const conversationOf = ({ conversation }: ResponsesRequest): string | undefined =>
  typeof conversation === "string" ? conversation : (conversation?.id ?? undefined)

/** What it refers to, by kind. */
export const references = (payload: ResponsesRequest) => {
  const { input, previous_response_id } = payload
  const conversation = conversationOf(payload)
  return {
    responses: previous_response_id ? [previous_response_id] : [],
    conversations: conversation === undefined ? [] : [conversation],
    items: typeof input === "string" ? [] : Items.references(input ?? [])
  }
}

/**
 * The earlier items that a request continues, and those that it adds. References are resolved here, so that the turn
 * holds complete items, which stay valid if the originals are deleted.
 */
export const toTurn = EitherFn.fn(function* (
  payload: ResponsesRequest,
  past: Past
): EitherFn.Return<Items.Turn, Errors.Failure> {
  const id = payload.previous_response_id ?? undefined
  const conversation = conversationOf(payload)
  if (id !== undefined && conversation !== undefined) return yield* Either.left(Errors.conversationBeside)
  const before = conversation === undefined ? (id === undefined ? [] : past.items(id)) : past.conversation(conversation)
  if (before === undefined) {
    return yield* Either.left(
      conversation === undefined ? Errors.previousNotFound : Errors.conversationNotHeld("conversation")
    )
  }
  if (before.length === 0 && (payload.input ?? undefined) === undefined) return yield* Either.left(Errors.noInput)
  const now: Array<Loose> = []
  for (const [i, item] of toItems(payload.input).entries()) {
    now.push(yield* Items.resolved(item, ["input", i], past.item))
  }
  const stray = id === undefined ? undefined : Items.strayResult({ before, now })
  if (stray !== undefined) return yield* Either.left(Errors.strayResult(stray))
  return { before, now }
})

const instructed = ({ instructions }: ResponsesRequest): ReadonlyArray<Message> =>
  instructions ? [{ role: "system", text: instructions, images: [], toolCalls: [], toolCallId: undefined }] : []

export interface RequestOptions {
  readonly payload: ResponsesRequest
  readonly turn: Items.Turn
  readonly pictures: Loaded
  readonly caller?: Caller | undefined
  /** From the headers. */
  readonly sessionId: string | undefined
  /** A summary is requested by the route, also without a `compaction_trigger` item. */
  readonly compacts?: boolean
}

export const toRequest = EitherFn.fn(function* (options: RequestOptions): EitherFn.Return<Read, Errors.Failure> {
  const { caller = anonymous, payload, pictures, sessionId, turn } = options
  const complaint = refused(payload)
  if (complaint !== undefined) yield* Either.left(complaint)
  const leftOut = new Set<string>()
  const skip = (what: string) => {
    if (leftOut.size < MOST_LEFT_OUT) leftOut.add(what)
  }
  const tools = yield* Tools.read(payload, skip, Items.tools(turn))
  const { configuration, messages: said } = yield* Items.read(turn, {
    pictures,
    named: tools.named,
    skip
  })
  const compacts = options.compacts ?? Items.wantsCompaction(turn)
  const told = compacts ? [] : tools.told
  const instructions = instructed(payload)
  const messages = [...instructions, ...told, ...said, ...(compacts ? [Compaction.ask] : [])]
  if (!Arr.isNonEmptyReadonlyArray(messages) || isEmpty(said)) return yield* Either.left(Errors.emptyInput)
  const format = yield* Tools.toFormat(configuration.format ?? payload.text?.format)
  const request: ChatRequest = {
    model: payload.model,
    messages,
    toolset: compacts ? noTools : tools.toolset,
    format: compacts ? plain.format : format,
    stop: [],
    maxTokens: payload.max_output_tokens ?? undefined,
    hidesThoughts: compacts,
    effort: configuration.effort ?? payload.reasoning?.effort ?? undefined,
    affinity: Affinity.key({
      caller: caller.id,
      sessionId,
      promptCacheKey: payload.prompt_cache_key ?? undefined,
      user: payload.user ?? payload.safety_identifier ?? undefined,
      // Tools may change within a conversation, and these messages with them.
      messages: [...instructions, ...said]
    }),
    origin: { dialect: "responses", stream: payload.stream === true },
    caller
  }
  return { request, tools, leftOut: [...leftOut], compacts }
})
