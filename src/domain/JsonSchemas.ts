/**
 * JSON Schemas of clients as validators, compiled once each, with bounded work however the schema is made.
 */
import { Ajv, type Options as AjvOptions, type ErrorObject, type KeywordDefinition, type ValidateFunction } from "ajv"
import { Ajv2019 } from "ajv/dist/2019.js"
import { Ajv2020 } from "ajv/dist/2020.js"
import { Either } from "effect"
import type { JsonSchema } from "./Chat.ts"
import * as JsonSchemaCopy from "./JsonSchemaCopy.ts"
import * as JsonSchemaRefs from "./JsonSchemaRefs.ts"
import * as JsonSchemaRepair from "./JsonSchemaRepair.ts"
import * as Pattern from "./Pattern.ts"

/** What is wrong with a value, in words for a model, at most five; none: it is valid. */
export type Validate = (value: unknown) => ReadonlyArray<string>

export interface Options {
  /** A text where another kind is wanted becomes that kind, in place: `"3"` 3, `"true"` true, `"[1]"` [1]. */
  readonly coerce?: boolean
  /** Keys that `additionalProperties: false` forbids are removed, in place. */
  readonly prune?: boolean
}

const CLASSES = { "07": Ajv, "2019": Ajv2019, "2020": Ajv2020 }
/** Members of the schema times members of the value: above it only the first thing that is wrong is looked for. */
const MAX_DETAIL = 500_000
/** The same: above it nothing is. */
const MAX_WORK = 2_000_000_000
/** References followed times members of the schema; each may leave a complaint. */
const MAX_FOLLOWED = 4_000_000
const MAX_ROUNDS = 4
const MAX_ERRORS = 5
const MAX_CACHED = 256
const MAX_CHECKED = 1024
const MAX_CACHED_LENGTH = 64 * 1024

/** References that the validation under way may still follow. */
let steps = 0
const step = (): boolean => {
  if (--steps < 0) throw new RangeError("too many references")
  return true
}

/** The same text for equal values. */
const canonical = (value: unknown): string =>
  JSON.stringify(value, (_, one: unknown) =>
    typeof one === "object" && one !== null && !Array.isArray(one)
      ? Object.fromEntries(Object.entries(one).sort(([a], [b]) => (a < b ? -1 : 1)))
      : one
  )

const counted: KeywordDefinition = { keyword: JsonSchemaCopy.COUNTED, schema: false, validate: step }
// The compiler's own compare each with each.
const uniqueItems: KeywordDefinition = {
  keyword: "uniqueItems",
  type: "array",
  schemaType: "boolean",
  error: { message: "must not have equal items" },
  validate: (wanted: boolean, items: ReadonlyArray<unknown>) =>
    !wanted || new Set(items.map(canonical)).size === items.length
}
const oneOfThese: KeywordDefinition = {
  keyword: "enum",
  schemaType: "array",
  error: { message: "must be one of" },
  compile: (values: ReadonlyArray<unknown>) => {
    const allowed = new Set(values.map(canonical))
    return (value: unknown) => allowed.has(canonical(value))
  }
}

const common: AjvOptions = {
  strict: false,
  logger: false,
  verbose: true,
  validateFormats: false,
  inlineRefs: false,
  ownProperties: true,
  // Compiling takes a third of the time without.
  code: { regExp: Pattern.engine, optimize: false }
}

/** They tell whether a schema is one; they hold the schemas of schemas and nothing of a client. */
const readers: Partial<Record<JsonSchemaCopy.Draft, Ajv>> = {}

/** What makes it no schema of that draft. */
const complaint = (draft: JsonSchemaCopy.Draft, schema: JsonSchema): string | undefined => {
  readers[draft] ??= new CLASSES[draft](common)
  const reader = readers[draft]
  if (reader.validateSchema(schema) === true) return undefined
  const [first] = reader.errors ?? []
  reader.errors = null // they hold the schema
  return `${first?.instancePath || "/"} ${first?.message ?? "is not a schema"}`.slice(0, 200)
}

const compileFor = (draft: JsonSchemaCopy.Draft, schema: JsonSchema, allErrors: boolean): ValidateFunction => {
  const Class = CLASSES[draft]
  const wrong = complaint(draft, schema)
  if (wrong !== undefined) throw new TypeError(wrong)
  // A compiler keeps all that it ever compiled, so each schema has one of its own.
  const compiler = new Class({ ...common, meta: false, validateSchema: false, allErrors })
  for (const keyword of [uniqueItems, oneOfThese]) compiler.removeKeyword(String(keyword.keyword)).addKeyword(keyword)
  return compiler.addKeyword(counted).compile(schema)
}

