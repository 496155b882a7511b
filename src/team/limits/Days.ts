/**
 * Calendar days in a time zone, as moments: days have 23 or 25 hours where a clock is changed.
 */

export interface Day {
  /** Its first moment and that of the next day, in milliseconds since 1970. */
  readonly start: number
  readonly end: number
}

const HOUR = 3_600_000
const MINUTE = 60_000

/** The day of a moment. One is made per zone, and remembers the last day that was asked for. */
export const make = (timeZone: string): ((now: number) => Day) => {
  const format = new Intl.DateTimeFormat("en-CA", { timeZone, year: "numeric", month: "2-digit", day: "2-digit" })
  const nameOf = (at: number) => format.format(at)

  /** The first moment after `at` of another day, to the minute: no zone is off by less. */
  const endOf = (at: number) => {
    const name = nameOf(at)
    let low = Math.floor(at / MINUTE)
    let high = low + (30 * HOUR) / MINUTE
    while (high - low > 1) {
      const middle = Math.floor((low + high) / 2)
      if (nameOf(middle * MINUTE) === name) low = middle
      else high = middle
    }
    return high * MINUTE
  }
  const startOf = (at: number) => {
    const name = nameOf(at)
    let high = Math.floor(at / MINUTE)
    let low = high - (30 * HOUR) / MINUTE
    while (high - low > 1) {
      const middle = Math.floor((low + high) / 2)
      if (nameOf(middle * MINUTE) === name) high = middle
      else low = middle
    }
    return high * MINUTE
  }

  let last: Day = { start: 0, end: 0 }
  return (now) => {
    if (now < last.start || now >= last.end) last = { start: startOf(now), end: endOf(now) }
    return last
  }
}
