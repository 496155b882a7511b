/**
 * A turn by `session/*`, the newer dialect: a fresh session, one prompt, the session removed in every ending.
 */
import { join } from "node:path"
import { Effect, Either, type Scope } from "effect"
import type { Ask, Image } from "../../domain/Chat.ts"
import type { TurnError } from "../../domain/ChatError.ts"
import type { Turn } from "../../domain/Turn.ts"
import * as Scoped from "../../runtime/Scoped.ts"
import type { LingmaRpc } from "../rpc/LingmaRpc.ts"
import * as Protocol from "../rpc/Protocol.ts"
import { type RpcError, RpcMalformed } from "../rpc/RpcError.ts"
import * as Cancel from "./Cancel.ts"
import * as TurnSink from "./TurnSink.ts"

type Rpc = LingmaRpc["Type"]

export interface DialectOptions {
  readonly rpc: Rpc
  readonly instance: string
  /** An empty directory for the turn. */
  readonly cwd: string
  /** What a refused call means for its turn; `started`: it had begun by then. */
  readonly refused: (error: RpcError, started: boolean) => TurnError
  /** What a failed end means for its turn. */
  readonly ended: TurnSink.TurnSinkOptions["ended"]
}

/** A Lingma whose IDE is closed keeps the socket open and never answers. Told before a first keep-alive: by a status. */
const setUp = "12 seconds"
const cleanUp = "10 seconds"

/** Removes a session that is no longer needed; nobody waits for it. Without a connection, when there is one again. */
export const remove = (rpc: Rpc, sessionId: string): void => {
  const again = () => rpc.whenReady(() => remove(rpc, sessionId))
  const sent = rpc.send(
    Protocol.deleteSession,
    { sessionId },
    {
      timeout: cleanUp,
      onReply: (reply) => {
        if (Either.isRight(reply)) return
        if (reply.left._tag === "RpcDisconnected") again()
        else rpc.send(Protocol.deleteSession, { id: sessionId }, { timeout: cleanUp, onReply: () => {} })
      }
    }
  )
  if (!sent) again()
}

const metaOf = (ask: Ask) => ({
  [Protocol.requestIdKey]: ask.requestId,
  "ai-coding/mode": ask.mode,
  "ai-coding/model": ask.model,
  "ai-coding/shell-type": "",
  "ai-coding/current-file-path": "",
  "ai-coding/enabled-mcp-servers": []
})

/** Where a picture of the turn lies: it travels in the prompt, and its address is good too. */
export const imagePath = (cwd: string, { mediaType }: Image, index: number): string =>
  join(cwd, `image-${index}.${mediaType.replace("image/", "")}`)

const promptOf = (ask: Ask, { cwd, rpc }: DialectOptions): ReadonlyArray<Protocol.PromptItem> => [
  { type: "text", text: ask.prompt },
  ...ask.images.map((image, index) => ({
    type: "image" as const,
    mimeType: image.mediaType,
    uri: `${rpc.product()}:///agent/file?path=${encodeURIComponent(imagePath(cwd, image, index))}`,
    data: image.data
  }))
]

/** Opens a session that goes with the scope, even when its reply comes after the scope has closed. */
const open = Effect.fnUntraced(function* (
  { cwd, rpc }: DialectOptions,
  onClose: (sessionId: string) => void
): Effect.fn.Return<string, RpcError, Scope.Scope> {
  let sessionId: string | undefined
  let closed = false
  yield* Scoped.later(() => {
    closed = true
    if (sessionId !== undefined) onClose(sessionId)
  })
  const created = yield* rpc.call(
    Protocol.sessionNew,
    { cwd, mcpServers: [], _meta: {}, timestamp: Date.now() },
    {
      timeout: setUp,
      onReply: (result) => {
        sessionId = result.sessionId || result.id || undefined
        if (closed && sessionId !== undefined) remove(rpc, sessionId)
      }
    }
  )
  const opened = created.sessionId || created.id
  if (!opened) return yield* new RpcMalformed({ method: Protocol.sessionNew.name, detail: "no session id" })
  return opened
})

/** Begins the turn; its events go to `turn`. */
export const begin = Effect.fnUntraced(function* (
  options: DialectOptions,
  ask: Ask,
  turn: Turn
): Effect.fn.Return<void, RpcError, Scope.Scope> {
  const { instance, rpc } = options
  const _meta = metaOf(ask)
  const events = TurnSink.make(turn, { instance, ended: options.ended })
  let isAsked = false
  const sessionId = yield* open(options, (opened) => {
    // What has not begun, or has ended by itself, is not cancelled.
    if (isAsked && !events.isOver()) Cancel.cancel(rpc, { sessionId: opened, _meta }, () => remove(rpc, opened))
    else remove(rpc, opened)
  })
  yield* rpc.subscribe({ requestId: ask.requestId, sessionId }, events)
  yield* rpc
    .call(Protocol.sessionSetModel, { sessionId, modelId: ask.model, timestamp: Date.now(), _meta }, { timeout: setUp })
    .pipe(
      Effect.catchIf(
        (error) => error._tag === "RpcRejected" && error.unknownMethod,
        () => Effect.void
      )
    )
  // The reply may come before the answer, after it, or never; only a rejection means anything.
  isAsked = true
  yield* rpc.post(
    Protocol.sessionPrompt,
    { sessionId, prompt: promptOf(ask, options), timestamp: Date.now(), _meta },
    (reply) => {
      if (Either.isRight(reply)) return
      events.end()
      turn.fail(options.refused(reply.left, events.heard()))
    }
  )
})
