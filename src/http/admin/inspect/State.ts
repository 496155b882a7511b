/**
 * Whether requests are looked into, as administrators are told.
 */
import { Schema } from "effect"

const described = (description: string) => ({ description })

/** The same as the setting's words; the API loads nothing of what serves. */
export const modes = ["off", "errors", "all"] as const
export const Mode = Schema.Literal(...modes)

export const InspectState = Schema.Struct({
  mode: Mode.annotations(described("Which requests are kept: none, those that fail, or all")),
  key: Schema.NullOr(Schema.String).annotations(described("Only those of the key of this name; null: of all keys")),
  until: Schema.NullOr(Schema.String).annotations(described("When it ends by itself; null: not by itself")),
  by: Schema.String.annotations(described("Who switched it: INSPECT, or an administrator"))
}).annotations({ identifier: "InspectState" })

interface State {
  readonly mode: (typeof modes)[number]
  readonly key: string | undefined
  /** Milliseconds since 1970. */
  readonly until: number | undefined
  readonly by: string
}

export const toState = ({ by, key, mode, until }: State): typeof InspectState.Type => ({
  mode,
  key: key ?? null,
  until: until === undefined ? null : new Date(until).toISOString(),
  by
})
