/** Properties draw the same few values in every run: a mutant that is killed once is killed always, and soon. */
import { FastCheck } from "effect"

FastCheck.configureGlobal({ seed: 1, numRuns: 30 })
