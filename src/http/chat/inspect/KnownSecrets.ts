/**
 * The secrets of the settings, to be masked as they stand in what is kept of requests.
 */
import { Option, Redacted } from "effect"
import { fields } from "../../../config/Config.ts"
import { derive } from "../../../config/LiveSettings.ts"

/** Beyond it a search would take too long; the key of the request itself is always among them. */
const MOST = 200

const of = (value: unknown): ReadonlyArray<string> => {
  if (Redacted.isRedacted(value)) {
    const secret = Redacted.value(value)
    return typeof secret === "string" ? [secret] : []
  }
  if (Option.isOption(value)) return Option.isSome(value) ? of(value.value) : []
  if (Array.isArray(value)) return value.flatMap(of)
  return typeof value === "object" && value !== null ? Object.values(value).flatMap(of) : []
}

export const known = derive((settings) =>
  fields
    .filter(([, { secret }]) => secret)
    .flatMap(([field]) => of(settings[field]))
    .slice(0, MOST)
)
