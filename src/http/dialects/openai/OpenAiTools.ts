/**
 * Neutral tools and response formats from the parts that OpenAI's dialects share.
 */
import { Either } from "effect"
import type { JsonSchema, OutputFormat, Tool } from "../../../domain/Chat.ts"
import * as JsonSchemas from "../../../json/JsonSchemas.ts"
import * as ToolSchema from "../../../json/ToolSchema.ts"
import * as EitherFn from "../../../runtime/EitherFn.ts"
import * as Errors from "./OpenAiErrors.ts"

type Checked<A> = Either.Either<A, Errors.Failure>
type Maybe<A> = A | null | undefined

export interface WrittenFunction {
  readonly name: string
  readonly description?: Maybe<string>
  readonly parameters?: Maybe<JsonSchema>
  readonly strict?: Maybe<boolean>
}

export interface Grammar {
  readonly syntax: "lark" | "regex"
  readonly definition: string
}

const nothing: JsonSchema = { type: "object", properties: {} }
const freeText: JsonSchema = { type: "object", properties: { input: { type: "string" } }, required: ["input"] }
const syntaxes = { lark: "Lark grammar", regex: "regular expression" }

export const ofFunction = ({ description, name, parameters, strict }: WrittenFunction): Tool => ({
  kind: "function",
  name,
  description: description ?? undefined,
  parameters: parameters ?? nothing,
  strict: strict === true
})

/** Adds a custom tool's grammar to its description: it is told to the model, not enforced. */
const told = (description: Maybe<string>, grammar: Grammar | undefined): string | undefined => {
  if (grammar === undefined) return description ?? undefined
  const rule = `The input must match this ${syntaxes[grammar.syntax]}:\n${grammar.definition}`
  return description ? `${description}\n\n${rule}` : rule
}

export const ofCustom = (
  { description, name }: Pick<WrittenFunction, "name" | "description">,
  grammar: Grammar | undefined
): Tool => ({
  kind: "custom",
  name,
  description: told(description, grammar),
  parameters: freeText,
  strict: false
})

export interface Listed {
  readonly tool: Tool
  /** Path of the tool's object in the request. */
  readonly at: string
}

/**
 * Checks that names are unique, because calls refer to tools by name, and that schemas are valid. `format`: the
 * response's.
 */
export const checked = EitherFn.fn(function* (
  listed: ReadonlyArray<Listed>,
  format: Maybe<JsonSchema>
): EitherFn.Return<ReadonlyArray<Tool>, Errors.Failure> {
  const tools = listed.map(({ tool }) => tool)
  const seen = new Set<string>()
  for (const { at, tool } of listed) {
    if (seen.has(tool.name)) {
      yield* Either.left(Errors.invalid(`${at}.name`, `Invalid '${at}.name': each tool needs a name of its own.`))
    }
    seen.add(tool.name)
  }
  yield* Either.mapLeft(
    ToolSchema.checkAll(
      tools.map(({ parameters }) => parameters),
      format ?? undefined
    ),
    ({ at, why }) => Errors.notParameters(`${listed[at]?.at}.parameters`, why)
  )
  return tools
})

export interface WrittenFormat {
  readonly name: string
  readonly schema?: Maybe<JsonSchema>
  readonly strict?: Maybe<boolean>
}

/** `param`: path of its schema. */
export const ofSchema = ({ name, schema, strict }: WrittenFormat, param: string): Checked<OutputFormat> =>
  Either.mapBoth(JsonSchemas.validator(schema ?? {}), {
    onLeft: (why) => Errors.notSchema(param, why),
    onRight: () => ({ type: "json_schema" as const, name, schema: schema ?? {}, strict: strict === true })
  })
