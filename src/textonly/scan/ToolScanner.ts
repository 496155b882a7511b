/**
 * Finds calls in a streamed answer, and passes all other text through.
 *
 * Only possible prefixes of a marker, line ends (stripped before a call) and calls are held back. The result does not
 * depend on chunk boundaries.
 */
import type { Toolset } from "../../domain/Chat.ts"
import * as Forms from "../forms/Forms.ts"
import {
  begun,
  CALL_END,
  CR,
  isBlank,
  isPlain,
  LESS,
  LF,
  RESPONSE,
  SQUARE,
  THINK,
  THINK_END,
  TICK,
  TILDE
} from "../forms/Markup.ts"
import * as ToolCalls from "../tools/ToolCalls.ts"
import * as ToolCatalog from "../tools/ToolCatalog.ts"
import * as CallOutput from "./CallOutput.ts"
import * as CodeSpan from "./CodeSpan.ts"
import * as Ending from "./Ending.ts"
import * as FenceHold from "./FenceHold.ts"
import * as OpenCall from "./OpenCall.ts"
import * as PendingText from "./PendingText.ts"

export interface Options {
  readonly toolset: Toolset
  readonly newId?: () => string
  readonly maxCalls?: number
  /** Max characters of a call without its frame; a longer one is text. */
  readonly maxBody?: number
}

export interface Out extends CallOutput.Receiver {
  readonly text: (text: string) => void
}

export interface ToolScanner {
  readonly push: (text: string) => void
  /** `cut`: a limit ended the text, so an incomplete call is text. */
  readonly end: (cut: boolean) => void
}

/** Max characters of names and markers around a body. */
const FRAME = 4096
/** After this many fences with examples of calls, every fence is text. */
const MAX_HOLDS = 8

