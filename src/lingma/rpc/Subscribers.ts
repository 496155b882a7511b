/**
 * Routes each push to the subscribed turn that it names.
 */
import { ChurnMap } from "../../runtime/ChurnMap.ts"
import * as Pushes from "./Pushes.ts"
import * as PushTemplates from "./PushTemplates.ts"
import type { RpcDisconnected } from "./RpcError.ts"

/** Receives the pushes of one turn, and at most one `onLost`. All are called synchronously from the socket. */
export interface Sink {
  readonly onPush: (method: string, params: Pushes.Json) => void
  /** Instead of `onPush`, for a push identical to an earlier one except for its text; `tag`: the kind of that push. */
  readonly onText?: (tag: TextTag, text: string) => void
  readonly onLost: (error: RpcDisconnected) => void
  /** The turn's own reply to a request from Lingma; undefined = the default reply. */
  readonly answer?: (method: string, params: Pushes.Json) => Pushes.Answer | undefined
}

export type TextTag = "TextDelta" | "ThoughtDelta"

/** How a push names a turn: by request id, or by session id only. */
export interface Address {
  readonly requestId: string
  readonly sessionId?: string
}

export interface Subscribers {
  readonly add: (turn: Address, sink: Sink) => void
  readonly remove: (turn: Address) => void
  /** Notifies all subscribers of a lost connection, and removes them. */
  readonly lose: (error: RpcDisconnected) => void
  /** Handles a push that matches a template (see `PushTemplates`); false = parse the body. */
  readonly repeat: (body: string) => boolean
  /** The reply of the turn that a request from Lingma names, if it has one. */
  readonly answer: (method: string, params: Pushes.Json) => Pushes.Answer | undefined
  /** Delivers a push; `body` is used as a template, if given. */
  readonly push: (method: string, params: Pushes.Json, body: string | undefined) => void
  readonly size: () => number
  /** Number of pushes for unknown or finished turns. */
  readonly strays: () => number
}

interface Hearer {
  readonly onText: NonNullable<Sink["onText"]>
  readonly tag: TextTag
}

/** `onUnnamed` receives pushes that name no turn. */
export const make = (onUnnamed: Sink["onPush"] = () => {}): Subscribers => {
  const byRequest = new ChurnMap<string, Sink>()
  const bySession = new ChurnMap<string, Sink>()
  const repeats = PushTemplates.make<Hearer>(({ onText, tag }, text) => onText(tag, text))
  let strays = 0

  const learn = (requestId: string, onText: Hearer["onText"], read: Pushes.Push | undefined, body: string) => {
    const event = read?._tag === "Event" ? read.event : undefined
    if (event?._tag !== "TextDelta" && event?._tag !== "ThoughtDelta") return
    repeats.learn(requestId, body, event.text, { onText, tag: event._tag })
  }

  const sinkOf = (requestId: string | undefined, sessionId: string | undefined) =>
    requestId === undefined ? bySession.get(sessionId ?? "") : byRequest.get(requestId)

  return {
    add: ({ requestId, sessionId }, sink) => {
      byRequest.set(requestId, sink)
      if (sessionId !== undefined) bySession.set(sessionId, sink)
    },
    remove: ({ requestId, sessionId }) => {
      byRequest.delete(requestId)
      repeats.forget(requestId)
      if (sessionId !== undefined) bySession.delete(sessionId)
    },
    lose: (error) => {
      const sinks = byRequest.values()
      byRequest.clear()
      bySession.clear()
      for (const sink of sinks) sink.onLost(error)
    },
    repeat: repeats.hear,
    answer: (method, params) => {
      const { requestId, sessionId } = Pushes.addressOf(params)
      return sinkOf(requestId, sessionId)?.answer?.(method, params)
    },
    push: (method, params, body) => {
      const { isReplayed, requestId, sessionId } = Pushes.addressOf(params)
      if (isReplayed && requestId === undefined) {
        strays++
        return
      }
      const sink = sinkOf(requestId, sessionId)
      if (sink !== undefined) {
        const { onText } = sink
        if (onText !== undefined && body !== undefined && requestId !== undefined && repeats.wants(requestId)) {
          learn(requestId, onText, Pushes.read(method, params), body)
        }
        sink.onPush(method, params)
      } else if (requestId !== undefined) strays++
      else if (sessionId === undefined && Pushes.breaksUnnamed(method, byRequest.size)) {
        for (const each of byRequest.values()) each.onPush(method, params)
      } else onUnnamed(method, params)
    },
    size: () => byRequest.size,
    strays: () => strays
  }
}
