/**
 * Runs a turn with `chat/ask`, the older wire dialect: the answer, and the session id, arrive as pushes.
 */
import { Deferred, Effect, Either, FiberId, type Scope } from "effect"
import type { Turn } from "../../domain/Turn.ts"
import * as Scoped from "../../runtime/Scoped.ts"
import type { Ask } from "../../textonly/TextBackend.ts"
import type { OnReply } from "../rpc/LingmaRpc.ts"
import * as Protocol from "../rpc/Protocol.ts"
import { type RpcError, RpcRejected } from "../rpc/RpcError.ts"
import type { Sink } from "../rpc/Subscribers.ts"
import * as ImageUpload from "./ImageUpload.ts"
import { type DialectOptions, remove } from "./SessionDialect.ts"
import * as TurnSink from "./TurnSink.ts"

const stopWithin = "10 seconds"
/** How long to keep listening after a stop, to learn the id of the session to delete. */
const linger = "5 seconds"

/** Starts the turn; its events go to `turn`. */
export const begin = Effect.fnUntraced(function* (
  { ended, instance, lifetime, refused, rpc, tap }: DialectOptions & { readonly lifetime: Scope.Scope },
  ask: Ask,
  turn: Turn
): Effect.fn.Return<void, RpcError, Scope.Scope> {
  const imageUrls = yield* ImageUpload.all(rpc, ask.images)
  let sessionId: string | undefined
  let asked = false
  let removed = false
  const clear = () => {
    if (removed || sessionId === undefined) return
    removed = true
    remove(rpc, sessionId)
  }
  const events = TurnSink.make(turn, {
    instance,
    ended,
    tap,
    onSession: (named) => {
      sessionId ??= named === "" ? undefined : named
    }
  })

  // Runs after the subscription below has ended, which has the same scope.
  yield* Scoped.onClose(
    Effect.suspend(() => {
      if (!asked) return Effect.void
      if (turn.state() === "finished") return Effect.sync(clear)
      const told = rpc.send(Protocol.chatStop, { requestId: ask.requestId }, { timeout: stopWithin, onReply: clear })
      if (!told) clear()
      if (sessionId !== undefined) return Effect.void
      const named = Deferred.unsafeMake<void>(FiberId.none)
      const over = () => Deferred.unsafeDone(named, Effect.void)
      const late: Sink = {
        onPush: (_, params) => {
          if (typeof params["sessionId"] !== "string" || params["sessionId"] === "") return
          sessionId = params["sessionId"]
          clear()
          over()
        },
        onLost: over
      }
      const listen = Effect.scoped(
        Effect.zipRight(
          rpc.subscribe({ requestId: ask.requestId }, late),
          Effect.timeoutOption(Deferred.await(named), linger)
        )
      )
      return Effect.forkIn(Effect.interruptible(Effect.ignore(listen)), lifetime)
    })
  )
  yield* rpc.subscribe({ requestId: ask.requestId }, events)
  const params = Protocol.chatAskParams({ ...ask, text: ask.prompt, imageUrls })
  const onReply: OnReply<(typeof Protocol.chatAsk)["result"]["Type"]> = (reply) => {
    if (Either.isLeft(reply)) turn.fail(refused(reply.left, events.heard()))
    else if (reply.right?.success === false || reply.right?.isSuccess === false) {
      const { errorMessage, errorMsg, message } = reply.right
      const detail = (errorMessage ?? errorMsg ?? message ?? "success is false").slice(0, 500)
      turn.fail(refused(new RpcRejected({ method: Protocol.chatAsk.name, code: 0, detail }), events.heard()))
    } else if (reply.right?.sessionId) sessionId ??= reply.right.sessionId
  }
  // Written at once or not at all: there is nothing to stop where it was not.
  yield* Effect.uninterruptible(
    Effect.suspend(() => {
      asked = true
      return rpc.post(Protocol.chatAsk, params, onReply)
    })
  )
})
