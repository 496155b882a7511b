/**
 * Targets of the `login` command: a running gateway, else a Lingma that the command starts.
 */
import { Data, Duration, Effect, Layer, Option, Redacted, Schedule, Schema, type Scope } from "effect"
import { GatewayConfig, type Settings } from "../../config/Config.ts"
import * as Fleet from "../../lingma/Fleet.ts"
import { AutoLogin } from "../../lingma/login/AutoLogin.ts"
import { Browser } from "../../lingma/login/Browser.ts"
import { Metrics } from "../../observe/Metrics.ts"
import * as SharedWork from "../../runtime/SharedWork.ts"
import * as LoanedKey from "./LoanedKey.ts"

export class LoginRefused extends Data.TaggedError("LoginRefused")<{ readonly message: string }> {}

export interface Begun {
  readonly instance: string
  /** Undefined if the account is already signed in. */
  readonly url: string | undefined
}

export interface LoginDesk {
  readonly where: string
  readonly start: Effect.Effect<Begun, LoginRefused>
  readonly isSignedIn: (instance: string) => Effect.Effect<boolean, LoginRefused>
  readonly callback: (instance: string, url: string) => Effect.Effect<void, LoginRefused>
}

const Started = Schema.Struct({
  state: Schema.String,
  instance: Schema.String,
  login_url: Schema.optional(Schema.String)
})
const Status = Schema.Struct({
  instances: Schema.Array(Schema.Struct({ instance: Schema.String, state: Schema.String }))
})
const ErrorBody = Schema.Struct({ error: Schema.Struct({ message: Schema.String }) })

class Unreachable extends Data.TaggedError("Unreachable") {}

const baseOf = ({ host, port }: Settings) => {
  const name = host === "0.0.0.0" || host === "::" ? "127.0.0.1" : host
  return `http://${name.includes(":") ? `[${name}]` : name}:${port}`
}

const headersOf = (key: Redacted.Redacted | undefined): Record<string, string> => ({
  "content-type": "application/json",
  ...(key === undefined ? {} : { authorization: `Bearer ${Redacted.value(key)}` })
})

/** Whether the gateway takes it. */
const isTaken = (base: string, key: Redacted.Redacted | undefined) =>
  Effect.tryPromise((signal) =>
    fetch(`${base}/internal/auto-login/status`, { headers: headersOf(key), signal }).then(
      ({ status }) => status !== 401
    )
  ).pipe(
    Effect.timeout("10 seconds"),
    Effect.catchAll(() => Effect.succeed(true))
  )

/** A key that administers: of the settings, else one that is made for this command. */
const keyFor = Effect.fnUntraced(function* (
  settings: Settings,
  base: string
): Effect.fn.Return<Redacted.Redacted | undefined, LoginRefused, Scope.Scope> {
  const given = [...settings.adminKeys, ...settings.apiKeys][0]
  if (given !== undefined || (yield* isTaken(base, undefined))) return given
  const refused = (reason: string) =>
    new LoginRefused({ message: `the gateway at ${base} asks for an admin key: set ADMIN_KEYS for both (${reason})` })
  const loaned = yield* Effect.mapError(LoanedKey.make(settings), refused)
  // It looks for new keys twice a second.
  const known = Effect.filterOrFail(
    isTaken(base, loaned),
    (yes) => yes,
    () => "unknown"
  )
  if (yield* Effect.isSuccess(Effect.retry(known, { schedule: Schedule.spaced("250 millis"), times: 20 })))
    return loaned
  return yield* refused("it does not use the database that DATABASE_URL names here")
})

