/**
 * `lingma-gateway start` without options: what `cli.ts` does then, without the parser of a command line. It starts sooner.
 */
import { Effect, Option } from "effect"
import * as ConfigSources from "../config/ConfigSources.ts"
import { serve } from "./main.ts"
import { run } from "./run.ts"

run(Effect.provide(serve, ConfigSources.layer(Option.none())))
