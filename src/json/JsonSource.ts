/**
 * JSON as the model wrote it, where JavaScript's numbers would not hold it: long ids must not change on the way.
 */
import { Option } from "effect"

/** Sixteen digits in a row may be more than a number holds. */
export const isDelicate = (text: string): boolean => /\d{16}/.test(text)

/** The text of one member of an object, the last of that name; `text` is valid JSON. */
export const member = (text: string, key: string): string | undefined => {
  let depth = 0
  let name: string | undefined
  let from = -1
  let found: string | undefined
  for (let at = 0; at < text.length; at++) {
    const char = text[at]!
    if (char === '"') {
      const start = at
      for (at++; text[at] !== '"'; at++) if (text[at] === "\\") at++
      if (depth === 1 && from < 0) name = JSON.parse(text.slice(start, at + 1))
    } else if (char === "{" || char === "[") depth++
    else if (char === ":" && depth === 1) from = at + 1
    else if (depth === 1 && (char === "," || char === "}")) {
      if (name === key && from >= 0) found = text.slice(from, at).trim()
      from = -1
      if (char === "}") depth--
    } else if (char === "}" || char === "]") depth--
  }
  return found
}

/** `source` where it says the same as `text` to JavaScript, and more to others. */
export const prefer = (source: string | undefined, text: string): string => {
  if (source === undefined || !isDelicate(source)) return text
  const again = Option.liftThrowable((one: string) => JSON.stringify(JSON.parse(one)))(source)
  return Option.contains(again, text) ? source : text
}
