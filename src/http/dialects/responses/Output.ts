/**
 * Folds events into output items, and calls a listener when an item begins, grows and ends.
 *
 * Thoughts become reasoning items, text messages, and calls one item each; items never overlap.
 */
import type { ChatEvent, ToolCall } from "../../../domain/Chat.ts"
import * as WellFormed from "../../chat/WellFormed.ts"
import * as Resource from "./Resource.ts"
import * as ClientTools from "./request/ClientTools.ts"
import * as Compaction from "./request/Compaction.ts"
import type { Named, OwnKind } from "./request/Tools.ts"

export type Kind = "text" | "thought"

/** Id and index of an item in the output. */
export interface Place {
  readonly id: string
  readonly index: number
}

export interface Listener {
  readonly began: (item: Resource.OutputItem, place: Place) => void
  /** Text added to the current item. */
  readonly grew: (text: string) => void
  readonly ended: (item: Resource.OutputItem, place: Place) => void
}

export interface OutputOptions {
  /** A new id with this prefix. */
  readonly newId: (prefix: "msg" | "rs" | "fc" | "ctc" | "tsc" | "lsh" | "sh" | "apc" | "cmp") => string
  readonly named: ReadonlyArray<Named>
  readonly listener?: Listener
  /** The whole answer is a summary and becomes one compaction item. */
  readonly compacts?: boolean
}

/** A call in progress; `item` builds its item from the arguments so far. */
interface Call {
  readonly place: Place
  /** Reported only when complete, because its fields depend on the complete arguments. */
  readonly isWhole: boolean
  readonly item: (status: ItemStatus, written: string) => Resource.OutputItem
}

const prefixes = { tool_search: "tsc", local_shell: "lsh", shell: "sh", apply_patch: "apc" } as const

/** Item of a call of a tool that has a type instead of a name. */
const ownItem = (own: OwnKind, called: { readonly id: string; readonly call_id: string }): Call["item"] =>
  own === "tool_search"
    ? (status, written) => ({
        ...called,
        type: "tool_search_call",
        execution: "client",
        status,
        arguments: status === "completed" ? recordOf(written) : {}
      })
    : (status, written) =>
        ClientTools.toItem(own, called, status === "completed" ? status : "in_progress", recordOf(written))

type ItemStatus = "in_progress" | "completed" | "incomplete"

export const textItem = (kind: Kind, id: string, status: ItemStatus, text: string): Resource.OutputItem =>
  kind === "text"
    ? {
        id,
        type: "message",
        status,
        role: "assistant",
        content: status === "in_progress" ? [] : [{ type: "output_text", text, annotations: [], logprobs: [] }]
      }
    : {
        id,
        type: "reasoning",
        status,
        summary: status === "in_progress" ? [] : [{ type: "summary_text", text }]
      }

/** Arguments as an object; empty if they are not one. */
const recordOf = (text: string): Readonly<Record<string, unknown>> => {
  try {
    const value: unknown = JSON.parse(WellFormed.repair(text))
    return typeof value === "object" && value !== null && !Array.isArray(value) ? { ...value } : {}
  } catch {
    return {}
  }
}

export interface Output {
  readonly add: (event: ChatEvent) => void
  /** The items so far; an unfinished one is `incomplete`. */
  readonly items: () => ReadonlyArray<Resource.OutputItem>
}

/** One compaction item at the end; none if the answer was cut, because half a summary would lose context. */
const makeCompaction = ({ listener, newId }: OutputOptions): Output => {
  let summary = ""
  const items: Array<Resource.OutputItem> = []
  return {
    add: (event) => {
      if (event._tag === "TextDelta") summary += event.text
      if (event._tag !== "Finish" || Resource.cutBy(event.reason) !== undefined) return
      const place: Place = { id: newId("cmp"), index: 0 }
      const item = (status: "in_progress" | "completed", content: string): Resource.OutputItem => ({
        id: place.id,
        type: "compaction",
        status,
        encrypted_content: content
      })
      const done = item("completed", Compaction.encode(WellFormed.repair(summary)))
      items.push(done)
      listener?.began(item("in_progress", ""), place)
      listener?.ended(done, place)
    },
    items: () => items
  }
}

