/**
 * Server-sent events out of pieces of text, as the standard says; for `fetch`, since `EventSource` sends no key.
 */

export interface SseEvent {
  readonly event: string
  readonly data: string
}

/** The longest event that is taken; a longer one is dropped. */
const LONGEST = 16 * 1024 * 1024

/** `push` hands over the events that a piece completes. */
export const make = (onEvent: (event: SseEvent) => void) => {
  let rest = ""
  let event = ""
  let data: Array<string> = []
  let size = 0

  const line = (text: string) => {
    if (text === "") {
      if (data.length > 0 && size <= LONGEST) onEvent({ event: event || "message", data: data.join("\n") })
      event = ""
      data = []
      size = 0
      return
    }
    const colon = text.indexOf(":")
    if (colon === 0) return
    const name = colon < 0 ? text : text.slice(0, colon)
    const value = colon < 0 ? "" : text.slice(colon + 1).replace(/^ /, "")
    if (name === "event") event = value
    if (name !== "data") return
    size += value.length
    if (size <= LONGEST) data.push(value)
  }

  return {
    push: (piece: string) => {
      rest += piece
      // A \r at the very end may be half of a \r\n.
      const parts = rest.split(/\r\n|\n|\r(?!$)/)
      rest = parts.pop() ?? ""
      if (rest.length > LONGEST) rest = ""
      for (const one of parts) line(one)
    }
  }
}
