/**
 * Validators for clients' JSON Schemas, with bounded time and memory for any schema.
 */
import { createHash } from "node:crypto"
import { Ajv, type Options as AjvOptions, type KeywordDefinition } from "ajv"
import { Ajv2019 } from "ajv/dist/2019.js"
import { Ajv2020 } from "ajv/dist/2020.js"
import { Either } from "effect"
import type { JsonSchema } from "../domain/Chat.ts"
import * as EitherFn from "../runtime/EitherFn.ts"
import { Lru } from "../runtime/Lru.ts"
import * as JsonSchemaCopy from "./JsonSchemaCopy.ts"
import * as JsonSchemaRefs from "./JsonSchemaRefs.ts"
import * as JsonSchemaRepair from "./JsonSchemaRepair.ts"
import type { Complaint, Work } from "./JsonSchemaRun.ts"
import * as JsonSchemaValidation from "./JsonSchemaValidation.ts"
import * as JsonSchemaValues from "./JsonSchemaValues.ts"
import * as Pattern from "./pattern/Pattern.ts"

/** Returns up to five errors, worded for a model; empty if the value is valid. */
export type Validate = (value: unknown) => ReadonlyArray<string>

export interface Options {
  /** Converts strings to the expected type in place: `"3"` to 3, `"true"` to true, `"[1]"` to [1]. */
  readonly coerce?: boolean
  /** Removes keys that `additionalProperties: false` forbids, in place. */
  readonly prune?: boolean
}

const CLASSES = { "07": Ajv, "2019": Ajv2019, "2020": Ajv2020 }
/** Base step budget of one validation, about 50 ns per step; it grows with the size of the value. */
const STEPS = 100_000
const STEPS_PER_MEMBER = 8
/** Base step budget of all patterns in one validation. */
const PATTERN_STEPS = 100_000
const PATTERN_STEPS_PER_CHARACTER = 2
const MAX_ROUNDS = 4
const MAX_ERRORS = 5
const MAX_CHECKED = 1024

// Ajv's own is quadratic, and draft 7's meta-schema uses it for `enum`.
const uniqueItems: KeywordDefinition = {
  keyword: "uniqueItems",
  type: "array",
  schemaType: "boolean",
  error: { message: "must not have equal items" },
  validate: (wanted: boolean, items: ReadonlyArray<unknown>) =>
    !wanted || new Set(items.map(JsonSchemaValues.canonical)).size === items.length
}

const common: AjvOptions = { strict: false, logger: false, validateFormats: false, ownProperties: true }

/** Ajv instances with the meta-schemas only, to check clients' schemas; nothing of a client is retained. */
const readers: Partial<Record<JsonSchemaCopy.Draft, Ajv>> = {}

/** Why it is not a valid schema of that draft. */
const complaint = (draft: JsonSchemaCopy.Draft, schema: JsonSchema): string | undefined => {
  readers[draft] ??= new CLASSES[draft](common).removeKeyword("uniqueItems").addKeyword(uniqueItems)
  const reader = readers[draft]
  if (reader.validateSchema(schema) === true) return undefined
  const [first] = reader.errors ?? []
  reader.errors = null // the errors reference the schema
  return `${first?.instancePath || "/"} ${first?.message ?? "is not a schema"}`.slice(0, 200)
}

/** Number of members of a value, and characters of its strings. */
const size = (value: unknown): { readonly members: number; readonly text: number } => {
  let members = 0
  let text = 0
  const open = [value]
  while (open.length > 0) {
    const one = open.pop()
    members++
    if (typeof one === "string") text += one.length
    if (Array.isArray(one)) for (const inner of one) open.push(inner)
    else if (typeof one === "object" && one !== null) {
      for (const [key, inner] of Object.entries(one)) {
        text += key.length
        open.push(inner)
      }
    }
  }
  return { members, text }
}

const allowance = (value: unknown): Work => {
  const { members, text } = size(value)
  return {
    left: STEPS + STEPS_PER_MEMBER * members + text / 2,
    patterns: { left: PATTERN_STEPS + PATTERN_STEPS_PER_CHARACTER * text }
  }
}

