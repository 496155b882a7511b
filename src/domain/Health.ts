/**
 * Outlier ejection: when an instance is taken out of routing because its turns keep failing, and how it returns. Pure;
 * times in milliseconds of the monotonic clock.
 *
 * No state is final: an ejected instance goes on probation, and a failing one counts as ready again after a while,
 * because it would never get the chat that proves it healthy otherwise.
 */

export interface Health {
  /** Consecutive failures since the last success or ejection. */
  readonly failures: number
  /** Time of the last counted failure. */
  readonly failedAt: number
  /** Time of the last lost connection. */
  readonly lostAt: number
  /** Ejections since the last success. */
  readonly ejections: number
  /** Ejected until this time. */
  readonly until: number
}

/** `lost`: failed because the connection broke; all chats on that connection end this way. */
export type Outcome = "completed" | "failed" | "lost" | "cancelled"

/** A finished chat. */
export interface Ended {
  readonly outcome: Outcome
  readonly begunAt: number
  /** Whether another instance is available: the last one is never ejected. */
  readonly spare: boolean
}

/** Consecutive failures that eject an instance, or mark the last available one as failing. */
export const TOLERATED = 5
/** Base ejection time; the n-th consecutive ejection lasts n times as long. */
export const EJECTION_MILLIS = 30_000
const LONGEST = 10 * EJECTION_MILLIS
/** How long an instance that could not be ejected counts as failing after its last failure. */
export const FAILING_MILLIS = 30_000

/** Lost chats within this time count as one failure. */
export const SAME_LOSS_MILLIS = 500

const never = Number.NEGATIVE_INFINITY

export const well: Health = { failures: 0, failedAt: never, lostAt: never, ejections: 0, until: 0 }

export const isEjected = (health: Health, now: number): boolean => health.until > now

/** The ejection is over, but no chat has succeeded since: one chat at a time is sent. */
export const isOnProbation = (health: Health, now: number): boolean => health.ejections > 0 && !isEjected(health, now)

/** It keeps failing but was not ejected, because no other instance was available. */
export const isFailing = (health: Health, now: number): boolean =>
  health.failures >= (health.ejections > 0 ? 1 : TOLERATED) &&
  !isEjected(health, now) &&
  now - health.failedAt < FAILING_MILLIS

/**
 * Why the instance should get no chat now; undefined if it may. `trying`: start times of the chats running there; one
 * started in this probation is enough. Derived from the running chats, so no flag can be left set when one ends.
 */
export const why = (
  health: Health,
  now: number,
  trying: Iterable<number>
): "ejected" | "failing" | "probing" | undefined => {
  if (isEjected(health, now)) return "ejected"
  if (isFailing(health, now)) return "failing"
  if (!isOnProbation(health, now)) return undefined
  for (const begunAt of trying) if (begunAt >= health.until) return "probing"
  return undefined
}

const eject = (health: Health, now: number, millis: number): Health => ({
  failures: 0,
  failedAt: now,
  lostAt: now,
  ejections: health.ejections + 1,
  until: now + millis
})

/** The state after a chat ended there. */
export const ended = (health: Health, { begunAt, outcome, spare }: Ended, now: number): Health => {
  switch (outcome) {
    case "completed":
      // A chat that began before the ejection proves nothing; one that began after it does.
      return isEjected(health, now) && begunAt <= health.failedAt ? health : well
    case "cancelled": // A client that disconnects says nothing about the instance.
      return health
    case "lost":
      if (isEjected(health, now) || now - health.lostAt < SAME_LOSS_MILLIS) return health
      return ended({ ...health, lostAt: now }, { begunAt, outcome: "failed", spare }, now)
    case "failed": {
      if (isEjected(health, now)) return health
      const failures = health.failures + 1
      const out = isOnProbation(health, now) || failures >= TOLERATED
      if (!out || !spare) return { ...health, failures, failedAt: now }
      return eject(health, now, Math.min(EJECTION_MILLIS * (health.ejections + 1), LONGEST))
    }
  }
}
