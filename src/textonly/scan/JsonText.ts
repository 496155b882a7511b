/**
 * Decodes a streamed JSON string as `JsonRepair` does: a backslash that begins no escape is one, and so is what line
 * ends and quotes of the other kind stand for.
 */

export interface JsonText {
  /** Consumes `text` from `from`, after the opening quote, up to its closing one; returns the offset of the rest. */
  readonly read: (text: string, from: number) => number
  readonly isOpen: () => boolean
  /** What was decoded since the last call. */
  readonly take: () => string
}

const QUOTE = '"'
const ESCAPES: Readonly<Record<string, string>> = {
  ...{ '"': '"', "\\": "\\", "/": "/", "'": "'" },
  ...{ b: "\b", f: "\f", n: "\n", r: "\r", t: "\t" }
}
const HEX = /^[0-9A-Fa-f]$/
/** Plain characters up to a quote or a backslash. */
const PLAIN = /[^"\\]*/y

export const make = (): JsonText => {
  let isOpen = true
  let ready = ""
  /** An escape that is incomplete, its backslash included. */
  let escape = ""

  /** One character of an escape; false if it is none, and must be read as text. */
  const escaped = (char: string): boolean => {
    if (escape === "\\" && char !== "u") {
      const found = ESCAPES[char]
      ready += found ?? "\\"
      escape = ""
      return found !== undefined
    }
    if (escape !== "\\" && !HEX.test(char)) {
      ready += escape
      escape = ""
      return false
    }
    escape += char
    if (escape.length === 6) {
      ready += String.fromCharCode(Number.parseInt(escape.slice(2), 16))
      escape = ""
    }
    return true
  }

  return {
    read: (text, from) => {
      let at = from
      while (at < text.length && isOpen) {
        if (escape !== "") {
          if (escaped(text[at]!)) at++
          continue
        }
        PLAIN.lastIndex = at
        const plain = PLAIN.exec(text)?.[0] ?? ""
        ready += plain
        at += plain.length
        const char = text[at]
        if (char === QUOTE) isOpen = false
        else if (char !== undefined) escape = char
        if (char !== undefined) at++
      }
      return at
    },
    isOpen: () => isOpen,
    take: () => {
      const text = ready
      ready = ""
      return text
    }
  }
}
