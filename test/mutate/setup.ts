/** Properties draw the same values in every run: a mutant that is killed once is killed always. */
import { FastCheck } from "effect"

FastCheck.configureGlobal({ seed: 1 })
