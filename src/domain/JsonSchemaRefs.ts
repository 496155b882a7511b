/**
 * References of a schema into itself that lead nowhere.
 */
import type { JsonSchema } from "./Chat.ts"
import { COUNTED } from "./JsonSchemaCopy.ts"

const isRecord = (value: unknown): value is JsonSchema => typeof value === "object" && value !== null

const unescape = (part: string): string => {
  const text = part.replaceAll("~1", "/").replaceAll("~0", "~")
  return /%[0-9a-f]{2}/i.test(text) && !/%(?![0-9a-f]{2})/i.test(text) ? decodeURI(text) : text
}

const leads = (root: unknown, pointer: string): boolean => {
  let here = root
  for (const part of pointer.split("/").slice(1).map(unescape)) {
    if (!isRecord(here) || !Object.hasOwn(here, part)) return false
    here = here[part]
  }
  return true
}

/**
 * The first pointer that names nothing, of a copy as `JsonSchemaCopy` makes it. With names of its own inside a schema a
 * pointer may count from there, and nothing is said.
 */
export const dangling = (root: JsonSchema): string | undefined => {
  const open: Array<unknown> = [root]
  const pointers = new Set<string>()
  while (open.length > 0) {
    const one = open.pop()
    if (!isRecord(one)) continue
    if (one !== root && typeof one["$id"] === "string") return undefined
    const ref = one["$ref"]
    if (Object.hasOwn(one, COUNTED) && typeof ref === "string" && ref.startsWith("#/")) pointers.add(ref)
    for (const inner of Object.values(one)) open.push(inner)
  }
  return [...pointers].find((pointer) => !leads(root, pointer))
}
