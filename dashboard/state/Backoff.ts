/**
 * How long to wait before another try: longer each time, never long, and not all pages at once.
 */
const FIRST_MILLIS = 500
const MOST_MILLIS = 5_000

/** `failures` from 1 on; `random` from 0 to 1. */
export const waitMillis = (failures: number, random: number): number =>
  Math.round(Math.min(MOST_MILLIS, FIRST_MILLIS * 2 ** Math.min(failures - 1, 10)) * (0.75 + random / 2))
