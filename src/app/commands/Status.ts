/**
 * Command `lingma-gateway status`: how the running gateway is, asked of itself.
 */
import * as Command from "@effect/cli/Command"
import { Clock, Effect, Either, Option, Schema } from "effect"
import * as Config from "../../config/Config.ts"
import * as StateDirectory from "../../config/StateDirectory.ts"
import * as Running from "../running/Running.ts"
import * as StatusScreen from "../screen/StatusScreen.ts"
import * as Terminal from "../screen/Terminal.ts"
import * as House from "./House.ts"

const Instance = Schema.Struct({
  name: Schema.String,
  state: Schema.String,
  ready: Schema.Boolean,
  reason: Schema.NullOr(Schema.String),
  in_flight: Schema.Int,
  account: Schema.optional(Schema.NullOr(Schema.String)),
  logged_in: Schema.NullOr(Schema.Boolean),
  login: Schema.String,
  ejected: Schema.Boolean,
  spent: Schema.Array(Schema.Struct({ model: Schema.NullOr(Schema.String), until: Schema.String })),
  last_error: Schema.NullOr(Schema.String)
})

/** What the command needs of `/internal/stats`. */
const Stats = Schema.Struct({
  stats: Schema.Struct({ uptime_seconds: Schema.Int }),
  concurrency: Schema.Struct({ max_in_flight: Schema.Int, in_flight: Schema.Int, queued: Schema.Int }),
  pool: Schema.Struct({ instances: Schema.Array(Instance) })
})

/** What `/internal/overview` adds: whose an instance is. */
const Overview = Schema.Struct({
  instances: Schema.Array(Schema.Struct({ name: Schema.String, account: Schema.NullOr(Schema.String) }))
})

/** Those that share the database; none for a gateway of an earlier version. */
const Hosts = Schema.Struct({
  hosts: Schema.Array(
    Schema.Struct({
      id: Schema.String,
      url: Schema.String,
      version: Schema.String,
      ready: Schema.Boolean,
      in_flight: Schema.Int,
      seen_seconds_ago: Schema.Int,
      away: Schema.Boolean
    })
  ),
  warnings: Schema.Array(Schema.Struct({ code: Schema.String, message: Schema.String, cure: Schema.String }))
})

/** Without a key there is less to tell. */
const ofHealth = (instances: Running.Health["instances"]): ReadonlyArray<StatusScreen.Instance> =>
  instances.map((one) => ({ ...one, logged_in: null, login: "", ejected: false, spent: [], last_error: null }))

export const look = Effect.fnUntraced(function* (settings: Config.Settings) {
  const gateway = Running.of(settings)
  const health = yield* Running.health(gateway)
  const [stats, overview, hosts] = yield* Effect.all(
    [
      Effect.either(Running.read(gateway, "/internal/stats", Stats)),
      Effect.option(Running.read(gateway, "/internal/overview", Overview)),
      Effect.orElseSucceed(Running.read(gateway, "/internal/hosts", Hosts), () => ({ hosts: [], warnings: [] }))
    ],
    { concurrency: 3 }
  )
  const accounts = new Map(
    Option.match(overview, { onNone: () => [], onSome: ({ instances }) => instances }).map(
      ({ account, name }) => [name, account] as const
    )
  )
  const told = Either.isRight(stats) ? stats.right : undefined
  const status: StatusScreen.Status = {
    base: gateway.base,
    emulated: health.emulated,
    load:
      told === undefined
        ? undefined
        : {
            inFlight: told.concurrency.in_flight,
            most: told.concurrency.max_in_flight,
            queued: told.concurrency.queued,
            upSeconds: told.stats.uptime_seconds
          },
    instances:
      told?.pool.instances.map((one) => ({ ...one, account: accounts.get(one.name) ?? one.account ?? null })) ??
      ofHealth(health.instances),
    state: Terminal.short(StateDirectory.of(settings.lingmaWorkDir).dir),
    ...hosts,
    note: Either.isLeft(stats) ? `More is told to an administrator: ${stats.left.message}.` : undefined
  }
  return status
})

const ofProblem = (error: Running.Unreachable | Running.Refused) =>
  House.ended(
    House.FAILED,
    error._tag === "Unreachable"
      ? `${error.message}: start it by lingma-gateway start, or see lingma-gateway doctor`
      : error.message
  )

export const command = Command.make("status", { file: House.file, json: House.json }, ({ file, json }) =>
  Effect.gen(function* () {
    const status = yield* Effect.mapError(look(yield* Config.checked), ofProblem)
    const isReady = status.instances.some(({ ready }) => ready)
    const { base, load, state, ...rest } = status
    const figures =
      load === undefined
        ? null
        : { in_flight: load.inFlight, max_in_flight: load.most, queued: load.queued, uptime_seconds: load.upSeconds }
    yield* json
      ? House.printJson({ ok: isReady, base_url: `${base}/v1`, load: figures, state_directory: state, ...rest })
      : House.printLines(StatusScreen.render(status, yield* Clock.currentTimeMillis, Terminal.columns()))
    if (!isReady) return yield* House.ended(House.FAILED)
  }).pipe((effect) => House.withSettings(effect, file))
).pipe(Command.withDescription("how the running gateway is: load, instances, accounts"))
