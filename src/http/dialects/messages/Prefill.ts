/**
 * The beginning of an answer that the client wrote: the last message, where it is the assistant's. The model is told to go
 * on from there, and where it begins anew all the same, what it repeats is taken off: the API answers the rest only.
 */
import { type ChatEvent, type Message, message, textDelta } from "../../../domain/Chat.ts"

const HINT =
  "Your answer has begun already: the assistant's last message below is its beginning. Go on exactly where it ends, and repeat nothing of it."

/** The beginning; "" where there is none. */
export const of = (messages: ReadonlyArray<Message>): string => {
  const last = messages.at(-1)
  return last?.role === "assistant" && last.toolCalls.length === 0 ? last.text : ""
}

/** With the hint before the beginning, so that the beginning stays the last. */
export const hinted = (messages: ReadonlyArray<Message>): ReadonlyArray<Message> =>
  of(messages) === "" ? messages : [...messages.slice(0, -1), message("system", HINT), ...messages.slice(-1)]

/** Of each piece of text: where in it the repetition ends, -1 where there is none, undefined where that is not clear yet. */
type Match = (piece: string) => number | undefined

/** Shorter ones may well be meant: after `[`, a list of lists goes on with `[`. */
const SHORTEST = 8

const wordForWord = (expected: string): Match => {
  let at = 0
  return (piece) => {
    const from = at === 0 ? piece.length - piece.trimStart().length : 0
    const next = piece.slice(from, from + expected.length - at)
    if (!expected.startsWith(next, at)) return -1
    at += next.length
    return at === expected.length ? from + next.length : undefined
  }
}

/** Most characters, blank but for the brace, that are held. */
const LONGEST_BLANK = 64

/** After `{`, no JSON goes on with `{"`. */
const objectAnew = (): Match => {
  let begun = ""
  return (piece) => {
    const before = begun.length
    begun += piece
    const mark = /^\s*\{\s*"/.exec(begun)
    if (mark !== null) return mark[0].length - 1 - before
    return begun.length < LONGEST_BLANK && /^\s*(\{\s*)?$/.test(begun) ? undefined : -1
  }
}

const matchOf = (expected: string): Match | undefined => {
  if (expected === "{") return objectAnew()
  return expected.length < SHORTEST ? undefined : wordForWord(expected)
}

/** Passes events on; text that surely repeats the beginning is held until it is whole, and left out then. */
export const strip = (beginning: string, pass: (event: ChatEvent) => void): ((event: ChatEvent) => void) => {
  let match = matchOf(beginning.trim())
  let held = ""
  const flush = () => {
    match = undefined
    if (held !== "") pass(textDelta(held))
    held = ""
  }
  return (event) => {
    if (match === undefined || event._tag === "ThoughtDelta" || event._tag === "Usage") return pass(event)
    if (event._tag !== "TextDelta") {
      flush()
      return pass(event)
    }
    held += event.text
    const end = match(event.text)
    if (end === undefined) return
    if (end >= 0) held = event.text.slice(end)
    flush()
  }
}
