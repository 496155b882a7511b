/**
 * A client's JSON Schema made fit to be compiled: bounded, of one dialect, and with its references counted.
 */
import { Either } from "effect"
import type { JsonSchema } from "./Chat.ts"

export type Draft = "07" | "2019" | "2020"

export interface Copy {
  readonly schema: JsonSchema
  /** In the order in which they are to be tried. */
  readonly drafts: ReadonlyArray<Draft>
}

/** A keyword of ours that stands beside each reference: schemas can make a validator's work double with each of them. */
export const COUNTED = "x-lingma-counted"

const MAX_NODES = 20_000
/** Each takes the compiler a fifth of a millisecond. */
const MAX_SCHEMAS = 2000
const MAX_DEPTH = 100

/** Keywords whose value is a map of schemas. */
const MAPS = new Set(["properties", "patternProperties", "$defs", "definitions", "dependentSchemas", "dependencies"])
/** Keywords whose value is data, whatever it looks like. */
const DATA = new Set(["const", "enum", "default", "examples", "example", "required", "type"])
const REFERENCES = ["$ref", "$dynamicRef", "$recursiveRef"]

const isRecord = (value: unknown): value is JsonSchema =>
  typeof value === "object" && value !== null && !Array.isArray(value)

const draftsOf = (schema: JsonSchema): ReadonlyArray<Draft> => {
  const named = schema["$schema"]
  if (typeof named !== "string") return ["2020", "07"]
  if (/draft-0[3-7]/.test(named)) return ["07"]
  if (named.includes("2019-09")) return ["2019"]
  return named.includes("2020-12") ? ["2020"] : ["2020", "07"]
}

/** `exclusiveMinimum: true` beside `minimum`, as in draft 4 and OpenAPI 3.0. */
const exclusive = (schema: JsonSchema, name: "Minimum" | "Maximum"): ReadonlyArray<readonly [string, unknown]> => {
  const key = `exclusive${name}`
  const limit = schema[name.toLowerCase()]
  if (schema[key] === true && typeof limit === "number") return [[key, limit]]
  return typeof schema[key] === "boolean" || !Object.hasOwn(schema, key) ? [] : [[key, schema[key]]]
}

/** Names of drafts, async schemas and words that the compiler would take for more than they say. */
const dropped = (schema: JsonSchema, key: string, isRoot: boolean): boolean =>
  key === "$schema" ||
  key === "$async" ||
  key === COUNTED ||
  key === "exclusiveMinimum" ||
  key === "exclusiveMaximum" ||
  (key === "nullable" && (typeof schema[key] !== "boolean" || schema["type"] === undefined)) ||
  (key === "id" && isRoot && typeof schema[key] === "string")

export const make = (original: JsonSchema): Either.Either<Copy, string> => {
  let nodes = 0
  let schemas = 0
  let tooLarge = false

  const each = (value: unknown, depth: number, visit: (one: unknown, depth: number) => unknown): unknown => {
    if (++nodes > MAX_NODES || depth > MAX_DEPTH) tooLarge = true
    if (tooLarge) return true
    if (Array.isArray(value)) return value.map((one) => visit(one, depth + 1))
    if (!isRecord(value)) return value
    return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, visit(one, depth + 1)]))
  }
  const data = (value: unknown, depth: number): unknown => each(value, depth, data)
  const map = (value: unknown, depth: number): unknown => each(value, depth, schema)

  const schema = (value: unknown, depth: number): unknown => {
    if (!isRecord(value)) return each(value, depth, schema)
    if (++nodes > MAX_NODES || ++schemas > MAX_SCHEMAS || depth > MAX_DEPTH) tooLarge = true
    if (tooLarge) return true
    const entries = Object.entries(value)
      .filter(([key]) => !dropped(value, key, depth === 0))
      .map(([key, one]): readonly [string, unknown] => {
        const visit = MAPS.has(key) ? map : DATA.has(key) ? data : schema
        return [key, visit(one, depth + 1)]
      })
    entries.push(...exclusive(value, "Minimum"), ...exclusive(value, "Maximum"))
    if (REFERENCES.some((key) => Object.hasOwn(value, key))) entries.push([COUNTED, true])
    return Object.fromEntries(entries)
  }

  const copied = schema(original, 0)
  if (tooLarge || !isRecord(copied)) return Either.left("the schema is too large or too deep")
  return Either.right({ schema: copied, drafts: draftsOf(original) })
}
