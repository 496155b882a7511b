/**
 * Copies a client's JSON Schema in normalized form, with limits on its size.
 */

import { Either } from "effect"
import type { JsonSchema } from "../domain/Chat.ts"
import { isRecord } from "./Json.ts"

export type Draft = "07" | "2019" | "2020"

export interface Copy {
  readonly schema: JsonSchema
  /** Drafts to try, in order. */
  readonly drafts: ReadonlyArray<Draft>
  readonly patterns: ReadonlySet<string>
}

/** Max JSON values in one schema; processing them takes about 15 ms. */
const MAX_NODES = 10_000
const MAX_DEPTH = 100
/** Max characters of all names and strings: half the prompt of a large model. */
const MAX_TEXT = 1 << 20

/** Limits on patterns, per schema and for all schemas of a request together. */
export const patternLimits = {
  /** Max distinct patterns; a client with a hundred tools has about a dozen. */
  count: 256,
  /** Max total characters. */
  text: 1 << 15
}

/** Keywords whose value is a map of schemas. */
const MAPS = new Set(["properties", "patternProperties", "$defs", "definitions", "dependentSchemas", "dependencies"])
/** Keywords whose value is data, not a schema. */
const DATA = new Set(["const", "enum", "default", "examples", "example", "required", "type"])

export const isMap = (key: string): boolean => MAPS.has(key)
export const isData = (key: string): boolean => DATA.has(key)

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

/** Keywords to drop: draft names, async schemas, and keywords that Ajv would interpret differently. */
const dropped = (schema: JsonSchema, key: string, isRoot: boolean): boolean =>
  key === "$schema" ||
  key === "$async" ||
  key === "exclusiveMinimum" ||
  key === "exclusiveMaximum" ||
  (key === "nullable" && (typeof schema[key] !== "boolean" || schema["type"] === undefined)) ||
  (key === "id" && isRoot && typeof schema[key] === "string")

export const make = (original: JsonSchema): Either.Either<Copy, string> => {
  let nodes = 0
  let text = 0
  let wrong: string | undefined
  const patterns = new Set<string>()
  let patternText = 0

  const isOver = (value: unknown, depth: number): boolean => {
    if (typeof value === "string") text += value.length
    if (++nodes > MAX_NODES || text > MAX_TEXT || depth > MAX_DEPTH) wrong ??= "the schema is too large or too deep"
    return wrong !== undefined
  }
  const pattern = (source: unknown) => {
    if (typeof source !== "string" || patterns.has(source)) return
    patterns.add(source)
    patternText += source.length
    if (patterns.size > patternLimits.count || patternText > patternLimits.text)
      wrong ??= "its patterns are too many or too long together"
  }

  const each = (value: unknown, depth: number, visit: (one: unknown, depth: number) => unknown): unknown => {
    if (isOver(value, depth)) return true
    if (Array.isArray(value)) return value.map((one) => visit(one, depth + 1))
    if (!isRecord(value)) return value
    return Object.fromEntries(
      Object.entries(value).map(([key, one]) => {
        text += key.length
        return [key, visit(one, depth + 1)]
      })
    )
  }
  const data = (value: unknown, depth: number): unknown => each(value, depth, data)
  const map = (value: unknown, depth: number): unknown => each(value, depth, schema)

  const schema = (value: unknown, depth: number): unknown => {
    if (!isRecord(value)) return each(value, depth, schema)
    if (isOver(value, depth)) return true
    pattern(value["pattern"])
    if (isRecord(value["patternProperties"])) for (const key of Object.keys(value["patternProperties"])) pattern(key)
    const entries = Object.entries(value)
      .filter(([key]) => !dropped(value, key, depth === 0))
      .map(([key, one]): readonly [string, unknown] => {
        text += key.length
        const visit = MAPS.has(key) ? map : DATA.has(key) ? data : schema
        return [key, visit(one, depth + 1)]
      })
    entries.push(...exclusive(value, "Minimum"), ...exclusive(value, "Maximum"))
    return Object.fromEntries(entries)
  }

  const copied = schema(original, 0)
  if (wrong !== undefined || !isRecord(copied)) return Either.left(wrong ?? "it is none")
  return Either.right({ schema: copied, drafts: draftsOf(original), patterns })
}
