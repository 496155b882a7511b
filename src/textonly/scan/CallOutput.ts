/**
 * Output of the scanner: text and calls in order, up to a max number of calls. A call that may be an example is held,
 * with those after it, until the following text decides.
 */
import type { Tool, ToolCall } from "../../domain/Chat.ts"
import type * as ToolCalls from "../tools/ToolCalls.ts"
import type { ToolCatalog } from "../tools/ToolCatalog.ts"
import * as HeldCalls from "./HeldCalls.ts"
import type { PendingText } from "./PendingText.ts"

export interface Receiver {
  readonly call: (call: ToolCall) => void
  /** An invalid call; the receiver decides. True if it was sent as a call anyway. */
  readonly invalid: (problem: ToolCalls.Problem) => boolean
  /** The max number of calls is reached; the rest is ignored. */
  readonly full: () => void
  /** Receives calls while they are streamed; without it they are sent whole. */
  readonly live?: LiveReceiver | undefined
}

/** Why a started call is incomplete: a limit cut it, it is too long, or the model stopped. */
export type Break = "cut" | "long" | "unclosed"

export interface LiveReceiver {
  readonly begin: (call: Pick<ToolCall, "id" | "name">) => void
  /** A part of the arguments. */
  readonly delta: (text: string) => void
  /** The call is complete and was sent. */
  readonly end: (call: ToolCall) => void
  /** The started call is incomplete, and nothing follows. */
  readonly broken: (why: Break) => void
}

export interface CallOutput {
  /** Sends text; held calls become text as well. */
  readonly say: (text: string) => void
  /** A complete call, or an attempt at one; `isCertain`: it remains a call even if text follows. */
  readonly found: (outcomes: ReadonlyArray<ToolCalls.Outcome>, raw: string, isCertain: boolean) => void
  /** Starts streaming a call; false if it is not allowed. */
  readonly begin: (call: Pick<ToolCall, "id" | "name">, tool: Tool) => boolean
  /** Ends a streamed call. */
  readonly end: (call: ToolCall) => void
  /** Further calls in the block of a streamed one. */
  readonly more: (outcomes: ReadonlyArray<ToolCalls.Outcome>) => void
  /** Non-text after a held call: blanks, or the end of a frame that was never opened. */
  readonly behind: (text: string) => void
  readonly isHeld: () => boolean
  /** Number of further characters that may be held. */
  readonly room: () => number
  /** Sends held calls as calls. */
  readonly settle: () => void
  /** Sends held calls as text. */
  readonly release: () => void
  /** "done": max number of calls reached; "off": too many invalid calls, the rest is text. */
  readonly state: () => "text" | "done" | "off"
  /** Number of calls sent. */
  readonly calls: () => number
}

export interface Options {
  readonly catalog: ToolCatalog
  /** Max number of calls. */
  readonly limit: number
  /** Max characters to hold. */
  readonly maxLength: number
  readonly pending: PendingText
  readonly out: Receiver
  /** Resets the scanner after a call, as at the start of a text. */
  readonly reset: () => void
}

/** After this many invalid calls, the rest is text. */
const MAX_INVALID = 32

export const make = ({ catalog, limit, maxLength, out, pending, reset }: Options): CallOutput => {
  const held = HeldCalls.make()
  let state: ReturnType<CallOutput["state"]> = "text"
  let calls = 0
  let invalid = 0

  /** True if it was sent as a call. */
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
    end: (call) => {
      out.live?.end(call)
      if (++calls < limit) return count([])
      state = "done"
      out.full()
    },
    more: count,
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
