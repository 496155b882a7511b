/**
 * What a plot draws: stacked bars, or lines with gaps where nothing is known.
 */
import { linePath, round } from "./Scale.ts"
import type { PlotData } from "./Series.ts"

interface Props {
  readonly data: PlotData
  readonly times: ReadonlyArray<number>
  readonly stepMillis: number
  readonly x: (time: number) => number
  readonly y: (value: number) => number
}

/** Between two bars. */
const GAP = 0.5

/** All bars of one series as one path: thousands of elements would be slow. */
const barsPath = ({ data, stepMillis, times, x, y }: Props, index: number): string =>
  times
    .map((time, i) => {
      const value = data.series[index]?.values[i] ?? 0
      if (value <= 0) return ""
      const below = data.series.slice(0, index).reduce((sum, { values }) => sum + (values[i] ?? 0), 0)
      const left = x(time) + GAP
      const width = Math.max(1, x(time + stepMillis) - x(time) - 2 * GAP)
      const top = y(below + value)
      return `M${round(left)},${round(top)}h${round(width)}v${round(y(below) - top)}h${round(-width)}z`
    })
    .join("")

export const Marks = (props: Props) => {
  const { data, stepMillis, times, x, y } = props
  const middles = times.map((time) => time + stepMillis / 2)
  return (
    <g>
      {data.series.map(({ colour, name, values }, i) =>
        data.isStacked ? (
          <path key={name} class={`bars colour-${colour}`} d={barsPath(props, i)} />
        ) : (
          <path key={name} class={`line colour-${colour}`} d={linePath(middles, values, x, y)} />
        )
      )}
    </g>
  )
}
