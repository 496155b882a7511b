/**
 * The call being parsed: its block, and its streamed part.
 */
import * as CallBlock from "../forms/CallBlock.ts"
import * as Forms from "../forms/Forms.ts"
import * as JsonForm from "../forms/JsonForm.ts"
import * as LineEnds from "../forms/LineEnds.ts"
import * as ToolCalls from "../tools/ToolCalls.ts"
import type { ToolCatalog } from "../tools/ToolCatalog.ts"
import type { Break, CallOutput, LiveReceiver } from "./CallOutput.ts"
import * as CallStream from "./CallStream.ts"
import * as JsonStream from "./JsonStream.ts"

export interface OpenCall {
  readonly block: CallBlock.CallBlock
  readonly form: Forms.Form
  /** It remains a call even if text follows: because of where it stands, or because it is long. */
  readonly isCertain: (outcomes: ReadonlyArray<ToolCalls.Outcome>) => boolean
  /** Like `CallBlock.read`. */
  readonly read: (text: string, from: number) => number
  /** What a complete block holds; undefined if it is text. */
  readonly outcomes: () => ReadonlyArray<ToolCalls.Outcome> | undefined
  /** The text of a complete block, and what was read beyond it. */
  readonly written: () => string
  readonly rest: () => string
  /** A part was sent, so it can no longer become text. */
  readonly isBegun: () => boolean
  /** Ends a started call, complete or for the given reason; "done": nothing follows. */
  readonly end: (why: Break | undefined) => ReturnType<CallOutput["state"]>
}

export interface Options extends Pick<OpenCall, "block" | "form"> {
  /** Its place makes it a call, whatever its length and what follows. */
  readonly isPlaced: boolean
  readonly catalog: ToolCatalog
  readonly newId: () => string
  readonly output: CallOutput
  readonly live: LiveReceiver | undefined
}

/** Max characters of an example: one in prose is short, and a longer call is a file being written. */
const MAX_EXAMPLE = 1024

export const newBlock = (
  options: Pick<CallBlock.Options, "atLine" | "form" | "maxLength">,
  { find, mayBecome }: ToolCatalog
): CallBlock.CallBlock => {
  const make = options.form.kind === "json" ? JsonForm.make : CallBlock.make
  return make({ ...options, find, mayBecome })
}

export const make = ({ block, catalog, form, isPlaced, live, newId, output }: Options): OpenCall => {
  const { growth } = block
  const context = { catalog, newId }
  const used = () => (block.status() === "text" ? block.raw().length : block.used())
  const isCertain = () => isPlaced || (growth !== undefined && growth.reach() - form.opener.length > MAX_EXAMPLE)
  /** Number of calls that were completed while the block was read, and whether the others wait for its end. */
  let sent = 0
  let isLast = false
  /** Where the next call of the block may begin, and whether a line before it ended with a bare LF. */
  let start = form.opener.length
  let hasBare = false
  const mayStream = live !== undefined && (form === Forms.BLOCK || form.kind === "bare")
  let stream: CallStream.CallStream | undefined

  /** Begins with the text of the next call, once its form is known. */
  const choose = () => {
    if (!mayStream || growth === undefined || output.state() === "done") return
    const json = growth.jsonAt(sent)
    if (json === undefined && growth.functionAt(sent) === undefined) return
    const common = { find: catalog.find, newId, isCertain, begin: output.begin, delta: live.delta }
    stream =
      json === undefined
        ? CallStream.make({ ...common, growth, index: sent, from: start, hasBare })
        : JsonStream.make(common)
    stream.read(block.raw().slice(json ?? start))
  }

  /** Ends a streamed call within the block, and starts with the next; false if that must wait for the block's end. */
  const next = (): boolean => {
    const to = growth?.endOf(sent)
    if (isLast || to === undefined || stream?.isOpen() !== true) return false
    const text = block.raw()
    const before = text.slice(0, to)
    const piece = growth?.pieceAt(sent)
    const outcome = piece && !LineEnds.isWire(before) ? ToolCalls.resolveOne(piece, context) : undefined
    const call = outcome && stream.end(outcome, piece)
    isLast = call === undefined
    if (call === undefined) return false
    output.end(call)
    sent++
    start = to
    hasBare = LineEnds.hasBare(before)
    stream = undefined
    choose()
    return true
  }

  return {
    block,
    form,
    isCertain: (outcomes) => isPlaced || (isCertain() && ToolCalls.isOfTool(outcomes[0]!)),
    read: (text, from) => {
      const at = block.read(text, from)
      if (stream === undefined) choose()
      else stream.read(text.slice(from, at))
      while (next());
      return at
    },
    outcomes: () => {
      const found = block.status() === "text" ? undefined : ToolCalls.resolve(block, context)
      return !form.own && found?.every(ToolCalls.isUnknown) ? undefined : found
    },
    written: () => block.raw().slice(0, used()),
    rest: () => block.raw().slice(used()),
    isBegun: () => sent > 0 || stream?.isOpen() === true,
    end: (why) => {
      const broken = (why: Break) => {
        live?.broken(why)
        return "done" as const
      }
      if (why !== undefined) return broken(why)
      // All of its calls were sent.
      if (
        sent > 0 &&
        growth?.endOf(sent) === undefined &&
        stream?.isOpen() !== true &&
        growth?.pieceAt(sent) === undefined
      ) {
        return output.state()
      }
      const outcomes = ToolCalls.resolve(block, context).slice(sent)
      if (stream?.isOpen() !== true) output.more(outcomes)
      else {
        const [first, ...others] = outcomes
        const call = first && stream.end(first, block.pieces()[sent])
        if (call === undefined) return broken("unclosed")
        output.end(call)
        if (output.state() === "text") output.more(others)
      }
      return output.state()
    }
  }
}
