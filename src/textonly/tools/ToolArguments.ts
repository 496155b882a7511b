/**
 * Parses the arguments of a call, repairs them once, and validates them against the tool's schema.
 */
import { Either } from "effect"
import type { Tool } from "../../domain/Chat.ts"
import * as JsonRepair from "../../json/JsonRepair.ts"
import * as JsonSchemas from "../../json/JsonSchemas.ts"
import * as JsonSource from "../../json/JsonSource.ts"
import * as ParameterType from "./ParameterType.ts"

/** Why arguments are invalid. */
export interface Fault {
  readonly reason: "unparsable" | "invalid_arguments"
  /** For the model: the violated rule and its location, without values. */
  readonly detail: string
  /** The invalid arguments as JSON text, if they are at least an object. */
  readonly arguments: string | undefined
}

type Values = Readonly<Record<string, unknown>>

const isObject = (value: unknown): value is Values =>
  typeof value === "object" && value !== null && !Array.isArray(value)

const unparsable = (detail: string): Fault => ({ reason: "unparsable", detail, arguments: undefined })

const acceptAll: JsonSchemas.Validate = () => []

/** An invalid schema accepts every object; HTTP requests with one are rejected earlier. */
const validatorOf = ({ parameters }: Tool): JsonSchemas.Validate =>
  Either.getOrElse(JsonSchemas.validator(parameters, { coerce: true, prune: true }), () => acceptAll)

const written = (value: unknown): Either.Either<string, Fault> =>
  Either.try({ try: () => JSON.stringify(value), catch: () => unparsable("it is nested too deeply") })

/** `source`: the verbatim text of the value, if it is JSON. */
const validated = (value: Values, tool: Tool, source?: string): Either.Either<string, Fault> => {
  const errors = validatorOf(tool)(value)
  return Either.flatMap(
    Either.map(written(value), (text) => JsonSource.prefer(source, text)),
    (text) =>
      errors.length === 0
        ? Either.right(text)
        : Either.left({ reason: "invalid_arguments", detail: errors.join("; "), arguments: text })
  )
}

const free = (input: unknown): Either.Either<string, Fault> =>
  typeof input === "string"
    ? Either.right(input)
    : Either.left({ reason: "invalid_arguments", detail: 'it needs one text, "input"', arguments: undefined })

/**
 * `value`: the content of `arguments`: an object, a string containing one, or nothing for a tool without parameters.
 * `source`: its verbatim text.
 */
export const fromJson = (value: unknown, tool: Tool, source?: string): Either.Either<string, Fault> => {
  if (tool.kind === "custom") {
    if (typeof value !== "string") return free(isObject(value) ? value["input"] : undefined)
    const inner = Either.getOrUndefined(Either.try(() => JSON.parse(value) as unknown))
    return free(isObject(inner) && typeof inner["input"] === "string" ? inner["input"] : value)
  }
  if (value === undefined || value === null || value === "") return validated({}, tool)
  const parsed = typeof value === "string" ? JsonRepair.parse(value) : Either.right(value)
  if (Either.isLeft(parsed)) return Either.left(unparsable(`the arguments: ${parsed.left}`))
  return isObject(parsed.right)
    ? validated(parsed.right, tool, typeof value === "string" ? value : source)
    : Either.left({ reason: "invalid_arguments", detail: "the arguments must be an object", arguments: undefined })
}

/** The verbatim text matters only for long numbers. */
const sourceOf = (value: unknown, raw: string): string =>
  typeof value !== "string" && JsonSource.isDelicate(raw) ? raw.trim() : JSON.stringify(value)

const kindsOf = (key: string, { parameters: root }: Tool) =>
  ParameterType.kinds(ParameterType.schemaOf(key, root), root)

/** Converts raw texts by key to the types in the schema. */
export const fromXml = (
  parameters: ReadonlyArray<readonly [key: string, value: string]>,
  tool: Tool
): Either.Either<string, Fault> => {
  if (tool.kind === "custom") return free(parameters.find(([key]) => key === "input")?.[1])
  const typed = parameters.map(([key, value]) => [key, ParameterType.read(value, kindsOf(key, tool))] as const)
  const source = parameters.some(([, value]) => JsonSource.isDelicate(value))
    ? typed.map(([key, value], index) => `${JSON.stringify(key)}:${sourceOf(value, parameters[index]![1])}`)
    : []
  // Defines own properties, also for `__proto__`.
  return validated(Object.fromEntries(typed), tool, `{${source.join()}}`)
}

/** True if the schema requires a type other than string for this key, so a truncated value would be invalid. */
export const isTyped = (key: string, tool: Tool): boolean => {
  if (tool.kind === "custom") return false
  const allowed = kindsOf(key, tool)
  return allowed.size > 0 && !allowed.has("string")
}

/** Keywords that make one argument depend on others. */
const JOINT = ["$ref", "$dynamicRef", "allOf", "anyOf", "oneOf", "if", "dependentSchemas", "dependencies"]

/** Whether this argument is independent of the others, so that it can be sent before them. */
export const isAlone = (key: string, { parameters }: Tool): boolean => {
  const properties = parameters["properties"]
  const isDeclared = typeof properties === "object" && properties !== null && Object.hasOwn(properties, key)
  // JavaScript orders index-like keys first.
  return isDeclared && !/^\d+$/.test(key) && !JOINT.some((one) => Object.hasOwn(parameters, one))
}

/** Whether a raw text can be streamed as a string: always, unless it is `null`, or never. */
export const isText = (key: string, tool: Tool): "always" | "unlessNull" | "never" => {
  if (tool.kind === "custom") return "always"
  const allowed = kindsOf(key, tool)
  if (!allowed.has("string") || allowed.size > 2) return "never"
  return allowed.size === 1 ? "always" : allowed.has("null") ? "unlessNull" : "never"
}

/** One argument as `fromXml` would serialize it; undefined if it depends on others. */
export const one = (key: string, raw: string, tool: Tool): string | undefined => {
  const value = ParameterType.read(raw, kindsOf(key, tool))
  if (typeof value !== "string" && JsonSource.isDelicate(raw)) return undefined
  return alone(key, value, tool)
}

/** One argument given as JSON text, likewise; undefined also if it is no sound JSON. */
export const oneJson = (key: string, source: string, tool: Tool): string | undefined => {
  const value = Either.getOrUndefined(Either.try(() => JSON.parse(source) as unknown))
  if (value === undefined || (typeof value !== "string" && JsonSource.isDelicate(source))) return undefined
  return alone(key, value, tool)
}

const alone = (key: string, value: unknown, tool: Tool): string | undefined => {
  const values = Object.fromEntries([[key, value]])
  validatorOf(tool)(values)
  if (!Object.hasOwn(values, key)) return undefined
  return Either.getOrUndefined(Either.map(written(values), (text) => text.slice(JSON.stringify(key).length + 2, -1)))
}

/** All arguments verbatim, without repair or validation. */
export const asWritten = (parameters: ReadonlyArray<readonly [key: string, value: string]>, tool: Tool): string =>
  `{${parameters.map(([key, value]) => `${JSON.stringify(key)}:${one(key, value, tool) ?? value.trim()}`).join()}}`
