/**
 * Converts the pushes of one turn to its events, for both wire dialects.
 */
import { finish, textDelta, thoughtDelta } from "../../domain/Chat.ts"
import { BackendFailure, type TurnError } from "../../domain/ChatError.ts"
import type { Turn } from "../../domain/Turn.ts"
import * as Pushes from "../rpc/Pushes.ts"
import * as SentPrefix from "../rpc/SentPrefix.ts"
import type { Sink } from "../rpc/Subscribers.ts"
import type * as Endings from "./Endings.ts"
import * as Resume from "./Resume.ts"

export interface TurnSinkOptions {
  readonly instance: string
  /** Maps a failed end to the error of its turn. */
  readonly ended: (failure: Endings.Failure) => TurnError
  /** Called with the session id of a push. */
  readonly onSession?: (sessionId: string) => void
  /** Sees each push before it is read. */
  readonly tap?: Tap | undefined
}

export interface Tap {
  readonly text: (kind: "text" | "thought", text: string) => void
  readonly push: (method: string, params: Pushes.Json) => void
}

const succeeded = new Set(["", "success", "stop", "end_turn", "finish", "finished", "done", "completed"])

/** The status decides, else the reason. */
const isSuccess = ({ reason, statusCode }: Extract<Pushes.Push, { _tag: "End" }>): boolean =>
  statusCode === undefined ? succeeded.has(reason.toLowerCase()) : statusCode === 200

export interface TurnSink extends Sink {
  /** Whether any push has arrived: if so, the turn has started and may have had side effects. */
  readonly heard: () => boolean
  /** Whether the turn has ended upstream, so that there is nothing to cancel. */
  readonly isOver: () => boolean
  /** Marks the turn as ended by something other than a push. */
  readonly end: () => void
}

const sinkOf = (turn: Turn, { ended, instance, onSession }: TurnSinkOptions): TurnSink => {
  let heard = false
  let isOver = false
  const resume = Resume.make()
  /** Text sent before a content filter stopped the turn is kept. */
  const fail = (error: TurnError) => {
    if (error._tag === "ContentFiltered" && turn.count() > 0) turn.emit(finish("content_filter"))
    else turn.fail(error)
  }
  const broken = (detail: string) => turn.fail(new BackendFailure({ instance, started: true, detail }))
  /** For pushes that replace the text, because sent text cannot be retracted. */
  const sent = SentPrefix.make()

  const say = (text: string) => {
    if (text === "" || !turn.emit(textDelta(text))) return
    sent.add(text)
  }

  const think = (text: string) => {
    if (text !== "") turn.emit(thoughtDelta(text))
  }

  const onPush: Sink["onPush"] = (method, params) => {
    if (onSession !== undefined && typeof params["sessionId"] === "string") onSession(params["sessionId"])
    heard ||= !Pushes.isOfSession(method, params)
    resume.onPush(method, params)
    const push = Pushes.read(method, params)
    if (push === undefined) {
      if (Pushes.isWork(method, params)) turn.work()
      return
    }
    switch (push._tag) {
      case "Event":
        if (push.event._tag === "TextDelta") say(push.event.text)
        else if (push.event._tag === "ThoughtDelta") think(push.event.text)
        else turn.emit(push.event)
        return
      case "Overwrite": {
        const rest = sent.rest(push.text)
        if (rest === undefined) broken("the answer was replaced after it had been sent")
        else say(rest)
        return
      }
      case "End":
        isOver = true
        if (isSuccess(push)) turn.emit(finish("stop"))
        else fail(ended({ code: push.statusCode, text: push.reason }))
        return
      case "Broken":
        fail(ended({ code: undefined, text: push.detail }))
    }
  }
  return {
    onPush,
    onText: (tag, text) => (tag === "TextDelta" ? say(text) : think(text)),
    heard: () => heard,
    isOver: () => isOver,
    end: () => {
      isOver = true
    },
    answer: resume.answer,
    onLost: ({ reason }) => {
      isOver = true
      turn.fail(new BackendFailure({ instance, started: true, lost: true, detail: reason }))
    }
  }
}

const kinds = { TextDelta: "text", ThoughtDelta: "thought" } as const

/** The same for a turn that is looked into; others have no step more for it. */
const tapped = (sink: TurnSink, tap: Tap): TurnSink => ({
  ...sink,
  onPush: (method, params) => {
    const push = Pushes.read(method, params)
    const event = push?._tag === "Event" ? push.event : undefined
    if (event?._tag === "TextDelta" || event?._tag === "ThoughtDelta") tap.text(kinds[event._tag], event.text)
    else tap.push(method, params)
    sink.onPush(method, params)
  },
  onText: (tag, text) => {
    tap.text(kinds[tag], text)
    sink.onText?.(tag, text)
  },
  onLost: (error) => {
    tap.push("connection lost", { reason: error.reason })
    sink.onLost(error)
  }
})

export const make = (turn: Turn, options: TurnSinkOptions): TurnSink =>
  options.tap === undefined ? sinkOf(turn, options) : tapped(sinkOf(turn, options), options.tap)
