/**
 * Figures as people read them. What is unknown is a dash, never 0.
 */
export const UNKNOWN = "—"

type Known = number | null | undefined

const formats = new Map<string, Intl.NumberFormat>()
/** By the language alone: British English writes a million as 1m, which is a minute here. */
const format = (lang: string, options: Intl.NumberFormatOptions): Intl.NumberFormat => {
  const id = `${lang}${JSON.stringify(options)}`
  let made = formats.get(id)
  if (made === undefined) {
    made = new Intl.NumberFormat(lang.split("-")[0], options)
    formats.set(id, made)
  }
  return made
}

const isKnown = (n: Known): n is number => typeof n === "number" && Number.isFinite(n)

/** In full: 1,204. */
export const whole = (n: Known, lang: string): string =>
  isKnown(n) ? format(lang, { maximumFractionDigits: 0 }).format(n) : UNKNOWN

/** Short from ten thousand on: 8.1M. Chinese counts by ten thousands there. */
export const short = (n: Known, lang: string): string => {
  if (!isKnown(n)) return UNKNOWN
  return Math.abs(n) < 10_000
    ? format(lang, { maximumFractionDigits: Math.abs(n) < 10 ? 1 : 0 }).format(n)
    : format(lang, { notation: "compact", maximumSignificantDigits: 3 }).format(n)
}

/** A part of a whole: 61 %, and < 1 % where 0 would hide that there is some. */
export const share = (part: Known, of: Known, lang: string): string => {
  if (!isKnown(part) || !isKnown(of) || of <= 0) return UNKNOWN
  const ratio = part / of
  if (ratio > 0 && ratio < 0.01) return "< 1 %"
  return `${format(lang, { maximumFractionDigits: 0 }).format(ratio * 100)} %`
}

const SECOND = 1000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR

export interface UnitWords {
  readonly ms: string
  readonly s: string
  readonly min: string
  readonly h: string
  readonly d: string
}

/** A duration by its two largest units: 340 ms, 2.4 s, 3 min 20 s, 3 d 4 h. */
export const duration = (millis: Known, units: UnitWords): string => {
  if (!isKnown(millis)) return UNKNOWN
  const left = Math.max(0, millis)
  if (left < SECOND) return `${Math.round(left)} ${units.ms}`
  if (left < 10 * SECOND) return `${(Math.floor(left / 100) / 10).toFixed(1)} ${units.s}`
  const two = (large: number, small: number, a: string, b: string) => {
    const rest = Math.floor((left % large) / small)
    return rest === 0 ? `${Math.floor(left / large)} ${a}` : `${Math.floor(left / large)} ${a} ${rest} ${b}`
  }
  if (left < MINUTE) return `${Math.floor(left / SECOND)} ${units.s}`
  if (left < HOUR) return two(MINUTE, SECOND, units.min, units.s)
  if (left < DAY) return two(HOUR, MINUTE, units.h, units.min)
  return two(DAY, HOUR, units.d, units.h)
}
