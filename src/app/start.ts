/**
 * Fast path for `lingma-gateway start` without options: like `cli.ts`, without loading the command-line parser.
 */
import { Effect, Option } from "effect"
import * as ConfigSources from "../config/ConfigSources.ts"
import { serve } from "./main.ts"
import { run } from "./run.ts"

run(Effect.provide(serve, ConfigSources.layer(Option.none())))
