/**
 * Calendar days of a time zone, as dates such as 2026-11-28, which compare as texts do.
 */

export interface Days {
  readonly zone: string
  /** The day of a moment, in milliseconds since 1970. */
  readonly of: (millis: number) => string
  /** The first moment of a day. */
  readonly start: (day: string) => number
}

const DAY = 86_400_000
/** Clocks of all zones change, and their days begin, at a quarter of an hour. */
const QUARTER = 900_000
/** No zone is further from UTC. */
const FURTHEST = 15 * 3_600_000

/** The day so many days later, or earlier. */
export const plus = (day: string, days: number): string =>
  new Date(Date.parse(day) + days * DAY).toISOString().slice(0, 10)

/** Whether it is a day of the calendar, written as one. */
export const isDay = (text: string): boolean => {
  if (!/^\d{4}-\d{2}-\d{2}$/.test(text)) return false
  const at = Date.parse(text)
  return !Number.isNaN(at) && new Date(at).toISOString().startsWith(text)
}

export const make = (zone: string): Days => {
  const format = new Intl.DateTimeFormat("en-CA", { timeZone: zone, year: "numeric", month: "2-digit", day: "2-digit" })
  let quarter = Number.NaN
  let day = ""
  return {
    zone,
    of: (millis) => {
      const asked = Math.floor(millis / QUARTER)
      if (asked !== quarter) {
        quarter = asked
        day = format.format(asked * QUARTER)
      }
      return day
    },
    start: (day) => {
      const utc = Date.parse(day)
      let before = Math.floor((utc - FURTHEST) / QUARTER)
      let after = Math.floor((utc + FURTHEST) / QUARTER)
      while (after - before > 1) {
        const middle = Math.floor((before + after) / 2)
        if (format.format(middle * QUARTER) < day) before = middle
        else after = middle
      }
      return after * QUARTER
    }
  }
}
