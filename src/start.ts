/**
 * `lingma-gateway start` without options: what `cli.ts` does then, without the parser of a command line. It starts sooner.
 */
import { Effect, Option } from "effect"
import { serve } from "./main.ts"
import { run } from "./run.ts"
import * as Settings from "./Settings.ts"

run(Effect.provide(serve, Settings.layer(Option.none())))
