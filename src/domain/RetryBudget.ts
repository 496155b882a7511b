/**
 * Limits retries to a fifth of the recent requests, plus a fixed reserve for quiet times.
 */

export interface RetryBudget {
  readonly request: (now: number) => void
  /** Takes one retry; false if none is left. */
  readonly take: (now: number) => boolean
}

/** Sliding window over which requests and retries are counted. */
const WINDOW_MILLIS = 10_000
const SHARE = 0.2
const RESERVE = 10

export const make = (): RetryBudget => {
  const retries: Array<number> = []
  let recent = 0
  const buckets = new Map<number, number>()
  const forget = (now: number) => {
    for (const [second, count] of buckets) {
      if (second * 1000 >= now - WINDOW_MILLIS) break
      buckets.delete(second)
      recent -= count
    }
    while (retries[0] !== undefined && retries[0] < now - WINDOW_MILLIS) retries.shift()
  }
  return {
    request: (now) => {
      const second = Math.floor(now / 1000)
      buckets.set(second, (buckets.get(second) ?? 0) + 1)
      recent++
      forget(now)
    },
    take: (now) => {
      forget(now)
      if (retries.length >= RESERVE + SHARE * recent) return false
      retries.push(now)
      return true
    }
  }
}
