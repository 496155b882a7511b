/**
 * Expires a login: removes it from the work directory, and finishes running turns with 401, like `logout_mid`.
 */

import * as Login from "../login/Login.ts"
import * as World from "../world/World.ts"
import { voice } from "./SessionMethods.ts"

/** A turn does not record which call started it, but the dialect `ask` has only one. */
const isAsk = (world: World.World, turn: World.Turn): boolean =>
  world.options.dialect === "ask" ||
  (world.lastPrompt?.requestId === turn.requestId && world.lastPrompt.method === "chat/ask")

const finish = (world: World.World, turn: World.Turn): void => {
  const { link, requestId, sessionId } = turn
  if (isAsk(world, turn)) {
    link.request("chat/finish", { requestId, sessionId, reason: "error", statusCode: 401, fullAnswer: "" })
  } else voice(link, requestId, sessionId, "").finish("error", 401, "")
}

export const expire = (world: World.World): void => {
  Login.logout(world)
  for (const turn of world.turns) finish(world, turn)
  World.stopTurns(world, "dropped", () => true)
}
