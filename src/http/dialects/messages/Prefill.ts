/**
 * Prefill: if the last message is the assistant's, the answer continues it. The model is told to continue, and if it
 * repeats the beginning, the repetition is removed, because the API sends the continuation only.
 */
import { type ChatEvent, type Message, message, textDelta } from "../../../domain/Chat.ts"

const HINT =
  "Your answer has begun already: the assistant's last message below is its beginning. Go on exactly where it ends, and repeat nothing of it."

/** The prefill; empty if there is none. */
export const of = (messages: ReadonlyArray<Message>): string => {
  const last = messages.at(-1)
  return last?.role === "assistant" && last.toolCalls.length === 0 ? last.text : ""
}

/** Adds the hint before the prefill, which stays last. */
export const hinted = (messages: ReadonlyArray<Message>): ReadonlyArray<Message> =>
  of(messages) === "" ? messages : [...messages.slice(0, -1), message("system", HINT), ...messages.slice(-1)]

/** For each piece of text: where the repetition ends in it, -1 if there is none, undefined if more text is needed. */
type Match = (piece: string) => number | undefined

/** Shorter prefills may be repeated on purpose: after `[`, a list of lists continues with `[`. */
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

/** Max number of held characters: blanks and the brace. */
const LONGEST_BLANK = 64

/** After `{`, JSON cannot continue with `{"`. */
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

/** Passes events on; holds text while it repeats the prefill, and drops it once the repetition is complete. */
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