/** The running gateway, at the address in the shared settings. */
const remote = (settings: Settings, key: Redacted.Redacted | undefined, instance: Option.Option<string>): LoginDesk => {
  const base = baseOf(settings)
  const call = <A, I>(path: string, result: Schema.Schema<A, I>, init: RequestInit = {}) =>
    Effect.tryPromise({
      try: async (signal) => {
        const response = await fetch(`${base}/internal/auto-login/${path}`, {
          ...init,
          headers: headersOf(key),
          signal
        })
        return { ok: response.ok, body: (await response.json()) as unknown }
      },
      catch: () => new Unreachable()
    }).pipe(
      Effect.timeout("45 seconds"),
      Effect.catchAll(() => new LoginRefused({ message: `no gateway responds at ${base}` })),
      Effect.flatMap(({ body, ok }) =>
        Effect.mapError(
          ok
            ? Schema.decodeUnknown(result)(body)
            : Effect.flatMap(Schema.decodeUnknown(ErrorBody)(body), ({ error }) => new LoginRefused(error)),
          (error) =>
            error._tag === "LoginRefused" ? error : new LoginRefused({ message: `${base} is not a Lingma gateway` })
        )
      )
    )
  const query = Option.match(instance, { onNone: () => "", onSome: (name) => `&instance=${encodeURIComponent(name)}` })
  return {
    where: `the gateway at ${base}`,
    start: Effect.flatMap(call(`start?browser=false${query}`, Started, { method: "POST" }), (started) =>
      started.state !== "already_logged_in" && started.login_url === undefined
        ? new LoginRefused({ message: "a login is already running; try again later" })
        : Effect.succeed({ instance: started.instance, url: started.login_url })
    ),
    isSignedIn: (name) =>
      Effect.map(call("status", Status), ({ instances }) =>
        instances.some((one) => one.instance === name && one.state === "signed_in")
      ),
    callback: (name, url) =>
      call("callback", Schema.Unknown, { method: "POST", body: JSON.stringify({ instance: name, url }) })
  }
}

/** Starts the Lingmas while the command runs; the login is kept in their work directories. */
const local = (settings: Settings, instance: Option.Option<string>) =>
  Effect.gen(function* () {
    const backends = yield* Fleet.make(settings)
    const wanted = Option.getOrElse(instance, () => "")
    const find = Effect.gen(function* () {
      for (const { id, login } of backends) {
        if (login === undefined || (wanted !== "" && id !== wanted)) continue
        const isIn = Effect.map(login.identity, (identity) => identity !== undefined)
        if (wanted !== "" || !(yield* isIn)) return { id, login, isIn }
      }
      const [first] = backends
      if (wanted !== "" || first.login === undefined) {
        return yield* new LoginRefused({ message: `instance not found: ${wanted}` })
      }
      return { id: first.id, login: first.login, isIn: Effect.succeed(true) }
    })
    const refused = (error: { readonly detail?: string; readonly message: string }) =>
      error instanceof LoginRefused ? error : new LoginRefused({ message: error.detail ?? error.message })
    const finding = yield* SharedWork.make(find, { keep: Duration.infinity })
    const one = Effect.catchTag(
      finding.result,
      "WorkBroken",
      () => new LoginRefused({ message: "looking up the instance failed" })
    )
    return {
      where: "a Lingma of its own, as no gateway runs",
      start: Effect.gen(function* () {
        const { id, isIn, login } = yield* one
        return { instance: id, url: (yield* isIn) ? undefined : (yield* login.person).url }
      }).pipe(Effect.mapError(refused)),
      isSignedIn: () =>
        Effect.mapError(
          Effect.flatMap(one, ({ isIn }) => isIn),
          refused
        ),
      callback: (_, url) =>
        Effect.mapError(
          Effect.flatMap(one, ({ login }) => login.callback(url)),
          refused
        )
    } satisfies LoginDesk
  }).pipe(
    Effect.provide(
      AutoLogin.layerFromConfig.pipe(
        Layer.provideMerge(Metrics.layer),
        Layer.provide(Browser.layerNoop),
        Layer.provide(Layer.succeed(GatewayConfig, settings))
      )
    )
  )

const answers = (settings: Settings) =>
  Effect.isSuccess(
    Effect.timeout(
      Effect.tryPromise((signal) => fetch(`${baseOf(settings)}/healthz`, { signal })),
      "3 seconds"
    )
  )

export const open = Effect.fnUntraced(function* (settings: Settings, instance: Option.Option<string>) {
  if (yield* answers(settings)) return remote(settings, yield* keyFor(settings, baseOf(settings)), instance)
  const desk: LoginDesk = yield* local(settings, instance)
  return desk
})
