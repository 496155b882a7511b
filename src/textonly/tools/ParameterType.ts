/**
 * Determines the JSON types that a schema allows for a parameter, and parses raw text as one of them.
 */
import { Either, Option } from "effect"
import type { JsonSchema } from "../../domain/Chat.ts"
import * as JsonRepair from "../../json/JsonRepair.ts"
import { MAX_REFERENCE } from "../../json/JsonSchemaRefs.ts"

export type Kind = "string" | "number" | "integer" | "boolean" | "null" | "object" | "array"

const KINDS = new Set<string>(["string", "number", "integer", "boolean", "null", "object", "array"])
const isKind = (value: unknown): value is Kind => typeof value === "string" && KINDS.has(value)
const isSchema = (value: unknown): value is JsonSchema =>
  typeof value === "object" && value !== null && !Array.isArray(value)

const kindOf = (value: unknown): Kind => {
  if (value === null) return "null"
  if (Array.isArray(value)) return "array"
  if (typeof value === "number") return Number.isInteger(value) ? "integer" : "number"
  return typeof value === "string" ? "string" : typeof value === "boolean" ? "boolean" : "object"
}

const own = (value: unknown, key: string): unknown =>
  typeof value === "object" && value !== null && Object.hasOwn(value, key)
    ? (value as Readonly<Record<string, unknown>>)[key]
    : undefined

/** Resolves a `#/…` reference. */
const follow = (root: JsonSchema, reference: unknown): unknown =>
  typeof reference !== "string" || !reference.startsWith("#/") || reference.length > MAX_REFERENCE
    ? undefined
    : reference
        .slice(2)
        .split("/")
        .reduce<unknown>((at, part) => own(at, part.replaceAll("~1", "/").replaceAll("~0", "~")), root)

/** Max schemas visited per parameter. */
const MAX_LOOKS = 100

/** Empty if the schema does not restrict the type. */
export const kinds = (schema: unknown, root: JsonSchema): ReadonlySet<Kind> => {
  const found = new Set<Kind>()
  const open: Array<unknown> = [schema]
  for (let looks = 0; open.length > 0 && looks < MAX_LOOKS; looks++) {
    const one = open.pop()
    if (!isSchema(one)) continue
    const { allOf, anyOf, enum: values, oneOf, type } = one
    if (isKind(type)) found.add(type)
    else if (Array.isArray(type)) for (const kind of type.filter(isKind)) found.add(kind)
    else if (Array.isArray(values)) for (const value of values) found.add(kindOf(value))
    else if (Object.hasOwn(one, "const")) found.add(kindOf(one["const"]))
    else {
      open.push(follow(root, one["$ref"]))
      for (const several of [anyOf, oneOf, allOf]) if (Array.isArray(several)) open.push(...several)
    }
  }
  return found
}

/** The schema of one argument. */
export const schemaOf = (key: string, root: JsonSchema): unknown => {
  const target = follow(root, root["$ref"])
  const at = isSchema(target) ? target : root
  return own(at["properties"], key) ?? at["additionalProperties"]
}

const CDATA = /^\s*<!\[CDATA\[([\s\S]*)\]\]>\s*$/

/** The parsed value; the text itself if it may be a string, or if nothing else fits. */
export const read = (raw: string, allowed: ReadonlySet<Kind>): unknown => {
  const text = (raw.trimStart().startsWith("<![CDATA[") ? CDATA.exec(raw)?.[1] : undefined) ?? raw
  if (allowed.size === 1 && allowed.has("string")) return text
  const strict = Option.liftThrowable((one: string): unknown => JSON.parse(one))(text)
  if (allowed.size === 0)
    return Option.getOrElse(
      Option.filter(strict, (value) => typeof value !== "string"),
      () => text
    )
  const fits = (value: unknown) => {
    const kind = kindOf(value)
    return kind !== "string" && (allowed.has(kind) || (kind === "integer" && allowed.has("number")))
  }
  if (Option.isSome(strict) && fits(strict.value)) return strict.value
  if (allowed.has("string")) return text
  const repaired = JsonRepair.parse(text)
  return Either.isRight(repaired) && fits(repaired.right) ? repaired.right : text
}
