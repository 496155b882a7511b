/**
 * The plots out of the figures that the gateway tells: which series each has, in which colour and unit.
 */
import type { Plots } from "../api/Types.ts"
import type { Words } from "../i18n/en.ts"
import type { Value } from "./Scale.ts"

export interface Series {
  readonly name: string
  /** A class of the style sheet. */
  readonly colour: string
  readonly values: ReadonlyArray<Value>
}

export interface PlotData {
  readonly id: string
  readonly title: string
  readonly unit: "count" | "millis"
  /** Stacked bars, else lines. */
  readonly isStacked: boolean
  readonly series: ReadonlyArray<Series>
}

/** Colours that instances share in turn. */
const COLOURS = 6

/** The rate of each instance is one line; beyond this many the rest is left to the table of accounts. */
const MOST_INSTANCES = 12

export const plotsOf = ({ series }: Plots, { plots: text, requests }: Words): ReadonlyArray<PlotData> => {
  const outcome = (name: "completed" | "failed" | "cancelled" | "rejected"): Series => ({
    name: requests.outcomes[name],
    colour: name,
    values: series[name]
  })
  const count = { unit: "count", isStacked: false } as const
  return [
    {
      id: "outcomes",
      title: text.outcomes,
      unit: "count",
      isStacked: true,
      series: [outcome("completed"), outcome("cancelled"), outcome("rejected"), outcome("failed")]
    },
    {
      id: "first-token",
      title: text.firstToken,
      unit: "millis",
      isStacked: false,
      series: [
        { name: text.median, colour: "one", values: series.first_token_p50_ms },
        { name: text.p95, colour: "two", values: series.first_token_p95_ms }
      ]
    },
    {
      id: "rate",
      title: text.rate,
      ...count,
      series: [{ name: text.rate, colour: "one", values: series.tokens_per_second }]
    },
    { id: "queue", title: text.queue, ...count, series: [{ name: text.queue, colour: "one", values: series.queued }] },
    {
      id: "load",
      title: text.load,
      ...count,
      series: series.in_flight.slice(0, MOST_INSTANCES).map(({ instance, values }, i) => ({
        name: instance,
        colour: `line-${i % COLOURS}`,
        values
      }))
    }
  ]
}

/** Whether there is anything to draw. */
export const isBlank = ({ series }: PlotData): boolean =>
  series.every(({ values }) => values.every((value) => value === null))
