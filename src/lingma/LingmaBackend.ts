/**
 * Implements `TextBackend` for a Lingma instance, in either of its wire dialects; each turn gets a new session.
 */
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises"
import { join, resolve } from "node:path"
import { Duration, Effect, type Option, type Scope } from "effect"
import type { Account } from "../domain/Account.ts"
import type { Image } from "../domain/Chat.ts"
import { BackendFailure, type TurnError } from "../domain/ChatError.ts"
import * as Login from "../domain/Login.ts"
import * as Turn from "../domain/Turn.ts"
import type { Metrics } from "../observe/Metrics.ts"
import * as RequestContext from "../observe/RequestContext.ts"
import * as Scoped from "../runtime/Scoped.ts"
import * as SharedWork from "../runtime/SharedWork.ts"
import type { Ask, TextBackend } from "../textonly/TextBackend.ts"
import * as Instance from "./Instance.ts"
import { AutoLogin } from "./login/AutoLogin.ts"
import * as Leftovers from "./process/Leftovers.ts"
import { describe, type RpcError } from "./rpc/RpcError.ts"
import * as AskDialect from "./turn/AskDialect.ts"
import * as Endings from "./turn/Endings.ts"
import * as SessionDialect from "./turn/SessionDialect.ts"

export interface LingmaBackendOptions extends Omit<Instance.InstanceOptions, "onAuth"> {
  readonly emulated: boolean
  readonly attached?: boolean
  /** Looked at for each login: its password may change. */
  readonly account: Option.Option<Account>
}

/** Min milliseconds between logins that are forced although Lingma reports a login. */
const betweenForced = Duration.toMillis(Duration.minutes(15))

export const make = (
  options: LingmaBackendOptions
): Effect.Effect<TextBackend, never, AutoLogin | Metrics | Scope.Scope> =>
  Effect.gen(function* () {
    const { id } = options
    const lifetime = yield* Effect.scope
    const signedOut = yield* Effect.makeLatch(false)
    let succeeded = () => {}
    const instance = yield* Instance.make({
      ...options,
      onAuth: (loggedIn) => {
        if (loggedIn) succeeded()
        else signedOut.unsafeOpen()
      }
    })
    const { check, rpc, trust } = instance
    const login = yield* (yield* AutoLogin).of({
      ...options,
      get account() {
        return options.account
      },
      rpc,
      check,
      onFailure: trust
    })
    succeeded = login.succeeded
    const clock = yield* Effect.clock
    const now = () => Number(clock.unsafeCurrentTimeNanos()) / 1e6
    let forcedAt = Number.NEGATIVE_INFINITY
    /** Lingma may reject a call for lack of a login while it reports one: then force a new login, rate-limited. */
    const refusedLogin = () => {
      if (!login.mayBegin() || now() - forcedAt < betweenForced) return instance.refreshSoon()
      forcedAt = now()
      instance.distrust()
    }
    yield* signedOut.await.pipe(
      Effect.zipRight(signedOut.close),
      Effect.zipRight(login.begin),
      Effect.forever,
      Effect.interruptible,
      Effect.forkScoped
    )
    /** Keyed by connection, because a restarted process may speak another dialect. */
    const speaksAsk = new WeakSet<object>()

    const about = ({ contextLimit, model, promptTokens }: Ask, started: boolean): Endings.About => ({
      instance: id,
      started,
      automatic: login.automatic,
      model,
      promptTokens,
      contextLimit,
      now: Date.now
    })
    const refused =
      (ask: Ask) =>
      (error: RpcError, started: boolean): TurnError =>
        error._tag === "RpcRejected"
          ? Endings.toError({ code: error.code, text: error.detail }, about(ask, started))
          : new BackendFailure({
              instance: id,
              started,
              lost: error._tag === "RpcDisconnected",
              detail: describe(error)
            })

    const turns = resolve(options.workDir, Leftovers.TURN.parent)
    const idle = join(turns, "idle")
    const noDirectory = (cause: unknown) =>
      new BackendFailure({ instance: id, started: false, detail: `no directory for the turn: ${String(cause)}` })
    const inTurns = <A>(step: () => Promise<A>) => Effect.tryPromise({ try: step, catch: noDirectory })
    /** Recreated now and then, because cleaners of temporary files may remove it. */
    const making = yield* SharedWork.make(
      inTurns(() => mkdir(idle, { recursive: true, mode: 0o700 }).then(() => idle)),
      { keep: "1 minute" }
    )
    const shared = Effect.catchTag(making.result, "WorkBroken", ({ cause }) => noDirectory(cause))

    const write = (cwd: string) => (image: Image, index: number) =>
      inTurns(() =>
        writeFile(SessionDialect.imagePath(cwd, image, index), image.data, { encoding: "base64", mode: 0o600 })
      )

    /** Chat mode writes no files, so its turns share one empty directory; a turn with images gets its own. */
    const directory = (ask: Ask): Effect.Effect<string, BackendFailure, Scope.Scope> =>
      ask.mode === "chat" && ask.images.length === 0
        ? shared
        : Effect.acquireRelease(
            Effect.zipRight(
              shared,
              inTurns(() => mkdtemp(join(turns, Leftovers.TURN.prefix)))
            ),
            (path) => Effect.ignore(inTurns(() => rm(path, { recursive: true, force: true })))
          ).pipe(Effect.tap((path) => Effect.forEach(ask.images, write(path), { discard: true })))

    const chat = Effect.fnUntraced(function* (ask: Ask) {
      const rpc = yield* instance.rpc
      const turn = Turn.make({ instance: id })
      yield* Scoped.later(() => {
        if (turn.failure()?._tag === "NotLoggedIn") refusedLogin()
        else if (turn.state() === "finished") instance.proved()
      })
      const cwd = yield* directory(ask)
      const { tap } = yield* RequestContext.current
      const dialect = {
        rpc,
        instance: id,
        cwd,
        tap: tap?.asked({ instance: id, ...ask }),
        refused: refused(ask),
        ended: (failure: Endings.Failure) => Endings.toError(failure, about(ask, true)),
        lifetime
      }
      const older = AskDialect.begin(dialect, ask, turn)
      const begun = speaksAsk.has(rpc)
        ? older
        : Effect.catchIf(
            SessionDialect.begin(dialect, ask, turn),
            (error) => error._tag === "RpcRejected" && error.unknownMethod,
            () => {
              speaksAsk.add(rpc)
              return older
            }
          )
      yield* Effect.mapError(begun, (error) => {
        const failure = dialect.refused(error, false)
        if (failure._tag === "NotLoggedIn") refusedLogin()
        return failure
      })
      return turn
    })

    return {
      id,
      provider: "Lingma",
      emulated: options.emulated,
      attached: options.attached === true,
      status: Effect.zipWith(instance.status, login.state, (status, state) => ({
        ...status,
        login: status.loggedIn === true ? Login.signedIn : state
      })),
      ensureReady: login.automatic
        ? Effect.catchTag(instance.loggedIn, "NotLoggedIn", () => Effect.zipRight(login.signedIn, instance.loggedIn))
        : instance.loggedIn,
      login: {
        ...login,
        identity: instance.rpc.pipe(Effect.zipRight(instance.check), Effect.map(instance.identity))
      },
      retry: Effect.zipRight(
        instance.retry,
        Effect.flatMap(instance.status, ({ loggedIn }) =>
          login.automatic && loggedIn === false ? Effect.ignore(login.start) : Effect.void
        )
      ),
      models: instance.models,
      chat
    }
  })
