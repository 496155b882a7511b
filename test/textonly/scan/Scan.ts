/** Runs the scanner over a text in pieces and notes what comes out. */
import { assert } from "@effect/vitest"
import type { JsonSchema, Tool, ToolCall, Toolset } from "../../../src/domain/Chat.ts"
import * as ToolScanner from "../../../src/textonly/scan/ToolScanner.ts"

export const tool = (name: string, properties: Record<string, unknown> = {}, more: Partial<Tool> = {}): Tool => ({
  kind: "function",
  name,
  description: undefined,
  parameters: { type: "object", properties } satisfies JsonSchema,
  strict: false,
  ...more
})

export const toolset = (tools: ReadonlyArray<Tool>, more: Partial<Toolset> = {}): Toolset => ({
  tools,
  choice: "auto",
  parallel: true,
  ...more
})

/** Text that was not parted by another event is one. */
export type Event =
  | readonly ["text", string]
  | readonly ["call", name: string, args: string]
  | readonly ["invalid", reason: string, raw: string]
  | readonly ["full"]
  /** A call was begun, and broke. */
  | readonly ["broken", why: string, sent: string]

export interface Live {
  readonly id: string
  readonly name: string
  readonly pieces: Array<string>
  /** As its end says it; "cut" and the like where it has none. */
  end?: ToolCall | string
}

export interface Scan {
  readonly events: ReadonlyArray<Event>
  readonly text: string
  readonly calls: ReadonlyArray<readonly [name: string, args: string]>
  readonly invalid: ReadonlyArray<string>
  /** Each call that came as it was written: its id, the pieces, whether it has an end. */
  readonly live: ReadonlyArray<Live>
  /** Most characters that were in, and not yet out, after a piece. */
  readonly held: number
}

export interface ScanOptions extends Partial<ToolScanner.Options> {
  readonly cut?: boolean
  /** Calls that break their schema are passed on. */
  readonly passOn?: boolean
  /** Calls are taken as they are written. */
  readonly live?: boolean
}

export const scan = (
  pieces: ReadonlyArray<string>,
  tools: Toolset,
  { cut = false, live: isLive = false, passOn = false, ...options }: ScanOptions = {}
): Scan => {
  const events: Array<Event> = []
  const live: Array<Live> = []
  let ids = 0
  let into = 0
  let out = 0
  let held = 0
  const scanner = ToolScanner.make(
    { toolset: tools, newId: () => `call_${ids++}`, ...options },
    {
      text: (text) => {
        out += text.length
        const last = events.at(-1)
        if (last?.[0] === "text") events[events.length - 1] = ["text", last[1] + text]
        else events.push(["text", text])
      },
      call: (call) => events.push(["call", call.name, call.arguments]),
      invalid: (problem) => {
        events.push(["invalid", problem.reason, problem.raw])
        return passOn && problem.call !== undefined
      },
      full: () => events.push(["full"]),
      live: isLive
        ? {
            begin: ({ id, name }) => live.push({ id, name, pieces: [] }),
            delta: (text) => live.at(-1)!.pieces.push(text),
            end: (call) => {
              live.at(-1)!.end = call
              events.push(["call", call.name, call.arguments])
            },
            broken: (why) => {
              const one = live.at(-1)!
              const isOpen = one.end === undefined
              if (isOpen) one.end = why
              events.push(["broken", why, isOpen ? one.pieces.join("") : ""])
            }
          }
        : undefined
    }
  )
  for (const piece of pieces) {
    scanner.push(piece)
    into += piece.length
    held = Math.max(held, into - out)
  }
  scanner.end(cut)
  return {
    events,
    text: events.flatMap((event) => (event[0] === "text" ? [event[1]] : [])).join(""),
    calls: events.flatMap((event) => (event[0] === "call" ? [[event[1], event[2]] as const] : [])),
    invalid: events.flatMap((event) => (event[0] === "invalid" ? [event[1]] : [])),
    live,
    held
  }
}

/** Scans that take calls as they are written: of these tools, where no others are given. */
export const streaming = (tools: Toolset) => {
  /** The pieces of each call are the call as its end says it. */
  const live = (pieces: ReadonlyArray<string>, options: ScanOptions = {}, declared: Toolset = tools): Scan => {
    const found = scan(pieces, declared, { ...options, live: true })
    for (const one of found.live) {
      if (typeof one.end !== "object") continue
      assert.strictEqual(one.pieces.join(""), one.end.arguments, "the pieces are the whole")
      assert.deepStrictEqual([one.end.id, one.end.name], [one.id, one.name])
    }
    return found
  }
  /** At every split; gives what came of single characters. */
  const every = (
    text: string,
    events: ReadonlyArray<Event>,
    options: ScanOptions = {},
    declared: Toolset = tools
  ): Scan => {
    for (let at = 0; at <= text.length; at++) {
      const found = live([text.slice(0, at), text.slice(at)], options, declared)
      assert.deepStrictEqual(found.events, events, `cut at ${at}`)
    }
    const found = live([...text], options, declared)
    assert.deepStrictEqual(found.events, events)
    return found
  }
  /** What the whole form gives, at every split. */
  const same = (text: string, declared: Toolset = tools): Scan =>
    every(text, scan([text], declared).events, {}, declared)
  return { every, live, same }
}

/** The text in pieces that end at the given places. */
export const split = (text: string, places: ReadonlyArray<number>): ReadonlyArray<string> => {
  const ends = [...new Set(places.map((place) => (text.length === 0 ? 0 : place % (text.length + 1))))].sort(
    (a, b) => a - b
  )
  return [...ends, text.length].map((end, index) => text.slice(index === 0 ? 0 : ends[index - 1], end))
}
