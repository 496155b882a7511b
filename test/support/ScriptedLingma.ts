/**
 * A Lingma that signs in, opens sessions and answers as a table says, and knows which sessions are open.
 */
import { Effect } from "effect"
import * as FakeLingma from "./FakeLingma.ts"

/** What it does from now on. */
export interface Manner {
  /** Undefined: it does not say. */
  signedIn: boolean | undefined
  /** Refuses every prompt. */
  refuses: boolean
  /** Knows `chat/ask` alone, the older wire dialect. */
  asksOnly: boolean
}

export interface ScriptedLingma {
  readonly url: string
  readonly manner: Manner
  /** How many prompts came. */
  readonly prompts: () => number
  readonly sessions: ReadonlySet<string>
  /** Once no session is open. */
  readonly idle: Effect.Effect<void>
  readonly push: (method: string) => void
  /** Breaks every connection. */
  readonly drop: () => void
}

export const answer = "Hello"

export const make = (start: Partial<Manner> = {}) =>
  Effect.gen(function* () {
    const manner: Manner = { signedIn: true, refuses: false, asksOnly: false, ...start }
    const sessions = new Set<string>()
    const watchers = new Set<() => void>()
    let opened = 0
    let prompts = 0
    const on = ({ id, method = "", params = {} }: FakeLingma.Message, peer: FakeLingma.Peer) => {
      const reply = (result: unknown) => peer.send({ jsonrpc: "2.0", id, result })
      const refuse = (message: string, code = -32603) => peer.send({ jsonrpc: "2.0", id, error: { code, message } })
      const notify = (method: string, params: object) => peer.send({ jsonrpc: "2.0", method, params })
      switch (method) {
        case "auth/status":
          if (manner.signedIn === undefined) return refuse("no word")
          return reply(manner.signedIn ? { id: "ann", status: 2 } : { status: 1 })
        case "config/queryModels":
          return reply({ chat: [{ key: "auto", displayName: "Auto", isDefault: true }] })
        case "login/generateUrl":
          return reply({ loginUrl: "https://login.example.com/login?state=s&port=1", success: true })
        case "session/new": {
          if (manner.asksOnly) return refuse(`unknown method: ${method}`, -32601)
          const sessionId = `s${++opened}`
          sessions.add(sessionId)
          return reply({ sessionId })
        }
        case "session/prompt": {
          prompts++
          if (manner.refuses) return refuse("cannot")
          const say = (update: object) =>
            notify("session/update", { sessionId: params["sessionId"], _meta: params["_meta"], update })
          reply(null)
          say({ sessionUpdate: "agent_message_chunk", content: { type: "text", text: answer } })
          return say({
            sessionUpdate: "notification",
            type: "chat_finish",
            data: { reason: "success", statusCode: 200 }
          })
        }
        case "chat/ask": {
          prompts++
          if (manner.refuses) return refuse("cannot")
          const sessionId = `s${++opened}`
          sessions.add(sessionId)
          reply({ success: true })
          const turn = { requestId: params["requestId"], sessionId }
          notify("chat/answer", { ...turn, text: answer, overwrite: false })
          return notify("chat/finish", { ...turn, reason: "success", statusCode: 200, fullAnswer: answer })
        }
        case "chat/deleteSessionById":
          sessions.delete(String(params["sessionId"]))
          reply(null)
          if (sessions.size === 0) for (const watcher of watchers) watcher()
          return
        default:
          if (method !== "") reply(null)
      }
    }
    const { peers, url } = yield* FakeLingma.make(on)
    return {
      url,
      manner,
      sessions,
      prompts: () => prompts,
      idle: Effect.async<void>((resume) => {
        const watcher = () => resume(Effect.void)
        if (sessions.size === 0) return watcher()
        watchers.add(watcher)
        return Effect.sync(() => watchers.delete(watcher))
      }),
      push: (method) => peers.at(-1)?.send({ jsonrpc: "2.0", method, params: {} }),
      drop: () => {
        for (const peer of peers) peer.drop()
      }
    } satisfies ScriptedLingma
  })
