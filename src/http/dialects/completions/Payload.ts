/**
 * The body of a text completion request: every field with its type and limits.
 *
 * Lenient on purpose: optional fields may be `null`, and unknown ones are ignored.
 */
import { Schema } from "effect"
import { atMost, counts, Label, listOf, Stop } from "../../chat/TextLimits.ts"

const opt = <A, I>(schema: Schema.Schema<A, I>) => Schema.optional(Schema.NullOr(schema))
const between = (min: number, max: number) => Schema.Number.pipe(Schema.between(min, max))
// Beyond the safe integers too: a seed may be any int64.
const Whole = Schema.Number.pipe(Schema.filter(Number.isInteger, { jsonSchema: { type: "integer" } }))
const integer = (min: number, max: number) => Whole.pipe(Schema.between(min, max))

/** Max number of items per request. */
export const limits = { prompt: 1, stop: 4 } as const

// Anything but one text is refused later with a clear message, which a schema could not give.
const Prompt = Schema.Union(
  Schema.String,
  listOf(Schema.String, counts.parts),
  listOf(Whole, counts.parts),
  listOf(listOf(Whole, counts.parts), counts.parts)
)

export const CompletionRequest = Schema.Struct({
  model: atMost(256).pipe(Schema.minLength(1)),
  prompt: Prompt,
  suffix: opt(Schema.String),
  echo: opt(Schema.Boolean),
  stream: opt(Schema.Boolean),
  stream_options: opt(Schema.Struct({ include_usage: opt(Schema.Boolean), include_obfuscation: opt(Schema.Boolean) })),
  stop: opt(Schema.Union(Stop, Schema.Array(Stop).pipe(Schema.minItems(1), Schema.maxItems(limits.stop)))),
  max_tokens: opt(integer(1, Number.MAX_SAFE_INTEGER)),
  n: opt(integer(1, 128)),
  best_of: opt(integer(1, 20)),
  logprobs: opt(integer(0, 5)),
  temperature: opt(between(0, 2)),
  top_p: opt(between(0, 1)),
  frequency_penalty: opt(between(-2, 2)),
  presence_penalty: opt(between(-2, 2)),
  logit_bias: opt(
    Schema.Record({ key: Schema.String, value: integer(-100, 100) }).pipe(
      Schema.filter((pairs) => Object.keys(pairs).length <= counts.bias, { jsonSchema: { maxProperties: counts.bias } })
    )
  ),
  seed: opt(Whole),
  user: opt(Label)
}).annotations({ identifier: "CompletionRequest" })
export type CompletionRequest = typeof CompletionRequest.Type
