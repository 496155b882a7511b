/**
 * What the gateway is to reach, and whether a run shows it.
 */
import { median } from "./stats.ts"

type Runs = ReadonlyArray<Readonly<Record<string, number>>>

interface Goal {
  readonly id: string
  readonly measure: string
  /** A figure is judged by itself, a ratio against the floor of the same repetition. */
  readonly by: "figure" | "ratio"
  readonly better: "less" | "more"
  readonly must: number
  readonly stretch: number
  /** Judged only where the floor itself gets as far. */
  readonly floor?: number
}

const ratio = (id: string, measure: string, must: number, stretch: number): Goal => ({
  id,
  measure,
  by: "ratio",
  better: "less",
  must,
  stretch
})
const atMost = (id: string, measure: string, must: number, stretch = must): Goal => ({
  ...ratio(id, measure, must, stretch),
  by: "figure"
})
const atLeast = (id: string, measure: string, must: number, stretch = must): Goal => ({
  ...atMost(id, measure, must, stretch),
  better: "more"
})

const goals: ReadonlyArray<Goal> = [
  ratio("P1", "burst: CPU µs per chunk", 2, 1.5),
  ratio("P2", "paced: CPU µs per chunk", 1.5, 1.2),
  ratio("P3", "paced: added latency p50 ms", 1.6, 1.2),
  { ...atLeast("P4", "crowd: share in time", 0.95, 0.99), floor: 0.98 },
  ratio("P5", "first-token: p50 ms", 3.5, 2.5),
  ratio("P6", "requests: CPU µs per request", 4.5, 3),
  ratio("P7", "prompt: CPU ms per MB", 1.6, 1.3),
  atMost("P8", "aborts: turns left", 0),
  atMost("P8", "aborts: all gone after ms", 1000, 250),
  atLeast("P8", "aborts: good of the next 512", 512),
  atMost("P9", "stalled: RSS growth MiB", 250, 120),
  atLeast("P9", "stalled: others served of 5", 5),
  atMost("P9", "stalled: turns left", 0),
  ratio("P10", "silent: KiB per stream", 3, 2),
  ratio("P11", "memory: MiB at rest", 2, 1.7),
  ratio("P11", "memory: MiB after 10k requests", 3, 2),
  atMost("P12", "growth: KiB per 1k requests", 100, 30),
  atMost("P12", "growth: descriptors gained", 2),
  ratio("P13", "start: ms to the first answer", 3, 2.2)
]

export interface Verdict {
  readonly id: string
  readonly measure: string
  readonly must: string
  readonly stretch: string
  readonly seen: number
  /** `not judged` where the figure is missing, or the floor does not get there either. */
  readonly met: "stretch" | "must" | "no" | "not judged"
}

const of = (runs: Runs, measure: string) => runs.map((run) => run[measure] ?? Number.NaN)

export const judge = (floor: Runs, gateway: Runs): ReadonlyArray<Verdict> =>
  goals.map((goal): Verdict => {
    const { better, by, id, measure } = goal
    const base = of(floor, measure)
    const figures = of(gateway, measure)
    const seen = median(by === "figure" ? figures : figures.map((figure, i) => figure / (base[i] ?? Number.NaN)))
    const reaches = (limit: number) => (better === "less" ? seen <= limit : seen >= limit)
    const isMoot = Number.isNaN(seen) || (goal.floor !== undefined && !(median(base) >= goal.floor))
    const word = (limit: number) => `${better === "less" ? "≤" : "≥"} ${limit}${by === "ratio" ? " ×" : ""}`
    return {
      id,
      measure,
      must: word(goal.must),
      stretch: word(goal.stretch),
      seen,
      met: isMoot ? "not judged" : reaches(goal.stretch) ? "stretch" : reaches(goal.must) ? "must" : "no"
    }
  })
