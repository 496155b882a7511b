/**
 * Medians, percentiles and spreads of few figures.
 */

/** By nearest rank; NaN of nothing. */
export const percentile = (values: ReadonlyArray<number>, share: number): number => {
  const sorted = values.filter((value) => !Number.isNaN(value)).sort((a, b) => a - b)
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? Number.NaN
}

/** The mean of the middle two where there is no middle. */
export const median = (values: ReadonlyArray<number>): number => {
  const mirrored = values.map((value) => -value)
  return (percentile(values, 0.5) - percentile(mirrored, 0.5)) / 2
}

export interface Spread {
  readonly median: number
  readonly min: number
  readonly max: number
}

export const spread = (values: ReadonlyArray<number>): Spread => ({
  median: median(values),
  min: percentile(values, 0),
  max: percentile(values, 1)
})
