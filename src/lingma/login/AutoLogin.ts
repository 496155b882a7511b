/**
 * Signs accounts in: one login at a time per account, limited password submissions, and a pause after a failure.
 */
import { Cause, Context, Duration, Effect, Exit, Layer, Option, Schedule, type Scope } from "effect"
import { GatewayConfig } from "../../config/Config.ts"
import { LiveSettings } from "../../config/LiveSettings.ts"
import type { Account } from "../../domain/Account.ts"
import { type BackendUnavailable, LoginFailed, LoginInProgress } from "../../domain/ChatError.ts"
import { idle, type LoginReason, type LoginState, loginReasons, word } from "../../domain/Login.ts"
import * as MetricKeys from "../../observe/MetricKeys.ts"
import { Metrics } from "../../observe/Metrics.ts"
import * as Span from "../../observe/Span.ts"
import * as SharedWork from "../../runtime/SharedWork.ts"
import type { LingmaRpc } from "../rpc/LingmaRpc.ts"
import { Browser, SignInStopped } from "./Browser.ts"
import * as LoginCalls from "./LoginCalls.ts"
import * as LoginHosts from "./LoginHosts.ts"
import { loginRetry, personPatience, restAfter, sessionPatience } from "./LoginTimes.ts"

/** Limits on when, where and how often a password is submitted; undocumented fields are those of `SignIn`. */
export interface AutoLoginOptions {
  /** Whether logins start automatically. */
  readonly enabled: boolean
  readonly timeout: Duration.Duration
  /** Max password submissions before the pause. */
  readonly maxSubmissions: number
  readonly hosts: ReadonlyArray<string>
  readonly organization: string | undefined
  /** Enterprise endpoint to set before the login. */
  readonly endpoint: string | undefined
  /** Whether to save a screenshot of a failed login in the work directory. */
  readonly screenshots: boolean
  /** Max time a caller waits for a running login; read for each. */
  readonly patience: Duration.Duration
}

/** The instance whose account is signed in. */
export interface Client {
  readonly id: string
  /** Credentials; none = manual login only. With another password a pause is over. */
  readonly account: Option.Option<Account>
  readonly workDir: string
  readonly rpc: Effect.Effect<LingmaRpc["Type"], BackendUnavailable>
  /** Queries the login state. */
  readonly check: Effect.Effect<boolean>
  /** Called when a login has failed. */
  readonly onFailure?: () => void
}

/** A manual login that was started. */
export interface PersonLogin {
  /** URL to open in a browser, on this or another machine. */
  readonly url: string
}

/** The login of one instance. */
export interface Login {
  readonly state: Effect.Effect<LoginState>
  /** Whether a login would start automatically. */
  readonly automatic: boolean
  /** Whether a login could start now: none is running, and the account is not paused. */
  readonly mayBegin: () => boolean
  /** Called when the account is signed in, by whatever means. */
  readonly succeeded: () => void
  /** Starts a login unless one is running or the account is paused; does not wait. */
  readonly begin: Effect.Effect<void>
  /** Starts or joins a login, and waits for it. */
  readonly signedIn: Effect.Effect<void, LoginFailed | LoginInProgress>
  /** For administrators: works with auto-login off, and during a pause. */
  readonly start: Effect.Effect<"running" | "already_running", LoginFailed>
  /** Manual login: returns a URL, and ends when the account is signed in. */
  readonly person: Effect.Effect<PersonLogin, LoginFailed | BackendUnavailable>
  /** Completes a manual login with the callback URL from a browser on another machine. */
  readonly callback: (url: string) => Effect.Effect<void, LoginFailed | BackendUnavailable>
  readonly url: Effect.Effect<string | undefined>
}

interface Beginning {
  readonly by: "browser" | "person"
  readonly login: Effect.Effect<void, SignInStopped>
}

const broken = new SignInStopped({ reason: "timed_out", detail: "the login failed unexpectedly", again: false })

/** Signs accounts in with a `Browser`, or manually. Fails with `LoginFailed` or `LoginInProgress`. */
export class AutoLogin extends Context.Tag("lingma-gateway/lingma/AutoLogin")<
  AutoLogin,
  {
    /** The login of one instance, its counters at 0; a running login is stopped with the scope. */
    readonly of: (client: Client) => Effect.Effect<Login, never, Scope.Scope>
  }
