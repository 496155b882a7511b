/**
 * Keeps verbatim JSON text if JavaScript numbers would lose precision, so that long ids are not changed.
 */
import { Option } from "effect"

/** Whether there are 16 consecutive digits, which may exceed a number's precision. */
export const isDelicate = (text: string): boolean => /\d{16}/.test(text)

/** The verbatim text of an object's member (the last one of that name); `text` is valid JSON. */
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

/** `source` if it parses to the same value as `text` but has more precision, else `text`. */
export const prefer = (source: string | undefined, text: string): string => {
  if (source === undefined || !isDelicate(source)) return text
  const again = Option.liftThrowable((one: string) => JSON.stringify(JSON.parse(one)))(source)
  return Option.contains(again, text) ? source : text
}