const compile = (copy: JsonSchemaCopy.Copy, allErrors: boolean): Either.Either<ValidateFunction, string> => {
  const tries = copy.drafts.map((draft) =>
    Either.try({
      try: () => compileFor(draft, copy.schema, allErrors),
      catch: (error) => (error instanceof Error ? error.message.slice(0, 200) : "it does not compile")
    })
  )
  return tries.find(Either.isRight) ?? tries[0]!
}

const size = (value: unknown): number => {
  let count = 0
  const open = [value]
  while (open.length > 0) {
    const one = open.pop()
    count++
    if (typeof one === "object" && one !== null) for (const inner of Object.values(one)) open.push(inner)
  }
  return count
}

const short = (value: unknown) => {
  const text = JSON.stringify(value) ?? ""
  return text.length > 100 ? `${text.slice(0, 100)}…` : text
}

const explain = ({ instancePath, keyword, message, params, schema }: ErrorObject): string => {
  const place = instancePath === "" ? "the value" : instancePath
  if (keyword === "enum" && Array.isArray(schema)) return `${place} must be one of ${short(schema).slice(1, -1)}`
  if (keyword === "const") return `${place} must be ${short(schema)}`
  if (keyword === "additionalProperties") return `${place} must not have ${short(params["additionalProperty"])}`
  return `${place} ${message ?? "is not valid"}`
}

const told = (errors: ReadonlyArray<ErrorObject>): ReadonlyArray<string> =>
  [...new Set(errors.slice(0, 50).map((error) => explain(error).slice(0, 300)))].slice(0, MAX_ERRORS)

const build = (schema: JsonSchema, options: Options): Either.Either<Validate, string> =>
  Either.flatMap(JsonSchemaCopy.make(schema), (copy) => {
    const nodes = size(copy.schema)
    const limit = Math.min(50_000, Math.ceil(MAX_FOLLOWED / nodes))
    const repairs = { coerce: options.coerce ?? false, prune: options.prune ?? false }
    let brief: ValidateFunction | undefined

    const check = (full: ValidateFunction, value: unknown): ReadonlyArray<ErrorObject> => {
      const work = nodes * size(value)
      if (work > MAX_WORK) throw new RangeError("too large")
      if (work > MAX_DETAIL) brief ??= Either.getOrThrowWith(compile(copy, false), (why) => new RangeError(why))
      const validate = work > MAX_DETAIL && brief !== undefined ? brief : full
      steps = limit
      const valid = validate(value)
      const errors = validate.errors ?? []
      validate.errors = null // they hold the value
      return valid ? [] : errors
    }

    const repaired = (full: ValidateFunction, value: unknown): ReadonlyArray<ErrorObject> => {
      for (let round = 1; ; round++) {
        const errors = check(full, value)
        if (errors.length === 0 || round === MAX_ROUNDS || !JsonSchemaRepair.apply(value, errors, repairs))
          return errors
      }
    }

    return Either.map(
      compile(copy, true),
      (full): Validate =>
        (value) =>
          Either.match(
            Either.try(() => repaired(full, value)),
            { onLeft: () => ["the value is too large or too deep to be checked"], onRight: told }
          )
    )
  })

/** Remembers what was made of a schema, by its text. */
const cached = <A>(most: number) => {
  const cache = new Map<string, A>()
  return (schema: JsonSchema, kind: string, make: () => A): A => {
    const text = Either.getOrElse(
      Either.try(() => JSON.stringify(schema)),
      () => ""
    )
    const key = kind + text
    const made = cache.get(key) ?? make()
    if (text === "" || text.length > MAX_CACHED_LENGTH) return made
    // The one that was used last goes last.
    cache.delete(key)
    cache.set(key, made)
    if (cache.size > most) cache.delete(cache.keys().next().value!)
    return made
  }
}

const validators = cached<Either.Either<Validate, string>>(MAX_CACHED)

/** Left: why the schema is none. */
export const validator = (schema: JsonSchema, options: Options = {}): Either.Either<Validate, string> =>
  validators(schema, `${options.coerce === true}${options.prune === true}`, () => build(schema, options))

const verdicts = cached<Either.Either<void, string>>(MAX_CHECKED)

/** Whether it is a schema by the rules of its draft, for a tenth of what a validator costs. Left: why it is none. */
export const check = (schema: JsonSchema): Either.Either<void, string> =>
  verdicts(schema, "", () =>
    Either.flatMap(JsonSchemaCopy.make(schema), (copy) => {
      const complaints = copy.drafts.map((draft) => complaint(draft, copy.schema))
      if (!complaints.includes(undefined)) return Either.left(complaints[0]!)
      return JsonSchemaRefs.dangling(copy.schema) === undefined
        ? Either.void
        : Either.left("a reference of it leads nowhere")
    })
  )
