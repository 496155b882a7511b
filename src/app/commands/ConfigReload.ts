/**
 * Command `lingma-gateway config reload`: tells the running gateway to read its settings again.
 */
import * as Command from "@effect/cli/Command"
import { Console, Effect, Redacted, Schema } from "effect"
import type { Settings } from "../../config/Config.ts"
import { SettingsSource } from "../../config/SettingsSource.ts"
import { Ended } from "../running/Ended.ts"
import * as Running from "../running/Running.ts"
import * as House from "./House.ts"

const Reloaded = Schema.Struct({ changed: Schema.Array(Schema.String), restart: Schema.Array(Schema.String) })
const Refusal = Schema.Struct({ error: Schema.Struct({ message: Schema.String }) })

const REFUSED = 422
const FAILED = 1
const WRONG_SETTINGS = 78

const ended = (code: number, ...lines: ReadonlyArray<string>) => new Ended({ code, lines })

const ask = (base: string, { adminKeys, apiKeys }: Settings) => {
  const key = [...adminKeys, ...apiKeys][0]
  return Effect.tryPromise(async (signal) => {
    const headers = key === undefined ? {} : { authorization: `Bearer ${Redacted.value(key)}` }
    const response = await fetch(`${base}/internal/config/reload`, { method: "POST", headers, signal })
    return { status: response.status, body: (await response.json()) as unknown }
  }).pipe(
    Effect.timeout("30 seconds"),
    Effect.mapError(() => ended(FAILED, `no gateway responds at ${base}`))
  )
}

const listed = (names: ReadonlyArray<string>, what: string): ReadonlyArray<string> =>
  names.length === 0 ? [] : [`${what}: ${names.join(", ")}`]

const toLines = ({ changed, restart }: typeof Reloaded.Type): ReadonlyArray<string> => [
  ...(changed.length === 0 ? ["Nothing changed that is in effect at once."] : listed(changed, "In effect")),
  ...listed(restart, "In effect at the next start")
]

const run = Effect.fnUntraced(function* (json: boolean) {
  const { read } = yield* SettingsSource
  const settings = yield* Effect.mapError(read, ({ problems }) => ended(WRONG_SETTINGS, ...problems))
  const base = Running.baseOf(settings)
  const { body, status } = yield* ask(base, settings)
  if (status !== 200) {
    const told = yield* Effect.mapError(Schema.decodeUnknown(Refusal)(body), () =>
      ended(FAILED, `${base} is not a Lingma gateway`)
    )
    return yield* ended(status === REFUSED ? WRONG_SETTINGS : FAILED, told.error.message)
  }
  const reloaded = yield* Effect.mapError(Schema.decodeUnknown(Reloaded)(body), () =>
    ended(FAILED, `${base} is not a Lingma gateway`)
  )
  if (json) return yield* Console.log(JSON.stringify(reloaded, undefined, 2))
  yield* Effect.forEach(toLines(reloaded), (line) => Console.log(line), { discard: true })
})

const { file, json } = House

export const command = Command.make("reload", { file, json }, ({ file, json }) =>
  House.withSettings(run(json), file)
).pipe(
  Command.withDescription(
    "the running gateway reads its settings again: prints what is in effect, and what needs a restart"
  )
)
