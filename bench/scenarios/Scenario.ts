/**
 * What a scenario is: a load on one server, and the figures it gave, by name and unit.
 */
import type { Target } from "../processes.ts"

export interface Scenario {
  readonly name: string
  /** Those of one group share a fresh process, in order; it is warmed up only for `speed`. */
  readonly group: "fresh" | "speed" | "memory" | "stalled"
  /** NaN for what cannot be told. The names are the same in each run, but for what only the first repetition gives. */
  readonly run: (target: Target, repetition: number) => Promise<Readonly<Record<string, number>>>
}