const short = (value: unknown) => {
  const text = JSON.stringify(Array.isArray(value) ? value.slice(0, 50) : value) ?? ""
  return text.length > 100 ? `${text.slice(0, 100)}…` : text
}

const explain = ({ instancePath, keyword, message, params, schema }: Complaint): string => {
  const place = instancePath === "" ? "the value" : instancePath
  if (keyword === "enum" && Array.isArray(schema)) return `${place} must be one of ${short(schema).slice(1, -1)}`
  if (keyword === "const") return `${place} must be ${short(schema)}`
  if (keyword === "additionalProperties" && schema === false) {
    return `${place} must not have ${short(params["additionalProperty"])}`
  }
  return `${place} ${message}`
}

const told = (errors: ReadonlyArray<Complaint>): ReadonlyArray<string> =>
  [...new Set(errors.slice(0, 50).map((error) => explain(error).slice(0, 300)))].slice(0, MAX_ERRORS)

const why = (error: unknown): string => (error instanceof Error ? error.message.slice(0, 200) : "it is not a schema")

/** The first draft in which the schema is valid. Left: the error of the first draft tried. */
const draftOf = ({ drafts, schema }: JsonSchemaCopy.Copy): Either.Either<JsonSchemaCopy.Draft, string> => {
  let first: string | undefined
  for (const draft of drafts) {
    const wrong = complaint(draft, schema)
    if (wrong === undefined) return Either.right(draft)
    first ??= wrong
  }
  return Either.left(first ?? "it is not a schema")
}

const build = EitherFn.fn(function* (
  original: JsonSchema,
  { coerce = false, prune = false }: Options
): EitherFn.Return<Validate, string> {
  const copy = yield* JsonSchemaCopy.make(original)
  const draft = yield* draftOf(copy)
  const refs = JsonSchemaRefs.make(copy.schema)
  const dangling = refs.dangling(false)
  if (dangling !== undefined) yield* Either.left(`can't resolve reference ${dangling.slice(0, 100)}`)
  yield* Either.try({ try: () => [...copy.patterns].map(Pattern.make), catch: why })
  const check = JsonSchemaValidation.make(copy.schema, draft, refs.resolve)

  const repaired = (value: unknown): ReadonlyArray<Complaint> => {
    const work = allowance(value)
    for (let round = 1; ; round++) {
      const errors = check(value, work)
      const isDone = errors.length === 0 || !(coerce || prune) || round === MAX_ROUNDS
      if (isDone || !JsonSchemaRepair.apply(value, errors, { coerce, prune })) return errors
    }
  }
  return (value: unknown) =>
    Either.match(
      Either.try(() => repaired(value)),
      { onLeft: () => ["the value is too large or too deep to be checked"], onRight: told }
    )
})

type Built = Map<string, Either.Either<Validate, string>>

/** Cached as long as the schema is referenced, i.e. for its request. */
const validators = new WeakMap<JsonSchema, Built>()

/** Left: why the schema is invalid. */
export const validator = (schema: JsonSchema, options: Options = {}): Either.Either<Validate, string> => {
  const kind = `${options.coerce === true}${options.prune === true}`
  const known: Built = validators.get(schema) ?? new Map()
  const made = known.get(kind) ?? build(schema, options)
  validators.set(schema, known.set(kind, made))
  return made
}

/** By a digest of the schema, so that entries are small. */
const verdicts = new Lru<string, Either.Either<void, string>>(MAX_CHECKED)

const verdict = (schema: JsonSchema): Either.Either<void, string> =>
  Either.flatMap(JsonSchemaCopy.make(schema), (copy) =>
    Either.flatMap(draftOf(copy), () =>
      JsonSchemaRefs.make(copy.schema).dangling(true) === undefined
        ? Either.void
        : Either.left("a reference of it leads nowhere")
    )
  )

/** Checks the schema against its draft's meta-schema. Left: why it is invalid. */
export const check = (schema: JsonSchema): Either.Either<void, string> => {
  const text = Either.try({ try: () => JSON.stringify(schema), catch: why })
  if (Either.isLeft(text)) return Either.left("the schema is too large or too deep")
  const key = createHash("sha256").update(text.right).digest("base64")
  return verdicts.getOrMake(key, () => verdict(schema))
}
