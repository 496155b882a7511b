/**
 * State of a running validation: its step budget, its errors, and what keywords share.
 */
import type { JsonSchema } from "../domain/Chat.ts"
import type { Draft } from "./JsonSchemaCopy.ts"
import type { Resolve } from "./JsonSchemaRefs.ts"
import type * as Pattern from "./pattern/Pattern.ts"

/** A validation error, worded like Ajv's, which models know. */
export interface Complaint {
  /** A JSON pointer. */
  readonly instancePath: string
  readonly keyword: string
  readonly message: string
  readonly params: Readonly<Record<string, unknown>>
  /** The keyword's value. */
  readonly schema: unknown
}

export interface Work {
  /** Remaining steps; below zero the validation throws a `RangeError`. */
  left: number
  readonly patterns: Pattern.Work
}

/** The path to a value, innermost key first. */
export interface Path {
  readonly up: Path | undefined
  readonly key: string | number
}

/** Members and items that were evaluated, for `unevaluated…`. */
export interface Seen {
  readonly keys: Set<string>
  readonly items: Set<number>
}

export interface Run {
  readonly work: Work
  readonly complaints: Array<Complaint>
  depth: number
}

export interface At {
  readonly value: unknown
  readonly path: Path | undefined
  /** Undefined if no keyword needs it. */
  readonly seen: Seen | undefined
}

export type Keyword = (at: At, run: Run) => boolean
/** Compiles a keyword from its value and its schema; undefined if it has no effect. */
export type Maker = (argument: unknown, schema: JsonSchema) => Keyword | undefined
export type Makers = Readonly<Record<string, Maker>>
export type Values = Readonly<Record<string, unknown>>
export type Validate = (schema: unknown, at: At, run: Run) => boolean

/** Functions that keywords are compiled with. */
export interface Engine {
  readonly draft: Draft
  readonly resolve: Resolve
  readonly pattern: (source: string) => Pattern.Pattern
  /** Whether evaluated members must be tracked. */
  readonly tracks: boolean
  readonly validate: Validate
  /** Validates without collecting errors. */
  readonly probe: Validate
}

/** Cost of an error in steps, because it allocates memory. */
const COST_OF_COMPLAINT = 20

export const isText = (value: unknown): value is string => typeof value === "string"
export const several = (value: unknown): ReadonlyArray<unknown> => (Array.isArray(value) ? value : [])

export const spend = (run: Run, steps: number): void => {
  run.work.left -= steps
  if (run.work.left < 0) throw new RangeError("too much work")
}

export const newSeen = (engine: Pick<Engine, "tracks">): Seen | undefined =>
  engine.tracks ? { keys: new Set(), items: new Set() } : undefined

const pointer = (path: Path | undefined): string => {
  const parts: Array<string> = []
  for (let at = path; at !== undefined; at = at.up) {
    parts.push(String(at.key).replaceAll("~", "~0").replaceAll("/", "~1"))
  }
  return parts.length === 0 ? "" : `/${parts.reverse().join("/")}`
}

/** Adds an error and returns false. */
export const complain = (
  run: Run,
  at: At,
  keyword: string,
  message: string,
  schema: unknown,
  params: Values = {}
): false => {
  const instancePath = pointer(at.path)
  spend(run, COST_OF_COMPLAINT + instancePath.length / 8)
  run.complaints.push({ instancePath, keyword, message, params, schema })
  return false
}

/** Validates a branch; what it evaluated counts only if it is valid. */
export const branch = (how: Validate, schema: unknown, at: At, run: Run): boolean => {
  const { seen } = at
  if (seen === undefined) return how(schema, at, run)
  const own: Seen = { keys: new Set(), items: new Set() }
  if (!how(schema, { ...at, seen: own }, run)) return false
  spend(run, own.keys.size + own.items.size)
  for (const key of own.keys) seen.keys.add(key)
  for (const item of own.items) seen.items.add(item)
  return true
}
