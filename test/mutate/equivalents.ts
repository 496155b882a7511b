/**
 * Changes that no test can notice, because the program does the same with them. They stay out of the score; one that
 * is noticed all the same, or is gone from the file, is told by the run.
 */
import type { Change } from "./Change.ts"

export interface Equivalent {
  readonly why: string
  readonly changes: ReadonlyArray<Change>
}

export const equivalents: Readonly<Record<string, ReadonlyArray<Equivalent>>> = {}
