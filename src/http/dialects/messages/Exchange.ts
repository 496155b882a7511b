/**
 * The `ChatDialect` record of Messages.
 */
import { randomInt } from "node:crypto"
import { Effect } from "effect"
import type { ChatEvent, ChatRequest } from "../../../domain/Chat.ts"
import type { ChatContext, ChatDialect, Exchange } from "../../chat/ChatDialect.ts"
import type * as ChatResponse from "../../chat/ChatResponse.ts"
import * as FieldSupport from "../../chat/FieldSupport.ts"
import * as LimitHeaders from "../../chat/limits/LimitHeaders.ts"
import type * as Documents from "../../chat/sources/Documents.ts"
import type * as Blocks from "./Blocks.ts"
import * as Errors from "./Errors.ts"
import { support } from "./Fields.ts"
import * as Prefill from "./Prefill.ts"
import * as Refused from "./Refused.ts"
import type { AppliedEdit } from "./request/ContextEdits.ts"
import * as ContextEdits from "./request/ContextEdits.ts"
import { type CountTokensRequest, MessagesRequest } from "./request/Payload.ts"
import * as ServerTools from "./ServerTools.ts"
import * as StreamEncoder from "./StreamEncoder.ts"
import type { ResultBlock } from "./served/ResultBlock.ts"
import * as ServedRun from "./served/ServedRun.ts"
import * as ToRequest from "./ToRequest.ts"
import * as WholeEncoder from "./WholeEncoder.ts"

type Context = ChatContext<Errors.Failure>

const ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
const newId = () => `msg_${Array.from({ length: 24 }, () => ALPHABET[randomInt(62)]).join("")}`

/** The request, and what context management removed; undefined if it was not requested. */
interface Read {
  readonly request: ChatRequest
  readonly appliedEdits: ReadonlyArray<AppliedEdit> | undefined
  /** Prompt tokens before the edits. */
  readonly originalTokens: number | undefined
}

type Payload = MessagesRequest | CountTokensRequest

type Sources = Pick<Blocks.Reader, "picture" | "document">

const loadDocuments = Effect.fnUntraced(function* (links: ReadonlyArray<Documents.Link>, { documents }: Context) {
  const loaded = yield* Effect.catchTag(documents(links), "DocumentRefused", (refused) =>
    Effect.fail(Errors.fromImage(refused))
  )
  return ({ param }: Documents.Link) => loaded.get(param)
})

const readPayload = Effect.fnUntraced(function* (
  asked: Payload,
  context: Context,
  sources: Sources
): Effect.fn.Return<Read, Errors.Failure> {
  const { caller, count, leaveOut, sessionId } = context
  const edits = asked.context_management?.edits ?? []
  if (ContextEdits.isRepeated(edits))
    return yield* Errors.badRequest("context_management.edits: Each kind of edit may come once")
  const works = ServerTools.worksIn(context)
  const read = (payload: Payload) => ToRequest.toRequest(payload, { caller, sessionId, works, ...sources })
  let { request, skipped } = yield* read(asked)
  skipped.forEach(leaveOut)
  if (asked.context_management === null || asked.context_management === undefined)
    return { request, appliedEdits: undefined, originalTokens: undefined }
  const appliedEdits: Array<AppliedEdit> = []
  let { messages } = asked
  let originalTokens: number | undefined
  for (const edit of edits) {
    if (edit.type === "other") leaveOut(FieldSupport.within("context_management", edit.kind))
    else if (edit.type === "clear_thinking_20251015") {
      const turns = ContextEdits.thinkingTurns(messages, edit)
      if (turns > 0) appliedEdits.push({ type: edit.type, cleared_thinking_turns: turns, cleared_input_tokens: 0 })
    } else {
      const trigger = edit.trigger ?? ContextEdits.defaults.trigger
      if (trigger.type === "tool_uses" && ContextEdits.toolUses(messages) <= trigger.value) continue
      const cleared = ContextEdits.clearToolUses(messages, edit)
      if (cleared.uses === 0) continue
      const before = yield* count(request)
      originalTokens ??= before
      if (trigger.type === "input_tokens" && before <= trigger.value) continue
      const shorter = yield* read({ ...asked, messages: cleared.messages })
      const tokens = before - (yield* count(shorter.request))
      if (tokens < (edit.clear_at_least?.value ?? 0)) continue
      messages = cleared.messages
      request = shorter.request
      appliedEdits.push({ type: edit.type, cleared_tool_uses: cleared.uses, cleared_input_tokens: Math.max(0, tokens) })
    }
  }
  return { request, appliedEdits, originalTokens }
})

