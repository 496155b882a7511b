/**
 * What goes out of the scanner: text, and the calls in their order, counted. A call that may be an example is held,
 * with those that follow it, until it is known what it was.
 */
import type { Tool, ToolCall } from "../../domain/Chat.ts"
import type * as ToolCalls from "../tools/ToolCalls.ts"
import type { ToolCatalog } from "../tools/ToolCatalog.ts"
import * as HeldCalls from "./HeldCalls.ts"
import type { PendingText } from "./PendingText.ts"

export interface Receiver {
  readonly call: (call: ToolCall) => void
  /** Not taken as a call; the receiver decides what becomes of it. True: it made a call of it all the same. */
  readonly invalid: (problem: ToolCalls.Problem) => boolean
  /** Enough calls: all that follows is ignored. */
  readonly full: () => void
  /** Takes calls while they are written; without it they come whole. */
  readonly live?: LiveReceiver | undefined
}

/** Why a call that was begun has no end: a limit cut it, it is too long, or the model broke off. */
export type Break = "cut" | "long" | "unclosed"

export interface LiveReceiver {
  readonly begin: (call: Pick<ToolCall, "id" | "name">) => void
  /** More of its arguments. */
  readonly delta: (text: string) => void
  /** All of it was sent. */
  readonly end: (call: ToolCall) => void
  /** What was begun has no end, and nothing follows. */
  readonly broken: (why: Break) => void
}

export interface CallOutput {
  /** Text, which makes text of the calls that are held. */
  readonly say: (text: string) => void
  /** A whole call, or what should have been one; `isCertain`: text behind it makes no example of it. */
  readonly found: (outcomes: ReadonlyArray<ToolCalls.Outcome>, raw: string, isCertain: boolean) => void
  /** A call that goes out as it is written; false: it may not. */
  readonly begin: (call: Pick<ToolCall, "id" | "name">, tool: Tool) => boolean
  /** Of the block of a call that was begun, which is whole now, what else it holds. */
  readonly end: (call: ToolCall, others: ReadonlyArray<ToolCalls.Outcome>) => void
  /** What stands behind a call that is held and is no text: blanks, and the end of a frame that never began. */
  readonly behind: (text: string) => void
  readonly isHeld: () => boolean
  /** Characters that may be held beside those that are. */
  readonly room: () => number
  /** What is held is calls. */
  readonly settle: () => void
  /** What is held is text. */
  readonly release: () => void
  /** "done": there were enough calls; "off": so many were none that the rest is text. */
  readonly state: () => "text" | "done" | "off"
  /** How many went out. */
  readonly calls: () => number
}

export interface Options {
  readonly catalog: ToolCatalog
  /** Most calls. */
  readonly limit: number
  /** Most characters that are held. */
  readonly maxLength: number
  readonly pending: PendingText
  readonly out: Receiver
  /** What follows a call is read as at the beginning of a text. */
  readonly reset: () => void
}

/** After so many calls that were none, the rest is text. */
const MAX_INVALID = 32

export const make = ({ catalog, limit, maxLength, out, pending, reset }: Options): CallOutput => {
  const held = HeldCalls.make()
  let state: ReturnType<CallOutput["state"]> = "text"
  let calls = 0
  let invalid = 0

  /** True when it is a call that went out. */
  const take = (one: ToolCalls.Outcome): boolean => {
    if (one._tag === "Problem") {
      invalid++
      const { tool } = one.problem
      return (tool === undefined || catalog.isWanted(tool)) && out.invalid(one.problem)
    }
    if (!catalog.isWanted(one.tool)) return false
    out.call(one.call)
    return true
  }
  const count = (outcomes: ReadonlyArray<ToolCalls.Outcome>) => {
    for (const one of outcomes) {
      if (!take(one) || ++calls < limit) continue
      state = "done"
      return out.full()
    }
    if (invalid >= MAX_INVALID) state = "off"
    pending.afterCall()
    reset()
  }
  const report = (outcomes: ReadonlyArray<ToolCalls.Outcome>, raw: string) => {
    if (state === "off") pending.say(raw)
    if (state !== "text") return
    if (outcomes[0]?._tag === "Problem") pending.beforeProblem()
    else pending.beforeCall()
    count(outcomes)
  }
  const release = () => {
    for (const { written } of held.take()) pending.say(written)
  }
  const settle = () => {
    for (const { blanks, outcomes, written } of held.take()) {
      report(outcomes, written)
      if (state === "text") for (const blank of blanks) pending.sayBlank(blank)
    }
  }

  return {
    say: (text) => {
      if (text === "") return
      if (held.isHeld()) release()
      pending.say(text)
    },
    found: (outcomes, raw, isCertain) => {
      if (!isCertain) return held.add(outcomes, raw)
      settle()
      report(outcomes, raw)
    },
    begin: (call, tool) => {
      if (!catalog.isWanted(tool)) return false
      settle()
      if (state !== "text") return false
      pending.beforeCall()
      out.live?.begin(call)
      return true
    },
    end: (call, others) => {
      out.live?.end(call)
      if (++calls < limit) return count(others)
      state = "done"
      out.full()
    },
    behind: (text) => {
      held.behind(text)
      if (held.size() > maxLength) release()
    },
    isHeld: held.isHeld,
    room: () => maxLength - held.size(),
    settle,
    release,
    state: () => state,
    calls: () => calls
  }
}
