/**
 * From when a report tells: `7d` (days of the calendar, today included), `24h`, or a date.
 */
import { Either } from "effect"
import * as Days from "../../domain/usage/Days.ts"
import * as Rows from "./Rows.ts"

export type Since =
  | { readonly unit: "day"; readonly day: string }
  /** The first of its hours, in milliseconds since 1970. */
  | { readonly unit: "hour"; readonly hour: number }

export const RULE = "must be a number of days such as 7d, of hours such as 24h, or a date such as 2026-11-01"

const tooFar = (hourDays: number) =>
  `must be at most ${hourDays * 24}h, for hours are kept for ${hourDays} days (LEDGER_DAYS); ask for days, which are kept for good`

const MOST_DAYS = 36_500
const HOUR = 3_600_000

/** `hourDays`: hours are kept for so many days. */
export const parse = (
  text: string,
  now: number,
  { days, hourDays }: { readonly days: Days.Days; readonly hourDays: number }
): Either.Either<Since, string> => {
  if (Days.isDay(text)) return Either.right({ unit: "day", day: text })
  const [, digits = "", unit] = /^(\d{1,6})([dh])$/.exec(text) ?? []
  const n = Number(digits)
  if (n < 1 || n > MOST_DAYS) return Either.left(RULE)
  if (unit === "h" && n > hourDays * 24) return Either.left(tooFar(hourDays))
  return Either.right(
    unit === "d"
      ? { unit: "day", day: Days.plus(days.of(now), 1 - n) }
      : { unit: "hour", hour: Rows.hourOf(now - n * HOUR) }
  )
}

/** The first moment of it. */
export const start = (since: Since, days: Days.Days): number =>
  since.unit === "day" ? days.start(since.day) : since.hour
