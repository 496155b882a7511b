/**
 * Figures over time, for plots: one value for each step, null where nothing is known of it.
 */
import { Schema } from "effect"

const described = (description: string) => ({ description })

export const ranges = ["3h", "24h", "30d"] as const
export type Range = (typeof ranges)[number]

const Values = Schema.Array(Schema.NullOr(Schema.Number))

export const Plots = Schema.Struct({
  range: Schema.Literal(...ranges),
  step_seconds: Schema.Int,
  at: Schema.Array(Schema.Int).annotations(described("Where steps begin: seconds since 1970")),
  series: Schema.Struct({
    completed: Values,
    failed: Values,
    cancelled: Values,
    rejected: Values,
    first_token_p50_ms: Values.annotations(described("Null also where no answer began")),
    first_token_p95_ms: Values,
    tokens_per_second: Values.annotations(described("Of answers")),
    queued: Values.annotations(described("The most in the step")),
    in_flight: Schema.Array(Schema.Struct({ instance: Schema.String, values: Values })).annotations(
      described("For each instance, the most in the step")
    )
  })
}).annotations({ identifier: "Plots" })
