/**
 * Figures over time, as plots.
 */
import { Plot } from "../plots/Plot.tsx"
import { plotsOf } from "../plots/Series.ts"
import * as Plots from "../state/Plots.ts"
import { words } from "../state/Settings.ts"
import { Failure } from "../ui/Failure.tsx"
import { Choice } from "../ui/Field.tsx"
import { Section } from "../ui/Section.tsx"

export const PlotList = () => {
  const { loading, plots: text } = words.value
  const plots = Plots.plots.value
  const times = plots?.at.map((seconds) => seconds * 1000) ?? []
  return (
    <Section
      id="plots"
      title={text.title}
      aside={
        <Choice
          label={text.range}
          isBare
          value={Plots.range.value}
          options={Plots.ranges.map((range) => [range, text.ranges[range]] as const)}
          onChange={Plots.setRange}
        />
      }
    >
      {Plots.failure.value === null ? null : <Failure error={Plots.failure.value} onRetry={Plots.load} />}
      {plots === null ? (
        Plots.failure.value === null ? (
          <p class="quiet">{loading}</p>
        ) : null
      ) : (
        <div class="plots">
          {plotsOf(plots, words.value).map((data) => (
            <Plot key={data.id} data={data} times={times} stepMillis={plots.step_seconds * 1000} />
          ))}
        </div>
      )}
    </Section>
  )
}
