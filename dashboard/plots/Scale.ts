/**
 * Where a value lies in a plot, and which values its axes name.
 */

export interface Span {
  readonly from: number
  readonly to: number
}

/** Rounded up so that the ticks are 1, 2 or 5 times a power of ten; at least 1 high. */
export const ticksOf = (most: number, about = 4): ReadonlyArray<number> => {
  const top = Number.isFinite(most) && most > 0 ? most : 1
  const rough = top / about
  const power = 10 ** Math.floor(Math.log10(rough))
  const step = power * ([1, 2, 5, 10].find((factor) => factor * power >= rough * (1 - 1e-9)) ?? 10)
  const count = Math.ceil(top / step - 1e-9)
  return Array.from({ length: count + 1 }, (_, i) => Number((i * step).toPrecision(12)))
}

/** Linear, from one span to another; a span of no length leads to its beginning. */
export const linear =
  (domain: Span, range: Span) =>
  (value: number): number =>
    domain.to === domain.from
      ? range.from
      : range.from + ((value - domain.from) / (domain.to - domain.from)) * (range.to - range.from)

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR
const STEPS = [5 * MINUTE, 15 * MINUTE, 30 * MINUTE, HOUR, 3 * HOUR, 6 * HOUR, 12 * HOUR, DAY, 2 * DAY, 7 * DAY]

/** Round times within a span, in a zone that is this many milliseconds ahead of UTC. */
export const timeTicks = ({ from, to }: Span, most: number, zoneMillis = 0): ReadonlyArray<number> => {
  if (!(to > from)) return []
  const step = STEPS.find((one) => (to - from) / one <= most) ?? 14 * DAY
  const first = Math.ceil((from + zoneMillis) / step) * step - zoneMillis
  return Array.from({ length: Math.max(0, Math.floor((to - first) / step) + 1) }, (_, i) => first + i * step)
}

export type Value = number | null

/** The path of a line; what is unknown is a gap in it, and a lone point a short dash. */
export const linePath = (
  times: ReadonlyArray<number>,
  values: ReadonlyArray<Value>,
  x: (time: number) => number,
  y: (value: number) => number
): string => {
  let path = ""
  let isDown = false
  values.forEach((value, i) => {
    const time = times[i]
    if (value === null || time === undefined) {
      isDown = false
      return
    }
    const at = `${round(x(time))},${round(y(value))}`
    if (isDown) path += `L${at}`
    else path += (values[i + 1] ?? null) === null ? `M${at}h0.01` : `M${at}`
    isDown = true
  })
  return path
}

export const round = (n: number): number => Math.round(n * 10) / 10

/** The largest of all values, summed at each time where they are stacked. */
export const mostOf = (series: ReadonlyArray<ReadonlyArray<Value>>, isStacked: boolean): number => {
  const length = Math.max(0, ...series.map((values) => values.length))
  let most = 0
  for (let i = 0; i < length; i++) {
    const here = series.map((values) => values[i] ?? 0)
    most = Math.max(most, isStacked ? here.reduce((sum, value) => sum + value, 0) : Math.max(0, ...here))
  }
  return most
}

/** The index of the time that is nearest. */
export const nearest = (times: ReadonlyArray<number>, time: number): number => {
  let best = 0
  times.forEach((one, i) => {
    if (Math.abs(one - time) < Math.abs((times[best] ?? Number.POSITIVE_INFINITY) - time)) best = i
  })
  return best
}
