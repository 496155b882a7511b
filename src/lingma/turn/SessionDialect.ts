/**
 * Runs a turn with `session/*`, the newer wire dialect: a new session, one prompt; the session is always deleted.
 */
import { join } from "node:path"
import { Effect, Either, type Scope } from "effect"
import type { Image } from "../../domain/Chat.ts"
import type { TurnError } from "../../domain/ChatError.ts"
import type { Turn } from "../../domain/Turn.ts"
import * as Scoped from "../../runtime/Scoped.ts"
import type { Ask } from "../../textonly/TextBackend.ts"
import type { LingmaRpc } from "../rpc/LingmaRpc.ts"
import * as Protocol from "../rpc/Protocol.ts"
import { type RpcError, RpcMalformed } from "../rpc/RpcError.ts"
import * as Cancel from "./Cancel.ts"
import * as TurnSink from "./TurnSink.ts"

type Rpc = LingmaRpc["Type"]

export interface DialectOptions {
  readonly rpc: Rpc
  readonly instance: string
  /** Empty working directory of the turn. */
  readonly cwd: string
  /** Maps a rejected call to the error of its turn; `started`: whether the turn had started. */
  readonly refused: (error: RpcError, started: boolean) => TurnError
  /** Maps a failed end to the error of its turn. */
  readonly ended: TurnSink.TurnSinkOptions["ended"]
  readonly tap?: TurnSink.Tap | undefined
}

/** Timeout of setup calls, which a closed IDE never answers; below the keep-alive, so that an HTTP status is possible. */
const setUp = "12 seconds"
const cleanUp = "10 seconds"

/** Deletes a session in the background; if disconnected, after the reconnect. */
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

/** Path of an image of the turn: the prompt contains both its bytes and its URI, and the file exists. */
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

/** Opens a session that is deleted with the scope, even if the reply arrives after the scope has closed. */
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

/** Starts the turn; its events go to `turn`. */
export const begin = Effect.fnUntraced(function* (
  options: DialectOptions,
  ask: Ask,
  turn: Turn
): Effect.fn.Return<void, RpcError, Scope.Scope> {
  const { instance, rpc } = options
  const _meta = metaOf(ask)
  const events = TurnSink.make(turn, { instance, ended: options.ended, tap: options.tap })
  let isAsked = false
  const sessionId = yield* open(options, (opened) => {
    // Only a turn that has started and not ended is cancelled.
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
  // The reply may come before or after the answer, or never; only an error matters.
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
