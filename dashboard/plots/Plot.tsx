/**
 * One plot as SVG: it is as wide as its place, read out by the pointer or the arrow keys, with a table behind it.
 */
import { useEffect, useRef, useState } from "preact/hooks"
import { words } from "../state/Settings.ts"
import { Axes } from "./Axes.tsx"
import { Marks } from "./Marks.tsx"
import { Legend, PlotTable, valueOf } from "./Readout.tsx"
import { linear, mostOf, nearest, ticksOf } from "./Scale.ts"
import { isBlank, type PlotData } from "./Series.ts"

export const HEIGHT = 180
export const MARGIN = { top: 8, right: 12, bottom: 22, left: 52 } as const

/** The width of an element, as it changes. */
const useWidth = () => {
  const ref = useRef<HTMLDivElement>(null)
  const [width, setWidth] = useState(0)
  useEffect(() => {
    if (ref.current === null) return
    const observer = new ResizeObserver(([entry]) => setWidth(Math.floor(entry?.contentRect.width ?? 0)))
    observer.observe(ref.current)
    return () => observer.disconnect()
  }, [])
  return [ref, width] as const
}

interface Props {
  readonly data: PlotData
  /** Where steps begin, in milliseconds since 1970. */
  readonly times: ReadonlyArray<number>
  readonly stepMillis: number
}

const Drawing = ({ data, stepMillis, times, width }: Props & { readonly width: number }) => {
  const { plots: text } = words.value
  const [at, setAt] = useState<number>()
  const last = times.length - 1
  const shown = at === undefined ? undefined : Math.min(at, last)
  const span = { from: times[0] ?? 0, to: (times[last] ?? 0) + stepMillis }
  const ticks = ticksOf(
    mostOf(
      data.series.map(({ values }) => values),
      data.isStacked
    )
  )
  const x = linear(span, { from: MARGIN.left, to: width - MARGIN.right })
  const y = linear({ from: 0, to: ticks[ticks.length - 1] ?? 1 }, { from: HEIGHT - MARGIN.bottom, to: MARGIN.top })
  const point = (event: PointerEvent & { readonly currentTarget: HTMLDivElement }) => {
    const left = event.clientX - event.currentTarget.getBoundingClientRect().left
    const time = linear({ from: MARGIN.left, to: width - MARGIN.right }, span)(left)
    setAt(nearest(times, time - stepMillis / 2))
  }
  const press = (event: KeyboardEvent) => {
    const steps = { ArrowLeft: -1, ArrowRight: 1, PageUp: -10, PageDown: 10, Home: -last, End: last }[event.key]
    if (steps === undefined) return
    event.preventDefault()
    setAt(Math.min(last, Math.max(0, (shown ?? last) + steps)))
  }
  const middle = shown === undefined ? undefined : x((times[shown] ?? 0) + stepMillis / 2)
  return (
    <>
      <div
        class="plot"
        role="slider"
        tabIndex={0}
        aria-label={`${data.title}. ${text.help}`}
        aria-valuemin={0}
        aria-valuemax={last}
        aria-valuenow={shown ?? last}
        aria-valuetext={valueOf(data, times, shown ?? last, stepMillis)}
        onPointerMove={point}
        onPointerLeave={() => setAt(undefined)}
        onBlur={() => setAt(undefined)}
        onKeyDown={press}
      >
        <svg width={width} height={HEIGHT} viewBox={`0 0 ${width} ${HEIGHT}`} aria-hidden="true">
          <Axes span={span} ticks={ticks} unit={data.unit} width={width} x={x} y={y} />
          <Marks data={data} times={times} stepMillis={stepMillis} x={x} y={y} />
          {middle === undefined ? null : (
            <line class="cursor" x1={middle} x2={middle} y1={MARGIN.top} y2={HEIGHT - MARGIN.bottom} />
          )}
        </svg>
      </div>
      <Legend data={data} times={times} at={shown} stepMillis={stepMillis} />
    </>
  )
}

export const Plot = (props: Props) => {
  const { plots: text } = words.value
  const [ref, width] = useWidth()
  const { data, stepMillis, times } = props
  const isEmpty = times.length === 0 || isBlank(data)
  return (
    <figure class="card" aria-labelledby={`plot-${data.id}`}>
      <figcaption id={`plot-${data.id}`}>{data.title}</figcaption>
      <div ref={ref}>
        {isEmpty ? <p class="quiet blank">{text.empty}</p> : width === 0 ? null : <Drawing {...props} width={width} />}
      </div>
      {isEmpty ? null : <PlotTable data={data} times={times} stepMillis={stepMillis} />}
    </figure>
  )
}
