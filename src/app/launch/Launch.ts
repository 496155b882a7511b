/**
 * Starts a client that talks to the gateway, and the gateway itself where none runs; both end with the client.
 */
import { join, resolve } from "node:path"
import { Console, Data, Deferred, Effect, Exit, Option, Redacted, Schema, Scope } from "effect"
import * as Config from "../../config/Config.ts"
import * as ConfigSources from "../../config/ConfigSources.ts"
import type { SettingsSource } from "../../config/SettingsSource.ts"
import * as Scoped from "../../runtime/Scoped.ts"
import * as PortHolder from "../running/PortHolder.ts"
import * as Running from "../running/Running.ts"
import * as Progress from "../screen/Progress.ts"
import * as Terminal from "../screen/Terminal.ts"
import * as Client from "./Client.ts"
import * as Profiles from "./Profiles.ts"
import * as Sharing from "./Sharing.ts"

/** Why a client was not started; the message says what to do. */
export class NotLaunched extends Data.TaggedError("NotLaunched")<{ readonly message: string }> {}

/** Runs a gateway until it is interrupted; `told` is given its address. */
export type Serve = (
  told: (base: string) => Effect.Effect<unknown>
) => Effect.Effect<never, unknown, ConfigSources.ConfigSources | SettingsSource>

export interface LaunchOptions {
  readonly serve: Serve
  readonly client: Profiles.Client
  readonly args: ReadonlyArray<string>
  readonly model: Option.Option<string>
  readonly file: Option.Option<string>
}

const Model = Schema.Struct({
  id: Schema.String,
  name: Schema.optional(Schema.String),
  context_length: Schema.optional(Schema.Number)
})

/** The gateway of these settings, until the scope closes. Its log would write into the client's screen. */
const started = Effect.fnUntraced(function* (serve: Serve, file: Option.Option<string>, port: number) {
  const base = yield* Deferred.make<string, NotLaunched>()
  const overrides = new Map([
    ["GATEWAY_PORT", String(port)],
    ["LOG_LEVEL", "off"],
    ["GATEWAY_DRAIN_TIMEOUT_SEC", "1"]
  ])
  const failed = (error: unknown) => {
    const why = error instanceof Error ? error.message : String(error)
    return Deferred.fail(base, new NotLaunched({ message: `the gateway does not start: ${why}` }))
  }
  yield* Effect.forkScoped(
    serve((at) => Deferred.succeed(base, at)).pipe(
      Effect.provide(ConfigSources.layer(file, overrides)),
      Effect.tapErrorCause((cause) => failed(cause._tag === "Fail" ? cause.error : "see lingma-gateway doctor"))
    )
  )
  return yield* Deferred.await(base)
})

/** The first key that opens the gateway. */
const keyFor = Effect.fnUntraced(function* (base: string, settings: Config.Settings) {
  const own = process.env["LINGMA_API_KEY"]
  const known = [...(own === undefined || own === "" ? [] : [own]), ...settings.apiKeys.map(Redacted.value), "any-key"]
  for (const key of known) {
    const { status } = yield* Running.ask({ base, key: Redacted.make(key) }, "/v1/models")
    if (status !== 401 && status !== 403) return key
  }
  return yield* new NotLaunched({
    message: `the gateway at ${base} asks for a key: set LINGMA_API_KEY, or make one by lingma-gateway keys add NAME`
  })
})

/** Until an instance is ready, or it is plain that none will be without a person. */
const ready = (base: string, settings: Config.Settings) => {
  const look = Effect.gen(function* () {
    const { instances, ok } = yield* Running.health({ base, key: undefined })
    if (ok) return true
    const isSignedOut = instances.every(({ reason }) => reason === "no account is signed in")
    if (isSignedOut && settings.accounts.length === 0 && Option.isNone(settings.username)) {
      return yield* new NotLaunched({ message: "nobody is signed in to Lingma: lingma-gateway login" })
    }
    return false
  })
  return Effect.repeat(Effect.delay(look, "100 millis"), { until: (is) => is }).pipe(
    Effect.timeoutFail({
      duration: settings.startupTimeout,
      onTimeout: () => new NotLaunched({ message: "no Lingma is ready in time: see lingma-gateway doctor" })
    }),
    (waiting) => Progress.during("waiting for Lingma", waiting)
  )
}

const described = Effect.fnUntraced(function* (base: string, key: string, asked: string) {
  const gateway = { base, key: Redacted.make(key) }
  const found = yield* Effect.option(Running.read(gateway, `/v1/models/${encodeURIComponent(asked)}`, Model))
  if (Option.isNone(found)) {
    return yield* new NotLaunched({
      message: `the gateway has no model ${asked}: see ${base}/v1/models, or --model auto`
    })
  }
  return found.value
})

const running = Effect.fnUntraced(function* (
  serve: Serve,
  settings: Config.Settings,
  file: Option.Option<string>,
  users: string
) {
  const gateway = Running.of(settings)
  const found = yield* Effect.option(Running.health(gateway))
  if (Option.isSome(found)) return { base: gateway.base, end: Effect.void }
  const isFree = (yield* PortHolder.refusal(settings.host, settings.port)) === undefined
  const scope = yield* Scope.make()
  const told = Console.error("Another client uses this gateway, which ends with it; Ctrl-C ends it now.")
  const end = Effect.ensuring(Sharing.untilAlone(users, told), Scoped.close(scope, Exit.void))
  const base = yield* Progress.during(
    "starting the gateway",
    Scope.extend(started(serve, file, isFree ? settings.port : 0), scope)
  ).pipe(Effect.onError(() => Scoped.close(scope, Exit.void)))
  return { base, end }
})

/** Exit code of the client. */
export const run = ({ args, client, file, model, serve }: LaunchOptions) =>
  Effect.gen(function* () {
    const settings = yield* Config.checked
    const dir = join(resolve(settings.lingmaWorkDir), "launch", client)
    const draft = Profiles.of(client, { base: "", key: "", model: "", context: undefined, dir })
    const path = yield* Client.located(client, draft)
    const users = join(resolve(settings.lingmaWorkDir), "launch")
    yield* Sharing.use(users)
    const gateway = yield* running(serve, settings, file, users)
    return yield* Effect.gen(function* () {
      const { base } = gateway
      yield* ready(base, settings)
      const key = yield* keyFor(base, settings)
      const asked = Option.getOrElse(model, () => settings.defaultModel)
      const found = yield* described(base, key, asked)
      const profile = Profiles.of(client, { base, key, model: asked, context: found.context_length, dir })
      yield* Client.prepare(dir, profile)
      const name = found.name === undefined || found.name === asked ? asked : `${found.name} (${asked})`
      yield* Console.error(`${client} is answered by ${Terminal.clean(name)} of the Lingma gateway at ${base}.`)
      return yield* Client.run(path, [...profile.args, ...args], Profiles.environment(profile, process.env, base))
    }).pipe(Effect.ensuring(gateway.end))
  }).pipe(Effect.scoped)
