/**
 * Command `lingma-gateway launch CLIENT -- ARGS`: a client that talks to the gateway, with no file of the user's changed.
 */
import * as Args from "@effect/cli/Args"
import * as Command from "@effect/cli/Command"
import * as Options from "@effect/cli/Options"
import { Effect } from "effect"
import * as Launch from "../launch/Launch.ts"
import * as Profiles from "../launch/Profiles.ts"
import * as House from "./House.ts"

const client = Args.choice(
  Profiles.clients.map((name) => [name, name] as const),
  { name: "client" }
).pipe(Args.withDescription("claude, codex, opencode, qwen or pi"))
const rest = Args.text({ name: "args" }).pipe(Args.repeated, Args.withDescription("after --, for the client"))
const model = Options.text("model").pipe(
  Options.withDescription("the model to ask for; default: DEFAULT_MODEL"),
  Options.optional
)

/** The parser would take `--help` and `--version` of the client for its own, also behind `--`. */
export const split = (args: ReadonlyArray<string>) => {
  const end = args[0] === "launch" ? args.indexOf("--") : -1
  return end < 0 ? { parsed: args, ofClient: [] } : { parsed: args.slice(0, end), ofClient: args.slice(end + 1) }
}

/** `serve`: what runs a gateway, where none does. `ofClient`: the arguments behind `--`. */
export const make = (serve: Launch.Serve, ofClient: ReadonlyArray<string> = []) =>
  Command.make("launch", { model, file: House.file, client, rest }, ({ client, file, model, rest }) =>
    House.withSettings(Launch.run({ serve, client, args: [...rest, ...ofClient], model, file }), file).pipe(
      Effect.catchTags({
        NotLaunched: ({ message }) => House.ended(House.FAILED, message),
        NotInstalled: ({ message }) => House.ended(House.FAILED, message),
        Unreachable: ({ message }) => House.ended(House.FAILED, message),
        Refused: ({ message }) => House.ended(House.FAILED, message)
      }),
      Effect.flatMap((code) => (code === 0 ? Effect.void : House.ended(code)))
    )
  ).pipe(Command.withDescription("start a client that talks to the gateway; `-- ARGS` are the client's"))
