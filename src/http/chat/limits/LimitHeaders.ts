/**
 * What clients read of a key's limits, in the headers that they know.
 */
import type { Left, Standings } from "../../../team/limits/Limits.ts"

type Headers = Readonly<Record<string, string>>

export type LimitHeaders = (standings: Standings, now: number) => Headers

/** As in `6m0s`, `8.5s` or `20ms`. */
export const duration = (millis: number): string => {
  if (millis < 1000) return `${Math.ceil(millis)}ms`
  const seconds = Math.ceil(millis / 1000)
  const [h, m, s] = [Math.floor(seconds / 3600), Math.floor((seconds % 3600) / 60), seconds % 60]
  return h > 0 ? `${h}h${m}m${s}s` : m > 0 ? `${m}m${s}s` : `${s}s`
}

const each = ({ requests, tokens }: Standings, name: (what: string, left: Left) => Headers): Headers => ({
  ...(requests === undefined ? {} : name("requests", requests)),
  ...(tokens === undefined ? {} : name("tokens", tokens))
})

export const openai: LimitHeaders = (standings) =>
  each(standings, (what, { limit, remaining, reset }) => ({
    [`x-ratelimit-limit-${what}`]: String(limit),
    [`x-ratelimit-remaining-${what}`]: String(remaining),
    [`x-ratelimit-reset-${what}`]: duration(reset)
  }))

export const anthropic: LimitHeaders = (standings, now) =>
  each(standings, (what, { limit, remaining, reset }) => ({
    [`anthropic-ratelimit-${what}-limit`]: String(limit),
    [`anthropic-ratelimit-${what}-remaining`]: String(remaining),
    [`anthropic-ratelimit-${what}-reset`]: `${new Date(now + reset).toISOString().slice(0, 19)}Z`
  }))