export const make = (options: Options, out: Out): ToolScanner => {
  const { maxBody = 1 << 20, maxCalls = 32, newId = ToolCalls.newId, toolset } = options
  const catalog = ToolCatalog.make(toolset)
  const maxLength = maxBody + FRAME
  const code = CodeSpan.make()
  const pending = PendingText.make(out.text)
  const limit = toolset.parallel ? maxCalls : 1
  const output = CallOutput.make({ catalog, limit, maxLength, pending, out, reset: code.reset })
  const { isHeld, say } = output

  let mode: "text" | "through" | "call" | "fence" | "done" | "off" = catalog.isActive ? "text" : "off"
  let tag = ""
  let markers: ReadonlyArray<string> = Forms.IN_LINE
  /** The marker is at the start of a line, or right after a call. */
  let isFirst = false
  let call: OpenCall.OpenCall | undefined
  let ending = Ending.make(THINK_END)
  let fence: FenceHold.FenceHold | undefined
  let failedHolds = 0
  /** Budget of characters that may be rescanned after calls without an end; once spent, the rest is text. */
  let spare = 4 * maxLength
  let mayHold = true

  const begin = (form: Forms.Form, atLine: boolean) =>
    OpenCall.newBlock({ form, atLine, maxLength: output.room() }, catalog)
  const found = (outcomes: ReadonlyArray<ToolCalls.Outcome>, raw: string, isCertain: boolean) => {
    output.found(outcomes, raw, isCertain)
    mode = output.state()
  }

  const whole = (open: OpenCall.OpenCall) => {
    const outcomes = open.outcomes()
    if (outcomes === undefined) {
      mode = "text"
      say(open.written())
    } else found(outcomes, open.written(), open.isCertain(outcomes))
  }

  /** Rescans a failed block: its first character is text, the rest is scanned again. */
  const again = (raw: string) => {
    mode = "text"
    say(raw[0]!)
    feed(raw.slice(1))
  }

  const endBlock = (open: OpenCall.OpenCall) => {
    const { block: one, form } = open
    const status = one.status()
    if (open.isBegun()) mode = open.end(status === "over" ? "long" : undefined)
    else if (status === "not") return again(one.raw())
    else if (status === "over") {
      say(one.raw())
      mode = "through"
      ending = Ending.make(form.closer)
      return
    } else whole(open)
    feed(open.rest())
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
    if (marker === CALL_END) return isHeld() ? output.behind(marker) : undefined
    if (marker === RESPONSE) {
      // The model invents the result of its call.
      output.settle()
      mode = output.state()
      if (mode === "done") return
      if (mode === "off" || output.calls() === 0) return say(marker)
      mode = "done"
      return out.full()
    }
    if (marker === THINK) {
      say(THINK)
      mode = "through"
      ending = Ending.make(THINK_END)
      return
    }
    const form = Forms.of(marker)!
    const isPlaced = form === Forms.BLOCK ? isFirst && !pending.endsWithColon() : form.kind !== "bare"
    const block = begin(form, markers !== Forms.IN_LINE)
    call = OpenCall.make({ block, form, isPlaced, catalog, newId, output, live: out.live })
    mode = "call"
  }

  /** Extends a possible marker by one character; false if it is none and the character must be scanned again. */
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
      if (isPlain(unit) && pending.isIdle() && code.isIdle() && !isHeld()) {
        do at++
        while (at < piece.length && isPlain(piece.charCodeAt(at)))
        continue
      }
      if (beginsFence(unit)) {
        say(piece.slice(start, at))
        fence = FenceHold.make({
          mark: unit,
          block: (isBare) => begin(isBare ? Forms.BARE : Forms.BLOCK, true),
          resolve: (one) => ToolCalls.resolve(one, { catalog, newId }),
          maxLength: output.room()
        })
        mode = "fence"
        return at
      }
      mayHold = true
      const zero = code.columnZero()
      const isLineEnd = unit === LF || unit === CR
      if (isHeld() ? isBlank(unit) : isLineEnd || (pending.followsCall() && isBlank(unit))) {
        say(piece.slice(start, at))
        if (unit === LF || isHeld()) code.step(unit)
        if (isHeld()) output.behind(piece[at]!)
        else pending.sayBlank(piece[at]!)
        start = ++at
        continue
      }
      code.step(unit)
      if ((unit === LESS || unit === SQUARE) && !code.inside()) {
        say(piece.slice(start, at))
        start = at
        const isNext = isHeld() || pending.followsCall()
        markers = isNext ? Forms.AFTER_CALL : zero ? Forms.AT_LINE : Forms.IN_LINE
        isFirst = zero || (isNext && !isHeld())
        if (unit === LESS || markers !== Forms.IN_LINE) {
          tag = piece[at]!
          start = ++at
          continue
        }
      }
      at++
      if (!pending.isIdle() || isHeld()) {
        say(piece.slice(start, at))
        start = at
      }
    }
    say(piece.slice(start))
    return at
  }

  /** Passes text through up to and including the marker that ends the state. */
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
        const one = call!
        at = one.read(piece, at)
        if (output.state() === "done") mode = "done"
        else if (one.block.status() !== "open") endBlock(one)
      } else if (mode === "fence") {
        at = fence!.read(piece, at)
        if (!fence!.isOpen()) endFence()
      } else {
        say(piece.slice(at))
        at = piece.length
      }
    }
  }

  const endCall = (open: OpenCall.OpenCall, cut: boolean) => {
    const one = open.block
    if (!open.isBegun() && (cut || one.isVague())) {
      mode = "text"
      return say(one.raw())
    }
    const isWhole = !cut && one.close()
    if (open.isBegun()) mode = open.end(cut ? "cut" : isWhole ? undefined : "unclosed")
    else if (isWhole) whole(open)
    else found([ToolCalls.unclosed(one)], one.raw(), true)
    const rest = isWhole ? open.rest() : ""
    spare -= rest.length
    if (spare < 0 && mode === "text") mode = "off"
    feed(rest)
  }

  return {
    push: (piece) => {
      feed(piece)
      pending.flush()
    },
    end: (cut) => {
      while (mode === "fence" || mode === "call") {
        if (mode === "call") endCall(call!, cut)
        else {
          const outcomes = cut ? undefined : fence!.close()
          if (outcomes === undefined) endFence()
          else found(outcomes, fence!.raw(), true)
        }
      }
      if (mode === "done") return
      const isEnd = tag !== "" && isHeld() && CALL_END.startsWith(tag)
      if (mode === "text" && (cut || !isEnd)) say(tag)
      if (cut) output.release()
      else output.settle()
      if (output.state() === "done") return
      mode = "done"
      pending.end()
    }
  }
}
