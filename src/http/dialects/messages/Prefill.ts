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

/** Passes events on; text that repeats the beginning is held until it is whole, and left out then. */
export const strip = (beginning: string, pass: (event: ChatEvent) => void): ((event: ChatEvent) => void) => {
  const expected = beginning.trim()
  let held: string | undefined = expected === "" ? undefined : ""
  const flush = () => {
    const text = held
    held = undefined
    if (text !== undefined && text !== "") pass(textDelta(text))
  }
  return (event) => {
    if (held === undefined || event._tag === "ThoughtDelta" || event._tag === "Usage") return pass(event)
    if (event._tag !== "TextDelta") {
      flush()
      return pass(event)
    }
    held += event.text
    const said = held.trimStart()
    if (said.length < expected.length && expected.startsWith(said)) return
    if (said.startsWith(expected)) held = said.slice(expected.length)
    flush()
  }
}
