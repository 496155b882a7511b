/**
 * Supervises one Lingma: starts and restarts the process, connects, and keeps its login state and models up to date.
 */
import { type Duration, Effect, Either, Option, Schedule, type Scope, Stream, SubscriptionRef } from "effect"
import type { BackendIdentity, BackendState, BackendStatus } from "../chat/Backend.ts"
import { BackendUnavailable, NotLoggedIn } from "../domain/ChatError.ts"
import type { Model } from "../domain/Model.ts"
import type { Metrics } from "../observe/Metrics.ts"
import * as SharedWork from "../runtime/SharedWork.ts"
import * as AccountWord from "./AccountWord.ts"
import * as LastError from "./LastError.ts"
import * as Models from "./Models.ts"
import type * as Endpoint from "./process/Endpoint.ts"
import * as LingmaProcess from "./process/LingmaProcess.ts"
import { LingmaRpc, type LingmaRpcOptions } from "./rpc/LingmaRpc.ts"
import * as Protocol from "./rpc/Protocol.ts"
import * as Pushes from "./rpc/Pushes.ts"
import { describe, type RpcError } from "./rpc/RpcError.ts"
import * as StartLog from "./StartLog.ts"

export interface InstanceOptions {
  readonly id: string
  readonly find: Endpoint.Find
  /** Sent in the handshake as the workspace. */
  readonly workDir: string
  /** Wraps each start, to space out the starts of several instances. */
  readonly gate: <A, E, R>(start: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
  readonly startupTimeout: Duration.Duration
  readonly rpcTimeout: Duration.Duration
  readonly version: string
  /** Called after each report of the login state. */
  readonly onAuth: (loggedIn: boolean) => void
  /** Default: `LingmaRpc.make`. */
  readonly connect?: (options: LingmaRpcOptions) => Effect.Effect<LingmaRpc["Type"], never, Metrics | Scope.Scope>
}

export interface Instance {
  readonly status: Effect.Effect<Omit<BackendStatus, "login">>
  readonly state: SubscriptionRef.SubscriptionRef<BackendState>
  /** Waits while the instance starts; fails at once after repeated failures. */
  readonly rpc: Effect.Effect<LingmaRpc["Type"], BackendUnavailable>
  readonly loggedIn: Effect.Effect<void, NotLoggedIn | BackendUnavailable>
  /** Queries the login state, at most once a second. */
  readonly check: Effect.Effect<boolean>
  /** The account, if known. */
  readonly identity: () => BackendIdentity | undefined
  readonly models: Effect.Effect<ReadonlyArray<Model>, BackendUnavailable>
  /** Called when a turn has finished: resets the restart backoff for this process. */
  readonly proved: () => void
  /** Refreshes account and models in the background, after a call indicated a change. */
  readonly refreshSoon: () => void
  /** Like `refreshSoon`, and ignores the reported login until a different one is reported, or `trust` is called. */
  readonly distrust: () => void
  /** Reverts `distrust`. */
  readonly trust: () => void
  /** Starts or looks again now, without the rest of a backoff. */
  readonly retry: Effect.Effect<void>
}

/** Restart backoff: 0.5 s doubling up to 30 s, with jitter; reset after a minute without failures or by `proved`. */
export const restart = Schedule.exponential("500 millis").pipe(
  Schedule.union(Schedule.spaced("30 seconds")),
  Schedule.jittered,
  Schedule.resetAfter("1 minute")
)

/** Refresh interval of account and models. */
const staleAfter = "1 minute"
/** Min time between starts that requests trigger for a failed instance. */
const WAKE_AFTER_MILLIS = 1000

/** States in which a request does not wait for a change. */
const settling = new Set<BackendState>(["ready", "failed", "closed"])
/** Errors of a single call: the connection itself works. */
const failedOnly = new Set<string>(["RpcRejected", "RpcMalformed"])

export const make = (options: InstanceOptions): Effect.Effect<Instance, never, Metrics | Scope.Scope> =>
  Effect.gen(function* () {
    const { connect = LingmaRpc.make, id } = options
    const clock = yield* Effect.clock
    const now = () => Number(clock.unsafeCurrentTimeNanos()) / 1e6
    const state = yield* SubscriptionRef.make<BackendState>("stopped")
    const wake = yield* Effect.makeLatch(false)
    const refreshNow = yield* Effect.makeLatch(false)
    let current: LingmaRpc["Type"] | undefined
    const account = AccountWord.make()
    let models: ReadonlyArray<Model> = []
    let starts = 0
    let startedAt = 0
    /** Whether requests should wait: no failed start yet, or at most one failure since it was last ready. */
    let hopeful = true
    let isReady = false
    let isSettled = false
    /** Requests that wait for a start to finish. */
    const waiting = new Set<(end: Effect.Effect<void>) => void>()
    /** Consecutive starts that did not reach `ready`; undefined before the first that did. */
    let failures: number | undefined
    let useful = false
    const lastError = LastError.make(() => clock.unsafeCurrentTimeMillis())
    const startLog = StartLog.make()

    const unavailable = () => new BackendUnavailable({ instance: id, detail: lastError.now() ?? "not ready" })
    const to = (next: BackendState) =>
      Effect.flatMap(SubscriptionRef.get(state), (before) =>
        before === next
          ? Effect.void
          : Effect.zipRight(
              Effect.suspend(() => {
                isReady = next === "ready"
                isSettled = settling.has(next)
                if (isSettled) for (const resume of waiting) resume(Effect.void)
                // An interrupt during `set` would leak its permit and block the next change.
                return Effect.uninterruptible(SubscriptionRef.set(state, next))
              }),
              Effect.suspend(() => startLog.state(next))
            )
      )

    const notRefreshed = (error: RpcError) =>
      Effect.annotateLogs(Effect.logWarning("account and models not refreshed"), { reason: describe(error) })

    const askAccount = (rpc: LingmaRpc["Type"]) =>
      Effect.map(rpc.call(Protocol.authStatus, {}), (status) => options.onAuth(account.hear(status)))
    const askModels = (rpc: LingmaRpc["Type"]) =>
      Effect.map(rpc.call(Protocol.queryModels, {}), (scenes) => {
        models = Models.fromScenes(scenes)
      })

    /** An error reply does not count as a lost instance: the last known values are kept. */
    const ask = (rpc: LingmaRpc["Type"]): Effect.Effect<void, RpcError> =>
      Effect.zipRight(
        Effect.catchIf(askAccount(rpc), (error) => failedOnly.has(error._tag), notRefreshed),
        Effect.catchIf(askModels(rpc), (error) => error._tag !== "RpcDisconnected", notRefreshed)
      )

    /** Shared by all callers; at most one query a second. */
    const asking = yield* SharedWork.make(
      Effect.suspend(() => (current === undefined ? Effect.void : Effect.catchAll(ask(current), notRefreshed))),
      { keep: "1 second" }
    )
    const fresh = Effect.ignore(asking.result)
    const forget = Effect.sync(asking.forget)

    const keepFresh = refreshNow.await.pipe(
      Effect.timeoutOption(staleAfter),
      Effect.zipRight(refreshNow.close),
      Effect.zipRight(forget),
      Effect.zipRight(fresh),
      Effect.forever
    )

    /** From spawn to exit; never succeeds. */
    const life = Effect.gen(function* () {
      starts++
      useful = false
      startedAt = now()
      const endpoint = yield* options.gate(options.find)
      const rpc = yield* connect({
        url: endpoint.url,
        isOurs: endpoint.isOurs,
        place: endpoint.place,
        ...(endpoint.headers === undefined ? {} : { headers: endpoint.headers }),
        timeout: options.rpcTimeout,
        initialize: Protocol.initializeParams(options.workDir, options.version),
        onPush: (method) => {
          if (Pushes.concernsAccount(method)) refreshNow.unsafeOpen()
        }
      })
      const up = rpc.ready.pipe(
        Effect.timeoutFail({
          duration: options.startupTimeout,
          onTimeout: () =>
            new LingmaProcess.ProcessExited({ detail: "did not come up in time (LINGMA_STARTUP_TIMEOUT)" })
        }),
        Effect.zipRight(ask(rpc)),
        Effect.mapError((error) =>
          error._tag === "ProcessExited" ? error : new LingmaProcess.ProcessExited({ detail: describe(error) })
        )
      )
      const isBack = Effect.suspend(() => {
        hopeful = true
        lastError.clear()
        return to("ready")
      })
      /** Restarts our own process; an attached one is marked as failed, so that requests stop waiting. */
      const silent = Effect.suspend((): Effect.Effect<void, LingmaProcess.ProcessExited> => {
        const detail = "no connection to it within LINGMA_STARTUP_TIMEOUT"
        if (endpoint.isReplaceable) return new LingmaProcess.ProcessExited({ detail })
        hopeful = false
        lastError.set(detail)
        return to("failed")
      })
      const follow = Stream.runForEach(rpc.state.changes, (next) =>
        next === "ready" ? Effect.zipRight(Effect.zipRight(forget, fresh), isBack) : to("reconnecting")
      )
      const connected = (wanted: boolean) =>
        Stream.runDrain(Stream.takeUntil(rpc.state.changes, (next) => (next === "ready") === wanted))
      const notice = connected(false).pipe(
        Effect.zipRight(Effect.timeoutOption(connected(true), options.startupTimeout)),
        Effect.flatMap((back) => (Option.isSome(back) ? Effect.void : silent)),
        Effect.forever
      )
      const serve = Effect.gen(function* () {
        yield* up
        current = rpc
        hopeful = true
        lastError.clear()
        yield* to("ready")
        // Kept apart from the race below, where a failure does not end a sibling that waits under a timeout.
        const kept = Effect.all([follow, keepFresh], { concurrency: 2, discard: true })
        return yield* Effect.raceFirst(notice, Effect.zipRight(kept, Effect.never))
      })
      return yield* Effect.raceFirst(endpoint.gone, serve)
    })

    const ended = (error: LingmaProcess.ProcessExited) =>
      Effect.gen(function* () {
        failures = current !== undefined ? 0 : failures === undefined ? undefined : failures + 1
        hopeful = failures !== undefined && failures < 2
        current = undefined
        // The rest is Lingma's last output: for the log only, not for callers.
        lastError.set(error.detail.split("; ")[0] ?? "")
        yield* startLog.ended(error.detail)
        yield* to(hopeful ? "reconnecting" : "failed")
      })

    const schedule = yield* Schedule.driver(restart)
    yield* to("starting").pipe(
      Effect.zipRight(Effect.scoped(life)),
      Effect.either,
      Effect.flatMap((end) => (Either.isLeft(end) ? ended(end.left) : Effect.void)),
      Effect.zipRight(Effect.suspend(() => (useful ? schedule.reset : Effect.void))),
      Effect.zipRight(wake.close),
      Effect.zipRight(Effect.raceFirst(schedule.next(undefined), wake.await)),
      Effect.forever,
      Effect.ensuring(to("closed")),
      Effect.annotateLogs({ instance: id }),
      Effect.interruptible,
      Effect.forkScoped
    )

    const settled = Effect.async<void>((resume) => {
      if (isSettled) return resume(Effect.void)
      waiting.add(resume)
      return Effect.sync(() => waiting.delete(resume))
    })
    const awaited: Instance["rpc"] = Effect.gen(function* () {
      // A request needs it: skip the backoff, but start at most once a second.
      if (now() - startedAt > WAKE_AFTER_MILLIS) yield* wake.open
      if (!hopeful) return yield* unavailable()
      yield* Effect.timeoutOption(settled, options.startupTimeout)
      return isReady && current !== undefined ? current : yield* unavailable()
    })
    // Fast path: the instance is usually ready.
    const rpc = Effect.suspend(() => (isReady && current !== undefined ? Effect.succeed(current) : awaited))

    const refreshSoon = () => {
      account.doubt()
      // Callers from now on must not get a result from before.
      asking.forget()
      refreshNow.unsafeOpen()
    }
    return {
      state,
      rpc,
      proved: () => {
        useful = true
      },
      refreshSoon,
      retry: Effect.zipRight(wake.open, Effect.sync(refreshSoon)),
      distrust: () => {
        account.distrust()
        refreshSoon()
      },
      trust: () => {
        if (account.trust()) refreshSoon()
      },
      status: Effect.map(SubscriptionRef.get(state), (now_) => ({
        state: now_,
        loggedIn: account.loggedIn(),
        restarts: Math.max(0, starts - 1),
        models,
        account: account.identity()?.id || undefined,
        lastError: lastError.now(),
        lastFailure: lastError.last()
      })),
      loggedIn: Effect.flatMap(rpc, () =>
        account.loggedIn() === true
          ? Effect.void
          : Effect.flatMap(fresh, () =>
              // If the login state is unknown, the reply to the chat will tell.
              account.loggedIn() === false ? new NotLoggedIn({ instance: id, retriable: false }) : Effect.void
            )
      ),
      check: Effect.map(fresh, () => account.loggedIn() === true),
      identity: account.identity,
      models: Effect.flatMap(rpc, () => (models.length > 0 ? Effect.succeed(models) : Effect.map(fresh, () => models)))
    } satisfies Instance
  })
