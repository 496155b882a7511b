/**
 * The call being parsed: its block, and its streamed part.
 */
import * as CallBlock from "../forms/CallBlock.ts"
import * as Forms from "../forms/Forms.ts"
import * as JsonForm from "../forms/JsonForm.ts"
import * as ToolCalls from "../tools/ToolCalls.ts"
import type { ToolCatalog } from "../tools/ToolCatalog.ts"
import type { Break, CallOutput, LiveReceiver } from "./CallOutput.ts"
import * as CallStream from "./CallStream.ts"

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
  const used = () => (block.status() === "text" ? block.raw().length : block.used())
  const isCertain = () => isPlaced || block.reach() - form.opener.length > MAX_EXAMPLE
  const stream =
    live === undefined || (form !== Forms.BLOCK && form.kind !== "bare")
      ? undefined
      : CallStream.make({
          block,
          opener: form.opener,
          find: catalog.find,
          newId,
          isCertain,
          begin: output.begin,
          delta: live.delta
        })
  return {
    block,
    form,
    isCertain: (outcomes) => isPlaced || (isCertain() && !ToolCalls.isUnknown(outcomes[0]!)),
    read: (text, from) => {
      const at = block.read(text, from)
      stream?.read(text.slice(from, at))
      return at
    },
    outcomes: () => {
      const found = block.status() === "text" ? undefined : ToolCalls.resolve(block, { catalog, newId })
      return !form.own && found?.every(ToolCalls.isUnknown) ? undefined : found
    },
    written: () => block.raw().slice(0, used()),
    rest: () => block.raw().slice(used()),
    isBegun: () => stream?.isOpen() === true,
    end: (why) => {
      const broken = (why: Break) => {
        live?.broken(why)
        return "done" as const
      }
      if (why !== undefined) return broken(why)
      const [first, ...others] = ToolCalls.resolve(block, { catalog, newId })
      const call = first && stream?.end(first)
      if (call === undefined) return broken("unclosed")
      output.end(call, others)
      return output.state()
    }
  }
}
