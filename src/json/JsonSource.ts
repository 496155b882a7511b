/**
 * Keeps verbatim JSON text if JavaScript numbers would lose precision, so that long ids are not changed.
 */
import { Option } from "effect"
import * as JsonSpan from "./JsonSpan.ts"

/** Whether there are 16 consecutive digits, which may exceed a number's precision. */
export const isDelicate = (text: string): boolean => /\d{16}/.test(text)

const TOKEN = /"[^"\\]*(?:\\.[^"\\]*)*"|-?\d[\d.eE+-]*|\s+/g

/** Valid JSON as JavaScript would write it, but for the numbers that it would change. */
export const compact = (text: string): string =>
  text.replace(TOKEN, (token) => (token.trim() === "" ? "" : isLongNumber(token) ? token : again(token)))

const isLongNumber = (token: string) => token[0] !== '"' && isDelicate(token)
const again = (text: string) => JSON.stringify(JSON.parse(text))

/** The verbatim texts of an object's members; `text` is valid JSON. */
export const members = (text: string): ReadonlyArray<readonly [key: string, source: string]> => {
  let depth = 0
  let name: string | undefined
  let from = -1
  const found: Array<readonly [string, string]> = []
  for (let at = 0; at < text.length; at++) {
    const char = text[at]!
    if (char === '"') {
      const start = at
      at = JsonSpan.endOfString(text, at)
      if (at < 0) return found
      if (depth === 1 && from < 0) name = JSON.parse(text.slice(start, at + 1))
    } else if (char === "{" || char === "[") depth++
    else if (char === ":" && depth === 1) from = at + 1
    else if (depth === 1 && (char === "," || char === "}")) {
      if (name !== undefined && from >= 0) found.push([name, text.slice(from, at).trim()])
      from = -1
      if (char === "}") depth--
    } else if (char === "}" || char === "]") depth--
  }
  return found
}

/** The verbatim text of a member, the last one of that name. */
export const member = (text: string, key: string): string | undefined =>
  members(text).findLast(([name]) => name === key)?.[1]

/** `source`, compact, if it parses to the same value as `text` but has more precision, else `text`. */
export const prefer = (source: string | undefined, text: string): string => {
  if (source === undefined || !isDelicate(source)) return text
  return Option.contains(Option.liftThrowable(again)(source), text) ? compact(source) : text
}
