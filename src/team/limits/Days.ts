/**
 * Calendar days in a time zone, as moments: days have 23 or 25 hours where a clock is changed.
 */
import * as Days from "../../domain/usage/Days.ts"

export interface Day {
  /** Its first moment and that of the next day, in milliseconds since 1970. */
  readonly start: number
  readonly end: number
}

/** The day of a moment. One is made per zone, and remembers the last day that was asked for. */
export const make = (timeZone: string): ((now: number) => Day) => {
  const days = Days.make(timeZone)
  let last: Day = { start: 0, end: 0 }
  return (now) => {
    if (now < last.start || now >= last.end) {
      const name = days.of(now)
      last = { start: days.start(name), end: days.start(Days.plus(name, 1)) }
    }
    return last
  }
}
