/**
 * When an instance is left out because its turns keep failing, and how it comes back. Pure; time in milliseconds.
 */

export interface Health {
  /** Turns that failed since the last good one. */
  readonly failures: number
  /** When a connection was lost last. */
  readonly lostAt: number
  /** Times it was left out since it last proved well. */
  readonly ejections: number
  /** Left out until then. */
  readonly until: number
  /** A single chat tries an instance whose time is over. */
  readonly probing: boolean
}

/** `lost`: failed because the connection broke, with all others that were on it. */
export type Outcome = "completed" | "failed" | "lost" | "exhausted" | "cancelled"

/** Failures in a row that put an instance out. */
export const tolerated = 5
/** An ejection lasts this long times their number. */
export const ejectionMillis = 30_000
const longest = 10 * ejectionMillis
/** How long an account whose quota is used up rests. */
export const restMillis = 60_000

/** Losses this close together are one. */
const sameLossMillis = 500

export const well: Health = { failures: 0, lostAt: Number.NEGATIVE_INFINITY, ejections: 0, until: 0, probing: false }

export const isEjected = (health: Health, now: number): boolean => health.until > now

/** Its time is over, but it has not proved well yet: one chat at a time. */
export const isOnProbation = (health: Health, now: number): boolean => health.ejections > 0 && !isEjected(health, now)

export const mayServe = (health: Health, now: number): boolean =>
  !isEjected(health, now) && !(isOnProbation(health, now) && health.probing)

/** A chat was sent there. */
export const begun = (health: Health, now: number): Health =>
  isOnProbation(health, now) ? { ...health, probing: true } : health

const eject = (health: Health, now: number, millis: number): Health => ({
  failures: 0,
  lostAt: now,
  ejections: health.ejections + 1,
  until: now + millis,
  probing: false
})

/** A chat there ended. `spare` tells whether the others can do without this instance: the last one is never put out. */
export const ended = (health: Health, outcome: Outcome, now: number, spare: boolean): Health => {
  switch (outcome) {
    case "completed":
      return isEjected(health, now) ? health : well
    case "cancelled": // a client that leaves says nothing about the instance
      return health.probing ? { ...health, probing: false } : health
    case "exhausted":
      return spare && !isEjected(health, now) ? eject(health, now, restMillis) : { ...health, probing: false }
    case "lost":
    case "failed": {
      if (isEjected(health, now)) return health
      if (outcome === "lost") {
        if (now - health.lostAt < sameLossMillis) return health
        return ended({ ...health, lostAt: now }, "failed", now, spare)
      }
      const failures = health.failures + 1
      const out = health.probing || failures >= tolerated
      if (!out || !spare) return { ...health, failures, probing: false }
      return eject(health, now, Math.min(ejectionMillis * (health.ejections + 1), longest))
    }
  }
}
