/**
 * Changes that no test can notice, because the program does the same with them. They stay out of the score; one that
 * is noticed all the same, or is gone from the file, is told by the run.
 */
import type { Change } from "./Change.ts"

export interface Equivalent {
  readonly why: string
  readonly changes: ReadonlyArray<Change>
}

export const equivalents: Readonly<Record<string, ReadonlyArray<Equivalent>>> = {
  "src/domain/RetryBudget.ts": [
    {
      why: "no retry at all is not older than anything either",
      changes: [
        {
          from: "while (retries[0] !== undefined && retries[0] < now - windowMillis) retries.shift()",
          to: "while (true && retries[0] < now - windowMillis) retries.shift()"
        }
      ]
    }
  ],
  "src/domain/Routing.ts": [
    {
      why: "no limit is not above zero either; the check is there for the types",
      changes: [
        {
          from: "const isFull = ({ inFlight, limit }: Candidate) => limit !== undefined && limit > 0 && inFlight >= limit",
          to: "const isFull = ({ inFlight, limit }: Candidate) => true && limit > 0 && inFlight >= limit"
        }
      ]
    },
    {
      why: "the first candidate is taken whatever its rank, and no rank is below zero",
      changes: [
        { from: "let height = -1", to: "let height = +1" },
        {
          from: "if (best !== undefined && (here < height || (here === height && candidate.id > best.id))) continue",
          to: "if (true && (here < height || (here === height && candidate.id > best.id))) continue"
        }
      ]
    },
    {
      why: "no two instances have one id",
      changes: [
        {
          from: "if (best !== undefined && (here < height || (here === height && candidate.id > best.id))) continue",
          to: "if (best !== undefined && (here < height || (here === height && candidate.id >= best.id))) continue"
        }
      ]
    }
  ]
}
