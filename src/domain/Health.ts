/**
 * When an instance is left out because its turns keep failing, and how it comes back. Pure; time in milliseconds.
 *
 * Each state ends by itself: an instance left out comes on probation, and a failing one counts as ready again after a
 * while, as nobody would send it the chat that proves it well otherwise.
 */

export interface Health {
  /** Turns that failed since the last good one, or since it was left out. */
  readonly failures: number
  /** When the last failure counted. */
  readonly failedAt: number
  /** When a connection was lost last. */
  readonly lostAt: number
  /** Times it was left out since it last proved well. */
  readonly ejections: number
  /** Left out until then. */
  readonly until: number
}

/** `lost`: failed because the connection broke, with all others that were on it. */
export type Outcome = "completed" | "failed" | "lost" | "cancelled"

/** A chat that ended. */
export interface Ended {
  readonly outcome: Outcome
  readonly begunAt: number
  /** Whether the others can do without this instance: the last one is never put out. */
  readonly spare: boolean
}

/** Failures in a row that put an instance out, or make the last one a failing one. */
export const tolerated = 5
/** An ejection lasts this long times their number. */
export const ejectionMillis = 30_000
const longest = 10 * ejectionMillis
/** How long after its last failure the last instance counts as failing. */
export const failingMillis = 30_000

/** Losses this close together are one. */
export const sameLossMillis = 500

const never = Number.NEGATIVE_INFINITY

export const well: Health = { failures: 0, failedAt: never, lostAt: never, ejections: 0, until: 0 }

export const isEjected = (health: Health, now: number): boolean => health.until > now

/** Its time is over, but it has not proved well yet: one chat at a time. */
export const isOnProbation = (health: Health, now: number): boolean => health.ejections > 0 && !isEjected(health, now)

/** It kept failing and was not left out, as no other instance could stand in. */
export const isFailing = (health: Health, now: number): boolean =>
  health.failures >= (health.ejections > 0 ? 1 : tolerated) &&
  !isEjected(health, now) &&
  now - health.failedAt < failingMillis

/**
 * Why no chat is to be sent there now, if so. `trying`: when the chats began that run there on probation; one of this
 * probation is enough. Nothing here remembers that one runs, so nothing can forget that it ended.
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

/** A chat there ended. */
export const ended = (health: Health, { begunAt, outcome, spare }: Ended, now: number): Health => {
  switch (outcome) {
    case "completed":
      // What was on its way when the instance was put out proves nothing; what began since then does.
      return isEjected(health, now) && begunAt <= health.failedAt ? health : well
    case "cancelled": // a client that leaves says nothing about the instance
      return health
    case "lost":
      if (isEjected(health, now) || now - health.lostAt < sameLossMillis) return health
      return ended({ ...health, lostAt: now }, { begunAt, outcome: "failed", spare }, now)
    case "failed": {
      if (isEjected(health, now)) return health
      const failures = health.failures + 1
      const out = isOnProbation(health, now) || failures >= tolerated
      if (!out || !spare) return { ...health, failures, failedAt: now }
      return eject(health, now, Math.min(ejectionMillis * (health.ejections + 1), longest))
    }
  }
}
