/**
 * `session/cancel`: accepts the forms set by `cancel` of the standing script.
 *
 * | cancel | as a request | as a notification |
 * | --- | --- | --- |
 * | `any` | answered, the turn stops | the turn stops |
 * | `request` | answered, the turn stops | ignored |
 * | `notification` | rejected with -32601, the turn continues | the turn stops |
 * | `unanswered` | never answered, the turn continues | the turn stops |
 * | `deaf` | never answered, the turn continues | ignored; only deleting the session stops it |
 */

import * as World from "../world/World.ts"
import * as Rpc from "./Rpc.ts"

const requestHeard = new Set(["any", "request"])
const notificationHeard = new Set(["any", "notification", "unanswered"])

/** Counts the cancel and marks its turns. */
const arrived = (world: World.World, which: (turn: World.Turn) => boolean, notified: boolean): void => {
  const meant = Array.from(world.turns).filter(which)
  world.totals[notified ? "cancelNotifications" : "cancelRequests"]++
  if (meant.length === 0) world.totals.idleCancels++
  for (const turn of meant) turn.cancelled = true
}

const heard = (world: World.World, which: (turn: World.Turn) => boolean, reply: unknown): Rpc.Reply => {
  world.totals.cancels++
  World.stopTurns(world, "cancelled", which)
  return Rpc.result(reply)
}

/** `chat/stop` and `chat/stopSession`, accepted in any form. */
export const stop = (world: World.World, which: (turn: World.Turn) => boolean, notified: boolean): Rpc.Reply => {
  arrived(world, which, notified)
  return heard(world, which, { success: true })
}

export const session = (world: World.World, sessionId: string, notified: boolean): Rpc.Reply => {
  const which = (turn: World.Turn): boolean => turn.sessionId === sessionId
  const form = world.standing.cancel ?? "any"
  arrived(world, which, notified)
  if ((notified ? notificationHeard : requestHeard).has(form)) {
    return world.sessions.has(sessionId) ? heard(world, which, {}) : Rpc.failure(`session not found: ${sessionId}`)
  }
  return form === "notification" ? Rpc.failure("unknown method: session/cancel", -32601) : Rpc.silence
}
