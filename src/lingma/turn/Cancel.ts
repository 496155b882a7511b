/**
 * Cancels a turn of `session/*`, as a request or a notification, whichever form this Lingma accepts.
 *
 * ACP defines `session/cancel` as a notification, other clients send it as a request; the form that worked is
 * remembered per connection. The session is deleted afterwards.
 */
import { Either } from "effect"
import type { LingmaRpc } from "../rpc/LingmaRpc.ts"
import * as Protocol from "../rpc/Protocol.ts"

type Rpc = LingmaRpc["Type"]

/** Connections whose Lingma rejects the request. */
const hearsNotification = new WeakSet<Rpc>()
/** Connections whose Lingma did not reply to the last request: both forms are sent at once. */
const leavesUnanswered = new WeakSet<Rpc>()

/** Wait for a reply before the notification is sent as well, in ms. */
const PATIENCE = 1000

/** Runs in the background; `then` is called once, when the cancel was confirmed or has failed. */
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
  // Not the call's own timeout, which has a resolution of one second; Node's timer, because no fiber is left to wait.
  const timer = setTimeout(() => {
    leavesUnanswered.add(rpc)
    once(notify)
  }, PATIENCE)
  timer.unref()
  const isSent = rpc.send(Protocol.sessionCancel, turn, {
    timeout: PATIENCE * 10,
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
