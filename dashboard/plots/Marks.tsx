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

const Line = ({ colour, values, x, y, ...props }: Props & PlotData["series"][number]) => {
  const { dots, line } = linePath(
    props.times.map((time) => time + props.stepMillis / 2),
    values,
    x,
    y
  )
  return (
    <g class={`colour-${colour}`}>
      <path class="line" d={line} />
      <path class="dots" d={dots} />
    </g>
  )
}

export const Marks = (props: Props) => (
  <g>
    {props.data.series.map((series, i) =>
      props.data.isStacked ? (
        <path key={series.name} class={`bars colour-${series.colour}`} d={barsPath(props, i)} />
      ) : (
        <Line key={series.name} {...props} {...series} />
      )
    )}
  </g>
)
