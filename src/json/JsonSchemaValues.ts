/**
 * JSON Schema keywords for a single value: types, numbers, strings and counts.
 */
import { isRecord } from "./Json.ts"
import { complain, type Engine, isText, type Keyword, type Makers, type Run, several, spend } from "./JsonSchemaRun.ts"

/** Canonical JSON: the same text for equal values. */
export const canonical = (value: unknown): string =>
  JSON.stringify(value, (_, one: unknown) =>
    typeof one === "object" && one !== null && !Array.isArray(one)
      ? Object.fromEntries(Object.entries(one).sort(([a], [b]) => (a < b ? -1 : 1)))
      : one
  )

const isKind = (value: unknown, kind: unknown): boolean => {
  switch (kind) {
    case "null":
      return value === null
    case "array":
      return Array.isArray(value)
    case "integer":
      return Number.isInteger(value)
    case "object":
      return typeof value === "object" && value !== null && !Array.isArray(value)
    default:
      return typeof value === kind
  }
}

const isMultiple = (value: number, of: number): boolean => {
  const times = value / of
  return Number.isInteger(times) || (!Number.isFinite(times) && Number.isInteger(of) && value % of === 0)
}

interface Rule {
  readonly holds: (value: number, limit: number) => boolean
  readonly message: (limit: number) => string
}

const ofNumber: Readonly<Record<string, Rule>> = {
  minimum: { holds: (value, limit) => value >= limit, message: (limit) => `must be >= ${limit}` },
  maximum: { holds: (value, limit) => value <= limit, message: (limit) => `must be <= ${limit}` },
  exclusiveMinimum: { holds: (value, limit) => value > limit, message: (limit) => `must be > ${limit}` },
  exclusiveMaximum: { holds: (value, limit) => value < limit, message: (limit) => `must be < ${limit}` },
  multipleOf: { holds: isMultiple, message: (limit) => `must be multiple of ${limit}` }
}

const atLeast = (what: string): Rule => ({
  holds: (value, limit) => value >= limit,
  message: (limit) => `must NOT have fewer than ${limit} ${what}`
})
const atMost = (what: string): Rule => ({
  holds: (value, limit) => value <= limit,
  message: (limit) => `must NOT have more than ${limit} ${what}`
})

/** Rules for string lengths, in code points. */
const ofLength: Readonly<Record<string, Rule>> = {
  minLength: atLeast("characters"),
  maxLength: atMost("characters")
}
const ofItems: Readonly<Record<string, Rule>> = { minItems: atLeast("items"), maxItems: atMost("items") }
const ofProperties: Readonly<Record<string, Rule>> = {
  minProperties: atLeast("properties"),
  maxProperties: atMost("properties")
}

/** Length in code points; a lone surrogate counts as one. */
const lengthOf = (text: string): number => {
  let length = text.length
  for (let i = 0; i < text.length - 1; i++) {
    const unit = text.charCodeAt(i)
    if (unit < 0xd800 || unit > 0xdbff) continue
    const next = text.charCodeAt(i + 1)
    if (next < 0xdc00 || next > 0xdfff) continue
    length--
    i++
  }
  return length
}

type Measure = (value: unknown, run: Run) => number | undefined

const limit =
  (keyword: string, rules: Readonly<Record<string, Rule>>, measure: Measure): Makers[string] =>
  (argument) => {
    const rule = rules[keyword]!
    if (typeof argument !== "number") return undefined
    return (at, run) => {
      const size = measure(at.value, run)
      if (size === undefined || rule.holds(size, argument)) return true
      return complain(run, at, keyword, rule.message(argument), argument)
    }
  }
const limits = (rules: Readonly<Record<string, Rule>>, measure: Measure) =>
  Object.fromEntries(Object.keys(rules).map((keyword) => [keyword, limit(keyword, rules, measure)]))

const among = (keyword: string, values: ReadonlyArray<unknown>, schema: unknown, message: string): Keyword => {
  const plain = new Set(values.filter((value) => typeof value !== "object" || value === null))
  let whole: Set<string> | undefined
  return (at, run) => {
    const { value } = at
    if (typeof value !== "object" || value === null) {
      return plain.has(value) || complain(run, at, keyword, message, schema)
    }
    if (plain.size < values.length) {
      const text = canonical(value)
      spend(run, text.length)
      whole ??= new Set(values.map(canonical))
      if (whole.has(text)) return true
    }
    return complain(run, at, keyword, message, schema)
  }
}

/** Keywords that depend on no other keyword. */
export const makers = ({ pattern: patternOf }: Engine): Makers => ({
  type: (argument, schema) => {
    const kinds = Array.isArray(argument) ? argument : [argument]
    const allowed = schema["nullable"] === true ? [...kinds, "null"] : kinds
    const message = `must be ${kinds.join(",")}`
    return (at, run) =>
      allowed.some((kind) => isKind(at.value, kind)) || complain(run, at, "type", message, argument, { type: argument })
  },
  enum: (argument) => among("enum", several(argument), argument, "must be one of"),
  const: (argument) => among("const", [argument], argument, "must be equal to constant"),
  ...limits(ofNumber, (value) => (typeof value === "number" ? value : undefined)),
  ...limits(ofLength, (value, run) => {
    if (!isText(value)) return undefined
    spend(run, value.length / 16)
    return lengthOf(value)
  }),
  ...limits(ofItems, (value) => (Array.isArray(value) ? value.length : undefined)),
  ...limits(ofProperties, (value, run) => {
    if (!isRecord(value)) return undefined
    const { length } = Object.keys(value)
    spend(run, length)
    return length
  }),
  pattern: (argument) => {
    if (!isText(argument)) return undefined
    const wanted = patternOf(argument)
    return (at, run) =>
      !isText(at.value) ||
      wanted.test(at.value, run.work.patterns) ||
      complain(run, at, "pattern", `must match pattern "${argument}"`, argument)
  }
})
