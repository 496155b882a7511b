/**
 * Finds calls in an answer that comes by pieces, and lets everything else through as it comes.
 *
 * Held back is only what may become a marker, line ends (a call may follow, and take them away), and what is in a
 * call. Where the pieces were cut does not matter.
 */
import type { ToolCall, Toolset } from "../Chat.ts"
import * as CallBlock from "./CallBlock.ts"
import * as CodeSpan from "./CodeSpan.ts"
import * as Ending from "./Ending.ts"
import * as FenceHold from "./FenceHold.ts"
import * as Forms from "./Forms.ts"
import * as JsonForm from "./JsonForm.ts"
import { begun, CALL_END, CR, isBlank, LESS, LF, RESPONSE, SQUARE, THINK, THINK_END, TICK, TILDE } from "./Markup.ts"
import * as PendingText from "./PendingText.ts"
import * as ToolCalls from "./ToolCalls.ts"
import * as ToolCatalog from "./ToolCatalog.ts"

export interface Options {
  readonly toolset: Toolset
  readonly newId?: () => string
  readonly maxCalls?: number
  /** Longest call, in characters without its frame; a longer one is text. */
  readonly maxBody?: number
}

export interface Out {
  readonly text: (text: string) => void
  readonly call: (call: ToolCall) => void
  /** Not taken as a call; the receiver decides what becomes of it. True: it made a call of it all the same. */
  readonly invalid: (problem: ToolCalls.Problem) => boolean
  /** Enough calls: all that follows is ignored. */
  readonly full: () => void
}

export interface ToolScanner {
  readonly push: (text: string) => void
  /** `cut`: the text was ended by a limit, so that an open call is none. */
  readonly end: (cut: boolean) => void
}

/** Names and markers around a body. */
const FRAME = 4096
/** Fences with something like a call in them that turned out to be examples; after them every fence is text. */
const MAX_HOLDS = 8
/** After so many calls that were none, the rest is text. */
const MAX_INVALID = 32

