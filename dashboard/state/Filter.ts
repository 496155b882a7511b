/**
 * Which requests are shown: asked of the gateway, and held against each that ends.
 */
import type { ChatRow } from "../api/Types.ts"

export interface Filter {
  readonly key: string
  readonly model: string
  readonly outcome: string
  readonly instance: string
  readonly id: string
  /** A day of the browser's zone, as 2027-01-31; empty is now. */
  readonly day: string
}

export const noFilter: Filter = { key: "", model: "", outcome: "", instance: "", id: "", day: "" }

export const isEmpty = (filter: Filter): boolean => Object.values(filter).every((value) => value === "")

/** Whether a row that has just ended belongs to what is shown. */
export const matches = (filter: Filter, row: ChatRow): boolean =>
  filter.day === "" &&
  (filter.key === "" || row.key === filter.key) &&
  (filter.model === "" || row.model === filter.model || row.model_asked === filter.model) &&
  (filter.outcome === "" || row.outcome === filter.outcome) &&
  (filter.instance === "" || row.instance === filter.instance) &&
  (filter.id === "" || row.request_id.includes(filter.id) || row.id.includes(filter.id))

/** A day as its first moment and the one after it; undefined where it is none. */
export const dayOf = (text: string): { readonly since: string; readonly until: string } | undefined => {
  const [, year, month, day] = (/^(\d{4})-(\d\d)-(\d\d)$/.exec(text) ?? []).map(Number)
  if (year === undefined || month === undefined || day === undefined) return undefined
  const at = (more: number) => new Date(year, month - 1, day + more).toISOString()
  return { since: at(0), until: at(1) }
}

/** As the gateway takes it. */
export const queryOf = ({ day, ...rest }: Filter): Readonly<Record<string, string | undefined>> => ({
  ...Object.fromEntries(Object.entries(rest).map(([name, value]) => [name, value === "" ? undefined : value])),
  ...dayOf(day)
})
