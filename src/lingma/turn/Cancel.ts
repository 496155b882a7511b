/**
 * Cancelling a turn of `session/*` so that it is heard, whichever form this Lingma takes.
 *
 * ACP has `session/cancel` as a notification, other clients send it as a request; what a process was seen to take is
 * remembered with its connection. The session is removed afterwards.
 */
import { Either } from "effect"
import type { LingmaRpc } from "../rpc/LingmaRpc.ts"
import * as Protocol from "../rpc/Protocol.ts"

type Rpc = LingmaRpc["Type"]

/** Connections whose Lingma refuses the request. */
const hearsNotification = new WeakSet<Rpc>()
/** Connections whose Lingma left the latest one unanswered: both forms go out at once. */
const leavesUnanswered = new WeakSet<Rpc>()

/** How long a request may stay unanswered before the notification is sent too. */
const patience = 1000

/** Nobody waits for it; `then` runs once: when the cancel was heard, or cannot be. */
export const cancel = (
  rpc: Rpc,
  turn: { readonly sessionId: string; readonly _meta: Protocol.Meta },
  then: () => void
) => {
  const notify = () => {
    rpc.notify(Protocol.sessionCancel.name, turn)
    then()
  }
  if (hearsNotification.has(rpc)) {
    notify()
    return
  }
  if (leavesUnanswered.has(rpc)) notify()
  let isOver = leavesUnanswered.has(rpc)
  const once = (run: () => void) => {
    if (isOver) return
    isOver = true
    run()
  }
  // Not the call's own timeout, which is looked at once a second.
  const timer = setTimeout(() => {
    leavesUnanswered.add(rpc)
    once(notify)
  }, patience)
  timer.unref()
  const isSent = rpc.send(Protocol.sessionCancel, turn, {
    timeout: patience * 10,
    onReply: (reply) => {
      const isUnknown = Either.isLeft(reply) && reply.left._tag === "RpcRejected" && reply.left.unknownMethod
      if (isUnknown) hearsNotification.add(rpc)
      if (Either.isRight(reply)) leavesUnanswered.delete(rpc)
      clearTimeout(timer)
      once(isUnknown ? notify : then)
    }
  })
  if (isSent) return
  clearTimeout(timer)
  once(then)
}
