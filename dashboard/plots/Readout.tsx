/**
 * The values of a plot in words: its legend, what the cursor is at, and the table behind it.
 */
import { useState } from "preact/hooks"
import { duration, short, whole } from "../format/Numbers.ts"
import { exact, tick } from "../format/Times.ts"
import { locale, words } from "../state/Settings.ts"
import { Scrolled } from "../ui/Scrolled.tsx"
import { Table } from "../ui/Table.tsx"
import type { Value } from "./Scale.ts"
import type { PlotData } from "./Series.ts"

interface Props {
  readonly data: PlotData
  readonly times: ReadonlyArray<number>
  readonly stepMillis: number
}

const DAY = 86_400_000

const shown = (value: Value | undefined, unit: PlotData["unit"]): string => {
  if (value === null || value === undefined) return "—"
  if (unit === "millis") return duration(value, words.value.units)
  return Number.isInteger(value) ? whole(value, locale.value) : short(value, locale.value)
}

const timeOf = (time: number | undefined, stepMillis: number): string =>
  time === undefined ? "—" : stepMillis >= DAY ? tick(time, true, locale.value) : exact(time, locale.value)

/** All values of one step as a sentence. */
export const valueOf = (
  { series, unit }: PlotData,
  times: ReadonlyArray<number>,
  at: number,
  stepMillis: number
): string =>
  [timeOf(times[at], stepMillis), ...series.map(({ name, values }) => `${name} ${shown(values[at], unit)}`)].join(", ")

export const Legend = ({ at, data, stepMillis, times }: Props & { readonly at: number | undefined }) => (
  <ul class="legend" aria-hidden="true">
    {(data.series.length > 1 || at !== undefined ? data.series : []).map(({ colour, name, values }) => (
      <li key={name}>
        <span class={`dot colour-${colour}`} />
        {name}
        {at === undefined ? null : <span class="figure"> {shown(values[at], data.unit)}</span>}
      </li>
    ))}
    {at === undefined ? null : <li class="figure">{timeOf(times[at], stepMillis)}</li>}
  </ul>
)

/** The newest first; made only when it is opened. */
export const PlotTable = ({ data, stepMillis, times }: Props) => {
  const { asTable, plots: text } = words.value
  const [isOpen, setOpen] = useState(false)
  const steps = times.map((_, i) => times.length - 1 - i)
  const columns = data.series.map(({ name, values }) => ({
    id: name,
    head: name,
    isNumber: true,
    cell: (at: number) => shown(values[at], data.unit)
  }))
  return (
    <details onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>
        {asTable}
        <span class="unseen">: {data.title}</span>
      </summary>
      {isOpen ? (
        <Scrolled label={data.title}>
          <Table
            caption={data.title}
            isPlain
            columns={[{ id: "time", head: text.time, cell: (at) => timeOf(times[at], stepMillis) }, ...columns]}
            rows={steps}
            keyOf={(at) => String(times[at])}
          />
        </Scrolled>
      ) : null}
    </details>
  )
}
