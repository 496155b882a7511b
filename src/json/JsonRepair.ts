/**
 * Repairs slightly invalid JSON from models in one pass; the value of a string is never changed.
 *
 * Removes an outer code fence and trailing commas, escapes raw line ends in strings, converts Python literals and
 * quotes, and appends missing closing brackets. A backslash that starts no JSON escape is kept as one, as in Windows
 * paths and regular expressions.
 */
import { Either, Option } from "effect"

const WORD = /[A-Za-z_]/
const LITERALS: Readonly<Record<string, string>> = { True: "true", False: "false", None: "null" }
const FENCE = "```"
const ESCAPE = /\\(?:["\\/bfnrt]|u[0-9A-Fa-f]{4})/y
const MAX_DEPTH = 1000

const escapeControl = (char: string) => JSON.stringify(char).slice(1, -1)

/** Reads the string whose quote is at `from`; returns it as a JSON string, and the offset after it. */
const string = (text: string, from: number): readonly [string, number] | undefined => {
  const quote = text[from]
  const parts: Array<string> = []
  let start = from + 1
  for (let at = start; at < text.length; at++) {
    const char = text[at]!
    if (char === quote) {
      parts.push(text.slice(start, at))
      return [`"${parts.join("")}"`, at + 1]
    }
    let instead: string | undefined
    let width = 1
    if (char === "\\") {
      width = 2
      ESCAPE.lastIndex = at
      if (text[at + 1] === "'") instead = "'"
      else if (!ESCAPE.test(text)) {
        width = 1
        instead = "\\\\"
      }
    } else if (char === '"') instead = '\\"'
    else if (char < " ") instead = escapeControl(char)
    if (instead !== undefined) {
      parts.push(text.slice(start, at), instead)
      start = at + width
    }
    at += width - 1
  }
  return undefined
}

const unfenced = (given: string): string => {
  const text = given.trim()
  const line = text.indexOf("\n")
  if (!text.startsWith(FENCE) || !text.endsWith(FENCE) || line < 0) return text
  return text.slice(line + 1, -FENCE.length)
}

/** The repaired text; undefined if a string has no end or the nesting is too deep. */
export const repair = (given: string): string | undefined => {
  const text = unfenced(given)
  const out: Array<string> = []
  const closers: Array<string> = []
  let comma = -1
  for (let at = 0; at < text.length; ) {
    const char = text[at]!
    if (char === '"' || char === "'") {
      const found = string(text, at)
      if (found === undefined) return undefined
      out.push(found[0])
      at = found[1]
      comma = -1
      continue
    }
    if (WORD.test(char)) {
      let end = at + 1
      while (end < text.length && WORD.test(text[end]!)) end++
      const word = text.slice(at, end)
      out.push(LITERALS[word] ?? word)
      at = end
      comma = -1
      continue
    }
    at++
    if (char === "}" || char === "]") {
      if (comma >= 0) out[comma] = ""
      if (!closers.includes(char)) continue
      for (let closer = closers.pop(); closer !== char; closer = closers.pop()) out.push(closer!)
    } else if (char === "{" || char === "[") {
      if (closers.length === MAX_DEPTH) return undefined
      closers.push(char === "{" ? "}" : "]")
    }
    if (char === ",") comma = out.length
    else if (char.trim() !== "") comma = -1
    out.push(char)
  }
  if (comma >= 0) out[comma] = ""
  return out.join("") + closers.reverse().join("")
}

const json = (text: string): Option.Option<unknown> =>
  Option.liftThrowable((one: string): unknown => JSON.parse(one))(text)

export const isJson = (text: string): boolean => Option.isSome(json(text))

/** Parses JSON, after a repair if needed. Left: the error, without the text. */
export const parse = (text: string): Either.Either<unknown, string> => {
  const strict = Either.try(() => JSON.parse(text) as unknown)
  if (Either.isRight(strict)) return Either.right(strict.right)
  const repaired = repair(text)
  const place = /position (\d+)/.exec(String(strict.left))?.[1]
  return Either.fromOption(
    repaired === undefined ? Option.none() : json(repaired),
    () => `it is not valid JSON${place === undefined ? "" : ` at character ${place}`}`
  )
}
