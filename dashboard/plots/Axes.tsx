/**
 * The axes of a plot with their lines and names.
 */
import { duration, short } from "../format/Numbers.ts"
import { tick } from "../format/Times.ts"
import { locale, words } from "../state/Settings.ts"
import { HEIGHT, MARGIN } from "./Plot.tsx"
import { round, type Span, timeTicks } from "./Scale.ts"
import type { PlotData } from "./Series.ts"

const DAY = 86_400_000
/** Room for the name of a time. */
const TICK_WIDTH = 80

interface Props {
  readonly span: Span
  readonly ticks: ReadonlyArray<number>
  readonly unit: PlotData["unit"]
  readonly width: number
  readonly x: (time: number) => number
  readonly y: (value: number) => number
}

export const Axes = ({ span, ticks, unit, width, x, y }: Props) => {
  const lang = locale.value
  const zone = -new Date(span.to).getTimezoneOffset() * 60_000
  const isDays = span.to - span.from > 2 * DAY
  const most = Math.max(2, Math.floor((width - MARGIN.left - MARGIN.right) / TICK_WIDTH))
  return (
    <g class="axes">
      {ticks.map((value) => (
        <g key={value}>
          <line x1={MARGIN.left} x2={width - MARGIN.right} y1={round(y(value))} y2={round(y(value))} />
          <text x={MARGIN.left - 8} y={round(y(value))} text-anchor="end" dominant-baseline="central">
            {value === 0 ? "0" : unit === "millis" ? duration(value, words.value.units) : short(value, lang)}
          </text>
        </g>
      ))}
      {timeTicks(span, most, zone).map((time) => {
        const at = round(x(time))
        // A name at the very edge would be cut.
        return at < MARGIN.left + 8 || at > width - MARGIN.right - 8 ? null : (
          <text key={time} x={at} y={HEIGHT - 6} text-anchor="middle">
            {tick(time, isDays, lang)}
          </text>
        )
      })}
    </g>
  )
}
