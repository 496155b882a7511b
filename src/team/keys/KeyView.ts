/**
 * A key as operators see it, by the command line and by `/internal/keys`: never its secret.
 */
import type { Key } from "./Key.ts"

const time = (millis: number | undefined) => (millis === undefined ? null : new Date(millis).toISOString())

export const toView = (key: Key) => ({
  id: key.id,
  name: key.name,
  source: key.source,
  last_four: key.lastFour === "" ? null : key.lastFour,
  tokens_per_day: key.tokensPerDay ?? null,
  requests_per_minute: key.requestsPerMinute ?? null,
  max_in_flight: key.maxInFlight ?? null,
  weight: key.weight,
  models: key.models,
  expires: time(key.expiresAt),
  admin: key.isAdmin,
  created: key.createdAt === 0 ? null : time(key.createdAt),
  last_used: time(key.lastUsedAt)
})

export type KeyView = ReturnType<typeof toView>
