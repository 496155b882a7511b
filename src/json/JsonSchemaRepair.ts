/**
 * Repairs values based on validation errors: converts strings to the expected type, removes unexpected keys.
 */
import { Option } from "effect"
import type { Complaint } from "./JsonSchemaRun.ts"

export interface Repairs {
  readonly coerce: boolean
  readonly prune: boolean
}

type Holder = Record<string, unknown>

const isHolder = (value: unknown): value is Holder => typeof value === "object" && value !== null

const unescape = (part: string) => part.replaceAll("~1", "/").replaceAll("~0", "~")

/** The container that a JSON pointer refers into, and the key in it. */
const find = (root: unknown, pointer: string): readonly [Holder, string] | undefined => {
  const parts = pointer.split("/").slice(1).map(unescape)
  const key = parts.pop()
  let holder = root
  for (const part of parts) holder = isHolder(holder) && Object.hasOwn(holder, part) ? holder[part] : undefined
  return key !== undefined && isHolder(holder) && Object.hasOwn(holder, key) ? [holder, key] : undefined
}

const isKind = (value: unknown, kind: unknown): boolean => {
  if (kind === "integer") return Number.isSafeInteger(value)
  if (kind === "number") return Number.isFinite(value)
  if (kind === "boolean") return typeof value === "boolean"
  if (kind === "null") return value === null
  if (kind === "array") return Array.isArray(value)
  return kind === "object" && isHolder(value) && !Array.isArray(value)
}

const parse = (text: string): Option.Option<unknown> => {
  const word = text.trim()
  return Option.liftThrowable(JSON.parse)(/^(true|false)$/i.test(word) ? word.toLowerCase() : word)
}

const coerce = (root: unknown, error: Complaint): boolean => {
  const place = find(root, error.instancePath)
  if (place === undefined) return false
  const [holder, key] = place
  const text = holder[key]
  if (typeof text !== "string") return false
  const wanted: unknown = error.params["type"]
  const kinds: ReadonlyArray<unknown> = Array.isArray(wanted) ? wanted : String(wanted).split(",")
  const value = Option.filter(parse(text), (parsed) => kinds.some((kind) => isKind(parsed, kind)))
  if (Option.isNone(value)) return false
  holder[key] = value.value
  return true
}

const prune = (root: unknown, error: Complaint): boolean => {
  const name: unknown = error.params["additionalProperty"] ?? error.params["unevaluatedProperty"]
  const place = typeof name === "string" ? find(root, `${error.instancePath}/${escape(name)}`) : undefined
  if (place === undefined) return false
  delete place[0][place[1]]
  return true
}

const escape = (part: string) => part.replaceAll("~", "~0").replaceAll("/", "~1")

/** True if something was changed. Values inside `anyOf` or `oneOf` are not, because the intended branch is unknown. */
export const apply = (root: unknown, errors: ReadonlyArray<Complaint>, repairs: Repairs): boolean => {
  const choices = new Set(
    errors.filter(({ keyword }) => keyword === "anyOf" || keyword === "oneOf").map(({ instancePath }) => instancePath)
  )
  const isInside = (pointer: string): boolean => {
    if (choices.size === 0) return false
    for (let end = pointer.lastIndexOf("/"); end >= 0; end = pointer.lastIndexOf("/", end - 1)) {
      if (choices.has(pointer.slice(0, end))) return true
      if (end === 0) break
    }
    return false
  }
  let changed = false
  for (const error of errors) {
    const { instancePath, keyword } = error
    if (isInside(instancePath)) continue
    if (repairs.coerce && keyword === "type") changed = coerce(root, error) || changed
    const extra = keyword === "additionalProperties" || keyword === "unevaluatedProperties"
    if (repairs.prune && extra && !choices.has(instancePath)) changed = prune(root, error) || changed
  }
  return changed
}
