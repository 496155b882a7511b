/**
 * Extracts numbers from error texts: token counts, seconds to wait, and the reset time of daily quotas.
 */

const figure = (text: string | undefined): number | undefined => {
  const value = text === undefined ? Number.NaN : Number(text.replace(/[,_]/g, ""))
  return Number.isSafeInteger(value) && value > 0 ? value : undefined
}

const first = (text: string, patterns: ReadonlyArray<RegExp>): number | undefined => {
  for (const pattern of patterns) {
    const found = figure(pattern.exec(text)?.[1])
    if (found !== undefined) return found
  }
  return undefined
}

const LIMITS = [
  /maximum context length is ([\d,_]{1,15})/i,
  /input length should be \[\s*\d{1,15}\s*,\s*([\d,_]{1,15})\s*\]/i,
  /> ?([\d,_]{1,15}) (?:tokens )?maximum/i,
  /(?:limit|maximum) (?:is|of) ([\d,_]{1,15})/i
]
const PROMPTS = [/resulted in (?:about )?([\d,_]{1,15})/i, /([\d,_]{1,15}) tokens >/i, /requested ([\d,_]{1,15})/i]

/** Token counts in a "prompt too long" error, if given. */
export const tokensIn = (
  text: string
): { readonly limit: number | undefined; readonly prompt: number | undefined } => ({
  limit: first(text, LIMITS),
  prompt: first(text, PROMPTS)
})

const WAITS = [
  /"?retry_?after_?(?:seconds)?"?\s{0,4}[:=]\s{0,4}"?(\d{1,9})/i,
  /(?:retry|try again) (?:after|in) (\d{1,9})\s?s(?:ec|\b)/i,
  /(\d{1,9})\s?秒后/
]

/** Seconds to wait, if given. */
export const secondsIn = (text: string): number | undefined => first(text, WAITS)

const DAY = 86_400_000
/** Daily quotas reset at midnight UTC+8 (China has no daylight saving time). */
const OFFSET = 8 * 3_600_000

/** The next 00:00 UTC+8, in epoch milliseconds. */
export const nextMidnight = (now: number): number => (Math.floor((now + OFFSET) / DAY) + 1) * DAY - OFFSET
