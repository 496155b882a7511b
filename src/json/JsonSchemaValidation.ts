/**
 * Interprets JSON Schema, drafts 7 to 2020-12, and counts each step.
 *
 * No code is generated, because Ajv takes 0.2 ms per subschema and unbounded memory for a client's schema:
 * `dependentRequired` with 19,000 names took 4 GB. `$dynamicRef` is treated as `$ref`.
 */

import type { JsonSchema } from "../domain/Chat.ts"
import { isRecord } from "./Json.ts"
import * as Arrays from "./JsonSchemaArrays.ts"
import * as Branches from "./JsonSchemaBranches.ts"
import type { Draft } from "./JsonSchemaCopy.ts"
import * as Objects from "./JsonSchemaObjects.ts"
import type { Resolve } from "./JsonSchemaRefs.ts"
import {
  type Complaint,
  complain,
  type Engine,
  type Keyword,
  newSeen,
  type Run,
  spend,
  type Validate,
  type Work
} from "./JsonSchemaRun.ts"
import * as Values from "./JsonSchemaValues.ts"
import * as Pattern from "./pattern/Pattern.ts"

/** Empty if the value is valid. */
export type Check = (value: unknown, work: Work) => ReadonlyArray<Complaint>

/** Max depth of nested schemas and followed references. */
const MAX_DEPTH = 800

const UNEVALUATED = ["unevaluatedProperties", "unevaluatedItems"]
const SINCE_2019 = new Set([...UNEVALUATED, "dependentRequired", "dependentSchemas"])
const SINCE_2020 = new Set(["prefixItems"])

const usesUnevaluated = (root: JsonSchema): boolean => {
  const open: Array<unknown> = [root]
  while (open.length > 0) {
    const one = open.pop()
    if (typeof one !== "object" || one === null) continue
    if (UNEVALUATED.some((keyword) => Object.hasOwn(one, keyword))) return true
    for (const inner of Object.values(one)) open.push(inner)
  }
  return false
}

/** The check throws a `RangeError` if its step budget runs out. */
export const make = (root: JsonSchema, draft: Draft, resolve: Resolve): Check => {
  const prepared = new Map<JsonSchema, ReadonlyArray<Keyword>>()
  const patterns = new Map<string, Pattern.Pattern>()

  const pattern = (source: string): Pattern.Pattern => {
    const made = patterns.get(source) ?? Pattern.make(source)
    patterns.set(source, made)
    return made
  }

  const validate: Validate = (schema, at, run) => {
    spend(run, 1)
    if (schema === false) return complain(run, at, "false schema", "boolean schema is false", false)
    if (!isRecord(schema)) return true
    const keywords = prepared.get(schema) ?? prepare(schema)
    if (++run.depth > MAX_DEPTH) throw new RangeError("too deep")
    let isValid = true
    for (const keyword of keywords) isValid = keyword(at, run) && isValid
    run.depth--
    return isValid
  }

  const probe: Validate = (schema, at, run) => {
    const before = run.complaints.length
    const isValid = validate(schema, at, run)
    run.complaints.length = before
    return isValid
  }

  const engine: Engine = { draft, resolve, pattern, tracks: draft !== "07" && usesUnevaluated(root), validate, probe }
  const makers = {
    ...Branches.makers(engine),
    ...Values.makers(engine),
    ...Arrays.makers(engine),
    ...Objects.makers(engine)
  }

  const isKnown = (keyword: string): boolean =>
    Object.hasOwn(makers, keyword) &&
    (draft !== "07" || !SINCE_2019.has(keyword)) &&
    (draft === "2020" || !SINCE_2020.has(keyword))

  const prepare = (schema: JsonSchema): ReadonlyArray<Keyword> => {
    const known = Object.keys(schema).filter(isKnown)
    // `unevaluated…` must run after all other keywords.
    const last = known.filter((keyword) => UNEVALUATED.includes(keyword))
    const ordered = [...known.filter((keyword) => !UNEVALUATED.includes(keyword)), ...last]
    const keywords = ordered.flatMap((keyword) => makers[keyword]?.(schema[keyword], schema) ?? [])
    prepared.set(schema, keywords)
    return keywords
  }

  return (value, work) => {
    const run: Run = { work, complaints: [], depth: 0 }
    validate(root, { value, path: undefined, seen: newSeen(engine) }, run)
    return run.complaints
  }
}
