/**
 * A key's limits as texts of a form, and back as the API takes them.
 */
import type { Key } from "../api/Types.ts"

export interface KeyForm {
  readonly name: string
  readonly tokensPerDay: string
  readonly requestsPerMinute: string
  readonly maxInFlight: string
  readonly weight: string
  readonly models: string
  /** A day, as 2027-01-31. */
  readonly expires: string
  readonly isAdmin: boolean
}

export const emptyForm: KeyForm = {
  name: "",
  tokensPerDay: "",
  requestsPerMinute: "",
  maxInFlight: "",
  weight: "1",
  models: "",
  expires: "",
  isAdmin: false
}

const text = (n: number | null) => (n === null ? "" : String(n))

export const ofKey = (key: Key): KeyForm => ({
  name: key.name,
  tokensPerDay: text(key.tokens_per_day),
  requestsPerMinute: text(key.requests_per_minute),
  maxInFlight: text(key.max_in_flight),
  weight: String(key.weight),
  models: key.models.join(", "),
  expires: key.expires?.slice(0, 10) ?? "",
  isAdmin: key.admin
})

const number = (given: string) => (given.trim() === "" ? null : Number(given))

/** Of a changed key only what differs: an end at a time of day stays as it is unless its day is changed. */
export const toChanges = (form: KeyForm, before: KeyForm = emptyForm): Readonly<Record<string, unknown>> => {
  const all = {
    tokensPerDay: { tokens_per_day: number(form.tokensPerDay) },
    requestsPerMinute: { requests_per_minute: number(form.requestsPerMinute) },
    maxInFlight: { max_in_flight: number(form.maxInFlight) },
    weight: { weight: number(form.weight) ?? 1 },
    models: {
      models: form.models
        .split(",")
        .map((one) => one.trim())
        .filter((one) => one !== "")
    },
    expires: { expires: form.expires === "" ? null : form.expires },
    isAdmin: { admin: form.isAdmin }
  }
  return Object.assign(
    {},
    ...Object.entries(all).map(([field, change]) =>
      form[field as keyof KeyForm] === before[field as keyof KeyForm] ? {} : change
    )
  )
}
