/**
 * How much of a limit is used, as a bar and in percent. Pure.
 */
export interface Used {
  readonly limit: number
  readonly used: number
}

const LENGTH = 8

/** Nothing shows as empty, and full only what is used up. */
export const of = ({ limit, used }: Used): string => {
  const full = limit <= 0 || used >= limit
  const share = full ? LENGTH : used <= 0 ? 0 : Math.min(LENGTH - 1, Math.max(1, Math.round((used / limit) * LENGTH)))
  return "▇".repeat(share) + "▁".repeat(LENGTH - share)
}

/** What was begun before a limit may go on over it: more than 100 %. */
export const percent = ({ limit, used }: Used): string => {
  if (limit <= 0) return "100 %"
  const share = (used / limit) * 100
  return `${used >= limit ? Math.floor(share) : Math.min(99, share > 0 ? Math.max(1, Math.round(share)) : 0)} %`
}
