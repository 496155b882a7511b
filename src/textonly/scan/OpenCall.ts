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
  /** It remains a call even if text follows. */
  readonly isCertain: boolean
  /** Like `CallBlock.read`. */
  readonly read: (text: string, from: number) => number
  /** A part was sent, so it can no longer become text. */
  readonly isBegun: () => boolean
  /** Ends a started call, complete or for the given reason; "done": nothing follows. */
  readonly end: (why: Break | undefined) => ReturnType<CallOutput["state"]>
}

export interface Options extends Pick<OpenCall, "block" | "form" | "isCertain"> {
  readonly catalog: ToolCatalog
  readonly newId: () => string
  readonly output: CallOutput
  readonly live: LiveReceiver | undefined
}

export const newBlock = (
  options: Pick<CallBlock.Options, "atLine" | "form" | "maxLength">,
  { find, mayBecome }: ToolCatalog
): CallBlock.CallBlock => {
  const make = options.form.kind === "json" ? JsonForm.make : CallBlock.make
  return make({ ...options, find, mayBecome })
}

export const make = ({ block, catalog, form, isCertain, live, newId, output }: Options): OpenCall => {
  const stream =
    live === undefined || form !== Forms.BLOCK || !isCertain
      ? undefined
      : CallStream.make({
          block,
          opener: form.opener,
          find: catalog.find,
          newId,
          begin: output.begin,
          delta: live.delta
        })
  return {
    block,
    form,
    isCertain,
    read: (text, from) => {
      const at = block.read(text, from)
      stream?.read(text.slice(from, at))
      return at
    },
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