export const make = (options: Options, out: Out): ToolScanner => {
  const { maxBody = 1 << 20, maxCalls = 32, newId = ToolCalls.newId, toolset } = options
  const catalog = ToolCatalog.make(toolset)
  const limit = toolset.parallel ? maxCalls : 1
  const maxLength = maxBody + FRAME
  const code = CodeSpan.make()
  const pending = PendingText.make(out.text)
  const { say } = pending

  let mode: "text" | "through" | "call" | "fence" | "done" | "off" = catalog.isActive ? "text" : "off"
  let calls = 0
  let invalid = 0
  let tag = ""
  let markers: ReadonlyArray<string> = Forms.IN_LINE
  let block: CallBlock.CallBlock | undefined
  let form = Forms.BLOCK
  let ending = Ending.make(THINK_END)
  let fence: FenceHold.FenceHold | undefined
  let failedHolds = 0
  /** What may be read again behind calls whose end was seen at the end only; all after it is text. */
  let spare = 4 * maxLength
  let mayHold = true

  const begin = (form: Forms.Form, atLine: boolean) => {
    const make = form.kind === "json" ? JsonForm.make : CallBlock.make
    return make({ form, atLine, maxLength, find: catalog.find, mayBecome: catalog.mayBecome })
  }
  const resolve = (one: CallBlock.CallBlock) => ToolCalls.resolve(one, { catalog, newId })

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

  const report = (outcomes: ReadonlyArray<ToolCalls.Outcome>) => {
    if (outcomes[0]?._tag === "Problem") pending.beforeProblem()
    else pending.beforeCall()
    for (const one of outcomes) {
      if (!take(one) || ++calls < limit) continue
      mode = "done"
      out.full()
      return
    }
    mode = invalid < MAX_INVALID ? "text" : "off"
    pending.afterCall()
    code.reset()
  }

  /** Scans what was read in vain: its first character as text, the rest anew. */
  const again = (raw: string) => {
    mode = "text"
    say(raw[0]!)
    feed(raw.slice(1))
  }

  const endBlock = () => {
    const one = block!
    const status = one.status()
    block = undefined
    if (status === "not") again(one.raw())
    else if (status === "over") {
      say(one.raw())
      mode = "through"
      ending = Ending.make(form.closer)
    } else {
      const outcomes = status === "text" ? undefined : resolve(one)
      const used = outcomes === undefined ? one.raw().length : one.used()
      if (outcomes === undefined || (!form.own && outcomes.every(ToolCalls.isUnknown))) {
        mode = "text"
        say(one.raw().slice(0, used))
      } else report(outcomes)
      feed(one.raw().slice(used))
    }
  }

  const endFence = () => {
    const one = fence!
    fence = undefined
    if (one.isCostly()) failedHolds++
    mode = "text"
    mayHold = false
    feed(one.raw())
  }

  const enter = (marker: string) => {
    tag = ""
    if (marker === CALL_END) return
    if (marker === RESPONSE) {
      // The model makes up what came of its call.
      if (calls === 0) return say(marker)
      mode = "done"
      return out.full()
    }
    if (marker === THINK) {
      say(THINK)
      mode = "through"
      ending = Ending.make(THINK_END)
      return
    }
    form = Forms.of(marker)!
    block = begin(form, markers !== Forms.IN_LINE)
    mode = "call"
  }

  /** One character of a marker, or the end of the hope that it is one; false: look at it again. */
  const tagged = (char: string): boolean => {
    const next = tag + char
    const marker = begun(next, markers)
    if (marker === undefined) {
      const text = tag
      tag = ""
      say(text)
      return false
    }
    tag = next
    if (marker === next) enter(marker)
    return true
  }

  const beginsFence = (unit: number) =>
    mayHold && (unit === TICK || unit === TILDE) && failedHolds < MAX_HOLDS && code.lineBegins() && !code.inside()

  const text = (piece: string, from: number): number => {
    let at = from
    let start = from
    while (at < piece.length) {
      if (tag !== "") {
        if (tagged(piece[at]!)) at++
        start = at
        if (mode !== "text") return at
        continue
      }
      const unit = piece.charCodeAt(at)
      const plain = unit !== LESS && unit !== LF && unit !== CR && unit !== TICK && unit !== TILDE && unit !== SQUARE
      if (plain && pending.isIdle() && code.isIdle()) {
        at++
        continue
      }
      if (beginsFence(unit)) {
        say(piece.slice(start, at))
        fence = FenceHold.make({
          mark: unit,
          block: (isBare) => begin(isBare ? Forms.BARE : Forms.BLOCK, true),
          resolve,
          maxLength
        })
        mode = "fence"
        return at
      }
      mayHold = true
      const zero = code.columnZero()
      const isLineEnd = unit === LF || unit === CR
      if (isLineEnd || (pending.followsCall() && isBlank(unit))) {
        say(piece.slice(start, at))
        pending.sayBlank(piece[at]!)
        if (unit === LF) code.step(unit)
        start = ++at
        continue
      }
      code.step(unit)
      if ((unit === LESS || unit === SQUARE) && !code.inside()) {
        say(piece.slice(start, at))
        start = at
        markers = pending.followsCall() ? Forms.AFTER_CALL : zero ? Forms.AT_LINE : Forms.IN_LINE
        if (unit === LESS || markers !== Forms.IN_LINE) {
          tag = piece[at]!
          start = ++at
          continue
        }
      }
      at++
      if (!pending.isIdle()) {
        say(piece.slice(start, at))
        start = at
      }
    }
    say(piece.slice(start))
    return at
  }

  /** Lets text through up to the marker that ends a state, and with it. */
  const through = (piece: string, from: number): number => {
    const end = ending.find(piece, from)
    say(piece.slice(from, end))
    if (end === undefined) return piece.length
    mode = "text"
    code.reset()
    return end
  }

  const feed = (piece: string): void => {
    let at = 0
    while (at < piece.length && mode !== "done") {
      if (mode === "text") at = text(piece, at)
      else if (mode === "through") at = through(piece, at)
      else if (mode === "call") {
        at = block!.read(piece, at)
        if (block!.status() !== "open") endBlock()
      } else if (mode === "fence") {
        at = fence!.read(piece, at)
        if (!fence!.isOpen()) endFence()
      } else {
        say(piece.slice(at))
        at = piece.length
      }
    }
  }

  const endCall = (cut: boolean) => {
    const one = block!
    block = undefined
    if (cut || one.isVague()) {
      mode = "text"
      say(one.raw())
    } else if (one.close()) {
      report(resolve(one))
      const rest = one.raw().slice(one.used())
      spare -= rest.length
      if (spare < 0 && mode === "text") mode = "off"
      feed(rest)
    } else report([ToolCalls.unclosed(one)])
  }

  return {
    push: (piece) => {
      feed(piece)
      pending.flush()
    },
    end: (cut) => {
      while (mode === "fence" || mode === "call") {
        if (mode === "call") endCall(cut)
        else {
          const outcomes = cut ? undefined : fence!.close()
          if (outcomes === undefined) endFence()
          else report(outcomes)
        }
      }
      if (mode === "done") return
      if (mode === "text") say(tag)
      mode = "done"
      pending.end()
    }
  }
}
