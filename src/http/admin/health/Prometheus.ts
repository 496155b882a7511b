/**
 * Renders metrics in the Prometheus text format 0.0.4. Pure.
 */
import { type MetricPair, MetricState, Option } from "effect"

const NAME = /[^a-zA-Z0-9_:]/g
const escapeHelp = (text: string) => text.replaceAll("\\", "\\\\").replaceAll("\n", "\\n")
const escapeLabel = (text: string) => escapeHelp(text).replaceAll('"', '\\"')

const figure = (value: number | bigint) =>
  value === Number.POSITIVE_INFINITY ? "+Inf" : value === Number.NEGATIVE_INFINITY ? "-Inf" : String(value)

type Labels = ReadonlyArray<readonly [string, string]>
const line = (name: string, labels: Labels, value: number | bigint) =>
  `${name}${labels.length === 0 ? "" : `{${labels.map(([key, text]) => `${key}="${escapeLabel(text)}"`).join(",")}}`} ${figure(value)}`

const typeOf = (state: unknown): "counter" | "gauge" | "histogram" | undefined =>
  MetricState.isCounterState(state as never)
    ? "counter"
    : MetricState.isGaugeState(state as never)
      ? "gauge"
      : MetricState.isHistogramState(state as never)
        ? "histogram"
        : undefined

const samples = (name: string, labels: Labels, state: unknown): ReadonlyArray<string> => {
  const held = state as MetricState.MetricState.Untyped
  if (MetricState.isCounterState(held)) return [line(name, labels, held.count)]
  if (MetricState.isGaugeState(held)) return [line(name, labels, held.value)]
  if (!MetricState.isHistogramState(held)) return []
  return [
    ...held.buckets
      .filter(([le]) => Number.isFinite(le))
      .map(([le, count]) => line(`${name}_bucket`, [...labels, ["le", figure(le)]], count)),
    line(`${name}_bucket`, [...labels, ["le", "+Inf"]], held.count),
    line(`${name}_sum`, labels, held.sum),
    line(`${name}_count`, labels, held.count)
  ]
}

export const render = (pairs: ReadonlyArray<MetricPair.MetricPair.Untyped>): string => {
  const families = new Map<string, { help: string; type: string; lines: Array<string> }>()
  for (const { metricKey, metricState } of pairs) {
    const name = metricKey.name.replaceAll(NAME, "_")
    const type = typeOf(metricState)
    if (type === undefined) continue
    const help = Option.getOrElse(metricKey.description, () => name)
    const family = families.get(name) ?? { help, type, lines: [] }
    families.set(name, family)
    const labels = metricKey.tags.map(({ key, value }) => [key.replaceAll(NAME, "_"), value] as const)
    family.lines.push(...samples(name, labels, metricState))
  }
  return [...families]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(
      ([name, { help, lines, type }]) =>
        `# HELP ${name} ${escapeHelp(help)}\n# TYPE ${name} ${type}\n${lines.join("\n")}\n`
    )
    .join("")
}