/** The request whose tokens are counted. Pictures are counted, but neither checked nor fetched. */
export const counted = Effect.fnUntraced(function* (payload: CountTokensRequest, context: Context) {
  const picture: Blocks.Reader["picture"] = (link) => ({
    mediaType: "image/png",
    data: "data" in link ? link.data : ""
  })
  const document = yield* loadDocuments(ToRequest.sources(payload).documents, context)
  const { appliedEdits, originalTokens, request } = yield* readPayload(payload, context, { document, picture })
  const tokens = yield* context.count(request)
  return { tokens, originalTokens: appliedEdits === undefined ? undefined : (originalTokens ?? tokens) }
})

/** Of the user, in short. */
const lastWords = ({ messages }: ChatRequest): string =>
  messages.findLast(({ role }) => role === "user")?.text.slice(0, 500) ?? ""

/** Encodes events without a repetition of the beginning that the client wrote. */
const encodeAfter = (beginning: string, frames: (event: ChatEvent) => string) => {
  if (beginning === "") return frames
  let text = ""
  const add = Prefill.strip(beginning, (event) => {
    text += frames(event)
  })
  return (event: ChatEvent) => {
    text = ""
    add(event)
    return text
  }
}

const exchange = Effect.fnUntraced(function* (payload: MessagesRequest, context: Context) {
  const { documents, pictures } = ToRequest.sources(payload)
  const loaded = yield* context.pictures(pictures)
  const picture: Blocks.Reader["picture"] = ({ param }) => loaded.get(param)
  const document = yield* loadDocuments(documents, context)
  const { config, count, requestId } = context
  const inVain = ServerTools.forcedInVain(payload, ServerTools.worksIn(context))
  const heard = inVain === undefined ? payload : { ...payload, tool_choice: undefined }
  const { appliedEdits, request } = yield* readPayload(heard, context, { document, picture })
  const tools = inVain === undefined ? ServerTools.servedOf(payload, request, context) : []
  const served = new Map<string, ResultBlock>()
  const usesServed = tools.length === 0 && inVain === undefined ? {} : { served }
  const stamp = { id: newId(), thoughts: ToRequest.wantsThoughts(payload), appliedEdits, ...usesServed }
  const keepAlive = config.messagesKeepAlive === "ping" ? { keepAlive: () => StreamEncoder.PING } : {}

  const serving = (open: ChatResponse.Open): ChatResponse.Open =>
    tools.length === 0
      ? open
      : ServedRun.open(open, { request, tools, newId: ServerTools.newId, open: context.open, served })
  const opened = (open: ChatResponse.Open): ChatResponse.Open =>
    inVain === undefined
      ? Effect.catchTag(serving(open), "ContentFiltered", ({ instance }) =>
          Effect.map(count(request), (promptTokens) => Refused.run({ instance, model: payload.model, promptTokens }))
        )
      : Effect.map(count(request), (promptTokens) => {
          const answer = { name: inVain, model: payload.model, promptTokens, asked: lastWords(request) }
          const { run, served: blocks } = ServerTools.unavailable(answer)
          for (const [id, block] of blocks) served.set(id, block)
          return run
        })

  const beginning = Prefill.of(request.messages)
  const asked: Exchange = {
    request,
    isFree: inVain !== undefined,
    open: opened,
    stream: () => ({
      encode: (run) => encodeAfter(beginning, StreamEncoder.make({ ...stamp, ...run })),
      failure: (error) => Errors.frame(error, requestId),
      ...keepAlive
    }),
    whole: (run) => {
      const fold = WholeEncoder.make({ ...stamp, ...run })
      return beginning === "" ? fold : { ...fold, add: Prefill.strip(beginning, fold.add) }
    }
  }
  return asked
})

export const messages: ChatDialect<MessagesRequest, typeof MessagesRequest.Encoded, Errors.Failure> = {
  payload: MessagesRequest,
  support,
  errors: Errors,
  limitHeaders: LimitHeaders.anthropic,
  exchange,
  sessionHeaders: ["x-claude-code-session-id"]
}
