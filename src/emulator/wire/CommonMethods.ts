/**
 * Methods of both dialects: handshake, models, stored sessions, image upload, and calls with trivial results.
 */
import { randomUUID } from "node:crypto"
import { Schema } from "effect"
import * as Allowance from "../world/Allowance.ts"
import { version } from "../world/Cli.ts"
import * as Pictures from "../world/Pictures.ts"
import * as World from "../world/World.ts"
import * as Rpc from "./Rpc.ts"

const plain: ReadonlyArray<string> = [
  ...["extension/query", "config/getGlobal", "auth/profile/getGlobalConfig", "feature/getFeatureFlags"],
  ...["statistics/general", "kb/list", "task/list", "wiki/getStatus", "webview/mcpSetting/overview"],
  ...["webview/memory/count", "model/getByokConfig", "dataPolicy/query", "chat/replyRequest", "chat/like"],
  ...["chat/systemEvent", "chat/getStage", "chat/codeChange/apply", "session/appendHistoryTurn"]
]

export const make = (world: World.World): Rpc.Methods => {
  const forget = (id: string): boolean => {
    World.stopTurns(world, "cancelled", (turn) => turn.sessionId === id)
    return world.sessions.delete(id)
  }
  return {
    ...Object.fromEntries(plain.map((name) => [name, () => Rpc.result({})] as const)),
    initialize: () => {
      const self = { name: "lingma", version }
      return Rpc.result(
        world.options.handshake === "acp"
          ? { protocolVersion: 1, agentCapabilities: {}, agentInfo: self }
          : { capabilities: { textDocumentSync: 1 }, serverInfo: self }
      )
    },
    ping: () => Rpc.result({ success: true }),
    "config/queryModels": () => {
      const filling = performance.now() - world.loggedInAt < world.options.modelsDelayMs
      return Rpc.result(world.account === undefined || filling ? {} : Allowance.scenes(world))
    },
    "session/getCurrent": () => Rpc.result({ currentSessionIds: Array.from(world.sessions.keys()) }),
    "chat/listAllSessions": () =>
      Rpc.result({ sessions: Array.from(world.sessions.values(), (session) => ({ sessionId: session.id })) }),
    "chat/getSessionById": Rpc.method(Schema.Struct({ sessionId: Rpc.Go.string, id: Rpc.Go.string }), (params) => {
      const id = params.sessionId || params.id
      return world.sessions.has(id) ? Rpc.result({ sessionId: id }) : Rpc.failure(`session not found: ${id}`)
    }),
    "chat/deleteSessionById": Rpc.method(Schema.Struct({ sessionId: Rpc.Go.string, id: Rpc.Go.string }), (params) => {
      const id = params.sessionId || params.id
      if (!forget(id)) return Rpc.failure(`session not found: ${id}`)
      world.totals.deletes++
      return Rpc.result({ success: true })
    }),
    "chat/deleteChatById": () => Rpc.result({ success: true }),
    "chat/clearAllSessions": () => {
      for (const id of Array.from(world.sessions.keys())) forget(id)
      return Rpc.result({ success: true })
    },
    "image/upload": Rpc.method(
      Schema.Struct({ imageUri: Rpc.Go.string, requestId: Rpc.Go.string }),
      ({ imageUri, requestId }, link) => {
        if (requestId === "") return Rpc.failure("requestId is empty")
        const picture = Pictures.fromUri(imageUri)
        if (picture === undefined) return Rpc.result({ requestId, result: { success: false } })
        const imageUrl = `http://127.0.0.1:${world.httpPort}/static/${randomUUID()}`
        return Rpc.result({ requestId, result: { success: true } }, () => {
          Pictures.store(world, picture, imageUrl)
          const notice = { errorCode: "", errorMessage: "", result: { requestId, imageUrl } }
          link.notify("image/uploadResultNotification", notice)
        })
      }
    )
  }
}
