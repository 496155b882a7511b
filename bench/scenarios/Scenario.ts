/**
 * What a scenario is: a load on one server, and the figures it gave, by name and unit.
 */
import type { Target } from "../processes.ts"

export interface Scenario {
  readonly name: string
  /** NaN for what cannot be told. The names are the same in each run. */
  readonly run: (target: Target) => Promise<Readonly<Record<string, number>>>
}
