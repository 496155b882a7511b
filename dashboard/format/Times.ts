/**
 * Times of day as people read them, in the browser's zone, by the server's clock.
 */
import { UNKNOWN } from "./Numbers.ts"

type Known = string | number | null | undefined

const parse = (time: Known): number => (typeof time === "string" ? Date.parse(time) : (time ?? Number.NaN))

const made = new Map<string, Intl.DateTimeFormat>()
const format = (lang: string, options: Intl.DateTimeFormatOptions) => {
  const id = `${lang}${JSON.stringify(options)}`
  let one = made.get(id)
  if (one === undefined) {
    one = new Intl.DateTimeFormat(lang, options)
    made.set(id, one)
  }
  return one
}

const minutes = { hour: "2-digit", minute: "2-digit", hourCycle: "h23" } as const
const day = { day: "numeric", month: "short" } as const

const isSameDay = (a: number, b: number) => new Date(a).toDateString() === new Date(b).toDateString()

/** 14:05 of the day that `now` is in, else 27 Nov 14:05. */
export const clock = (time: Known, now: number, lang: string): string => {
  const at = parse(time)
  if (Number.isNaN(at)) return UNKNOWN
  return isSameDay(at, now) ? format(lang, minutes).format(at) : format(lang, { ...day, ...minutes }).format(at)
}

/** With seconds. */
export const exact = (time: Known, lang: string): string => {
  const at = parse(time)
  return Number.isNaN(at) ? UNKNOWN : format(lang, { ...day, ...minutes, second: "2-digit" }).format(at)
}

export const date = (time: Known, lang: string): string => {
  const at = parse(time)
  return Number.isNaN(at) ? UNKNOWN : format(lang, { ...day, year: "numeric" }).format(at)
}

/** Of an axis. */
export const tick = (at: number, isDays: boolean, lang: string): string =>
  format(lang, isDays ? day : minutes).format(at)

/** How long ago, in milliseconds; undefined if unknown, never negative. */
export const since = (time: Known, now: number): number | undefined => {
  const at = parse(time)
  return Number.isNaN(at) ? undefined : Math.max(0, now - at)
}

/** How far the server's clock is ahead of this one's: added to what `Date.now` says here. */
export const offsetOf = (serverNow: Known, here: number): number => {
  const there = parse(serverNow)
  return Number.isNaN(there) ? 0 : there - here
}