export const make = (options: OutputOptions): Output =>
  options.compacts ? makeCompaction(options) : makeUsual(options)

const makeUsual = ({ listener, named, newId }: OutputOptions): Output => {
  const join = WellFormed.joiner<Kind>()
  const byFlat = new Map(named.map((one) => [one.flat, one]))
  const items: Array<Resource.OutputItem> = []
  let open: (Place & { readonly kind: Kind }) | undefined
  let openCall: Call | undefined
  let text = ""

  const begin = (kind: Kind) => {
    open = { kind, id: newId(kind === "text" ? "msg" : "rs"), index: items.length }
    text = ""
    listener?.began(textItem(kind, open.id, "in_progress", ""), open)
  }
  const end = (status: "completed" | "incomplete") => {
    if (open === undefined) return
    const item = textItem(open.kind, open.id, status, text)
    items.push(item)
    listener?.ended(item, open)
    open = undefined
  }
  const grow = (kind: Kind, piece: string) => {
    if (piece === "") return
    if (open?.kind !== kind) {
      end("completed")
      begin(kind)
    }
    text += piece
    listener?.grew(piece)
  }
  const release = () => {
    const held = join.rest()
    if (held !== undefined) grow(held.kind, held.text)
  }
  const say = (kind: Kind, piece: string) => {
    const { before, text: now } = join.add(kind, piece)
    if (before !== undefined) grow(before.kind, before.text)
    grow(kind, now)
  }
  const startCall = (call: Call) => {
    openCall = call
    text = ""
    if (!call.isWhole) listener?.began(call.item("in_progress", ""), call.place)
  }
  const beginCall = ({ id, name: flat }: Pick<ToolCall, "id" | "name">) => {
    release()
    end("completed")
    const one = byFlat.get(flat)
    if (one?.own !== undefined) {
      const place: Place = { id: newId(prefixes[one.own]), index: items.length }
      return startCall({ place, isWhole: true, item: ownItem(one.own, { id: place.id, call_id: id }) })
    }
    const custom = one?.kind === "custom"
    const { name, namespace } = one ?? { name: flat, namespace: undefined }
    const called = { call_id: id, name, ...(namespace === undefined ? {} : { namespace }) }
    const item = (status: ItemStatus, whole: string): Resource.OutputItem =>
      custom
        ? { id: place.id, type: "custom_tool_call", status, ...called, input: whole }
        : { id: place.id, type: "function_call", status, ...called, arguments: whole }
    const place: Place = { id: newId(custom ? "ctc" : "fc"), index: items.length }
    startCall({ place, item, isWhole: false })
  }
  const growCall = (piece: string) => {
    const written = WellFormed.repair(piece)
    text += written
    if (written !== "" && openCall?.isWhole === false) listener?.grew(written)
  }
  const endCall = () => {
    if (openCall === undefined) return
    const { isWhole, item, place } = openCall
    openCall = undefined
    if (isWhole) listener?.began(item("in_progress", text), place)
    const done = item("completed", text)
    items.push(done)
    listener?.ended(done, place)
  }
  /** Unfinished items appear in the response only, without `output_item.done`: agents act on that event. */
  const unfinished = () => {
    if (open !== undefined) return [textItem(open.kind, open.id, "incomplete", text)]
    return openCall === undefined || openCall.isWhole ? [] : [openCall.item("incomplete", text)]
  }

  return {
    add: (event) => {
      switch (event._tag) {
        case "TextDelta":
          return say("text", event.text)
        case "ThoughtDelta":
          return say("thought", event.text)
        case "ToolCall":
          beginCall(event.call)
          growCall(event.call.arguments)
          return endCall()
        case "ToolCallBegin":
          return beginCall(event.call)
        case "ToolCallDelta":
          return growCall(event.text)
        case "ToolCallEnd":
          return endCall()
        case "Usage":
          return
        case "Finish":
          release()
          return end(Resource.cutBy(event.reason) === undefined ? "completed" : "incomplete")
      }
    },
    items: () => [...items, ...unfinished()]
  }
}