>() {
  static readonly make = Effect.fnUntraced(function* (options: AutoLoginOptions) {
    const browser = yield* Browser
    const { mark } = yield* Metrics
    const clock = yield* Effect.clock
    const whole = Duration.sum(options.timeout, sessionPatience)
    const now = () => Number(clock.unsafeCurrentTimeNanos()) / 1e6

    const of = Effect.fnUntraced(function* (client: Client) {
      const { id } = client
      for (const outcome of ["succeeded", ...loginReasons]) mark(MetricKeys.logins, 0, { name: id, outcome })
      const automatic = options.enabled && Option.isSome(client.account)
      let state: LoginState = idle
      let next: Beginning | undefined
      let failedWith: Client["account"] | undefined
      let asked: string | undefined

      const failed = (reason: LoginReason, detail: string) => new LoginFailed({ instance: id, reason, detail })
      const told = (message: string, fields: Record<string, unknown>) =>
        Effect.annotateLogs(Effect.logInfo(message), { instance: id, ...fields })

      const noSession = new SignInStopped({ reason: "timed_out", detail: "Lingma reported no login", again: false })
      /** Completes when the account is signed in, whether by the page, a person or another IDE. */
      const appears = (within: Duration.Duration) =>
        client.check.pipe(
          Effect.repeat({ until: (yes) => yes, schedule: Schedule.spaced("500 millis") }),
          Effect.timeoutFail({ duration: within, onTimeout: () => noSession }),
          Effect.asVoid
        )

      const address = Effect.gen(function* () {
        const rpc = yield* client.rpc
        yield* LoginCalls.switchEndpoint(rpc, options.endpoint)
        return yield* LoginCalls.loginUrl(rpc)
      }).pipe(
        Effect.mapError((error) =>
          error._tag === "BackendUnavailable"
            ? new SignInStopped({ reason: "no_login_url", detail: error.detail, again: true })
            : error
        )
      )

      const throughBrowser = (account: Account) => {
        let submissions = 0
        const once = Effect.gen(function* () {
          const url = yield* address
          const trust = LoginHosts.make(url, options.hosts, LoginHosts.expected(url).port)
          if (!trust.mayType(url)) {
            const host = URL.canParse(url) ? new URL(url).host : "an address that is none"
            return yield* new SignInStopped({
              reason: "refused_host",
              detail: `Lingma names ${host}, which is not in AUTO_LOGIN_HOSTS`,
              again: false
            })
          }
          const page = browser.signIn({
            url,
            username: account.username,
            password: account.password,
            hosts: options.hosts,
            organization: options.organization,
            submissions: options.maxSubmissions - submissions,
            onSubmit: () => void submissions++,
            timeout: options.timeout,
            workDir: client.workDir,
            screenshots: options.screenshots ? `${client.workDir}/login-screenshots` : undefined
          })
          // Lingma's login state decides; the page may finish later.
          yield* Effect.raceFirst(appears(whole), Effect.zipRight(page, Effect.delay(noSession, sessionPatience)))
        })
        return once.pipe(
          Effect.retry({
            schedule: loginRetry,
            while: ({ again }) => again && submissions < options.maxSubmissions,
            times: 3
          }),
          Effect.timeoutFail({
            duration: whole,
            onTimeout: () => new SignInStopped({ reason: "timed_out", detail: "the login did not end", again: false })
          })
        )
      }

      const run = Span.named("AutoLogin.run")(function* ({ by, login }: Beginning) {
        state = { _tag: "Running", by }
        yield* told("login begun", { by })
        const exit = yield* Effect.exit(login)
        asked = undefined
        if (Exit.isSuccess(exit)) {
          state = idle
          mark(MetricKeys.logins, 1, { name: id, outcome: "succeeded" })
          return yield* told("login done", { by })
        }
        const error = Option.getOrElse(Cause.failureOption(exit.cause), () => broken)
        // A manual login that timed out causes no pause.
        const until = now() + (by === "person" ? 0 : Duration.toMillis(restAfter(error.reason)))
        state = by === "person" ? idle : { _tag: "Failed", reason: error.reason, detail: error.detail, until }
        failedWith = client.account
        mark(MetricKeys.logins, 1, { name: id, outcome: error.reason })
        client.onFailure?.()
        yield* Effect.annotateLogs(Effect.logWarning("login failed"), {
          instance: id,
          by,
          state: word(state),
          reason: error.detail
        })
        return yield* failed(error.reason, error.detail)
      })
      const flight = yield* SharedWork.make(
        Effect.suspend(() => (next === undefined ? Effect.void : run(next))),
        { keep: 0 }
      )
      const joined = Effect.sync(() =>
        Effect.catchTag(flight.join(), "WorkBroken", () => failed(broken.reason, broken.detail))
      )
      /** Joins the running login or starts one, atomically. The inner effect waits for it to end. */
      const fly = (beginning: Beginning) =>
        Effect.suspend(() => {
          if (!flight.isRunning()) next = beginning
          return joined
        })

      const resting = () =>
        state._tag === "Failed" && now() < state.until && failedWith === client.account ? state : undefined
      const byBrowser = Effect.suspend(() =>
        Option.match(client.account, {
          onNone: () => failed("human_needed", "no account is set for this instance"),
          onSome: (account) => fly({ by: "browser", login: throughBrowser(account) })
        })
      )

      const mayBegin = () => automatic && !flight.isRunning() && resting() === undefined
      const begin = Effect.suspend(() => (mayBegin() ? Effect.ignore(byBrowser) : Effect.void))

      const signedIn = Effect.suspend((): Effect.Effect<void, LoginFailed | LoginInProgress> => {
        const tired = resting()
        if (tired !== undefined && !flight.isRunning()) return failed(tired.reason, tired.detail)
        return Effect.flatten(flight.isRunning() ? joined : byBrowser).pipe(
          Effect.timeoutFail({ duration: options.patience, onTimeout: () => new LoginInProgress({ instance: id }) })
        )
      }).pipe(Span.within("login", { attributes: { "lingma.instance": id } }))

      const person = Span.named("AutoLogin.person")(function* () {
        const url = yield* Effect.mapError(address, (error) => failed(error.reason, error.detail))
        asked = url
        yield* Effect.asVoid(fly({ by: "person", login: appears(personPatience) }))
        return { url }
      })

      const callback = Span.named("AutoLogin.callback")(function* (pasted: string) {
        const { port, state } = asked === undefined ? { port: undefined, state: undefined } : LoginHosts.expected(asked)
        const query = LoginHosts.callbackQuery(pasted, state)
        if (query === undefined || port === undefined)
          return yield* failed("no_login_url", "not the callback address of a login that was begun here")
        yield* Effect.mapError(LoginCalls.deliver(yield* client.rpc, port, query), (error) =>
          failed(error.reason, error.detail)
        )
        yield* Effect.mapError(appears(Duration.seconds(20)), (error) => failed(error.reason, error.detail))
      })

      return {
        automatic,
        mayBegin,
        state: Effect.sync(() => state),
        succeeded: () => {
          if (!flight.isRunning()) state = idle
        },
        begin,
        signedIn,
        start: Effect.suspend(() =>
          flight.isRunning() ? Effect.succeed("already_running" as const) : Effect.as(byBrowser, "running" as const)
        ),
        person: Effect.suspend(person),
        url: Effect.sync(() => asked),
        callback
      } satisfies Login
    })
    return AutoLogin.of({ of })
  })

  /** With explicit options. */
  static readonly layer = (options: AutoLoginOptions): Layer.Layer<AutoLogin, never, Browser> =>
    Layer.provide(Layer.effect(AutoLogin, AutoLogin.make(options)), Metrics.layer)

  /** With options from the settings. */
  static readonly layerFromConfig: Layer.Layer<AutoLogin, never, Browser | GatewayConfig> = Layer.unwrapEffect(
    Effect.map(Effect.all([GatewayConfig, LiveSettings.get]), ([settings, live]) =>
      AutoLogin.layer({
        enabled: Option.getOrElse(settings.autoLoginEnabled, () => true),
        timeout: settings.autoLoginTimeout,
        maxSubmissions: settings.autoLoginMaxRetry,
        hosts: settings.autoLoginHosts,
        organization: Option.getOrUndefined(settings.autoLoginOrganization),
        endpoint: Option.getOrUndefined(settings.dedicatedDomainUrl),
        screenshots: settings.autoLoginScreenshots,
        get patience() {
          return live.current.firstTokenTimeout
        }
      })
    )
  )
}
