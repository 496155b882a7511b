/**
 * The running instances: how many chats each one carries, and whether its turns go well.
 */
import { Array as Arr, Context, Effect, Layer, Option, type Scope } from "effect"
import type { Backend, BackendState, BackendStatus } from "./Backend.ts"
import * as Health from "./domain/Health.ts"
import * as Routing from "./domain/Routing.ts"
import * as Scoped from "./Scoped.ts"

/** An instance as it is at the moment. */
export interface Instance extends BackendStatus, Routing.Candidate {
  readonly backend: Backend
  /** Why it is not ready, in fixed words that anybody may read. */
  readonly reason: string | undefined
  readonly health: Health.Health
  readonly ejected: boolean
  /** Its chats keep failing, and no other can stand in: not ready, but the first to be tried when none is. */
  readonly failing: boolean
  /** Times it was left out since the start. */
  readonly ejections: number
}

/** A chat's hold on an instance, until the scope closes. */
export interface Lease {
  readonly backend: Backend
  /** The answer has begun: on probation the instance may be sent the next chat. */
  readonly answering: () => void
  /**
   * How the chat ended, and for administrators why; the first word counts, and none at all means that the client left.
   * `absent`: the instance did not get ready for it, which is held against one only that said it was.
   */
  readonly settle: (outcome: Exclude<Health.Outcome, "cancelled"> | "absent", detail?: string) => void
}

/** Bounds for each instance. */
export interface PoolOptions {
  /** Most chats at once on one instance; 0 means no limit of its own. */
  readonly maxInFlightPerInstance: number
}

/** States that lead to ready without anybody's doing. */
const coming: ReadonlySet<BackendState> = new Set(["starting", "reconnecting"])

type Some = Arr.NonEmptyReadonlyArray<Instance>

const isReady = ({ ready }: Instance) => ready
const isConnected = ({ loggedIn, state }: Instance) => state === "ready" && loggedIn !== false
const isFailing = (instance: Instance) => instance.failing && isConnected(instance)
const isComing = ({ state }: Instance) => coming.has(state)

/** The first of these kinds that there are any of. */
const firstOf = (instances: ReadonlyArray<Instance>, ...kinds: ReadonlyArray<(instance: Instance) => boolean>) => {
  for (const kind of kinds) {
    const some = instances.filter(kind)
    if (Arr.isNonEmptyReadonlyArray(some)) return some
  }
  return undefined
}

/** The instances that chats are given to. Never fails: with none ready it gives one that may wake. */
export class Pool extends Context.Tag("lingma-gateway/Pool")<
  Pool,
  {
    /** Chooses an instance and counts the chat against it until the scope closes. */
    readonly lease: (key: Option.Option<string>) => Effect.Effect<Lease, never, Scope.Scope>
    /** Another instance than the ones tried: a ready one, else a failing one, else one on its way back, else none. */
    readonly another: (
      key: Option.Option<string>,
      tried: ReadonlySet<string>
    ) => Effect.Effect<Option.Option<Lease>, never, Scope.Scope>
    readonly snapshot: Effect.Effect<Some>
  }
>() {
  static readonly make = Effect.fnUntraced(function* (
    backends: Arr.NonEmptyReadonlyArray<Backend>,
    options: PoolOptions = { maxInFlightPerInstance: 0 }
  ) {
    const clock = yield* Effect.clock
    const now = () => Number(clock.unsafeCurrentTimeNanos()) / 1e6
    const load = new Map<string, number>()
    const health = new Map<string, Health.Health>()
    const ejections = new Map<string, number>()
    /** When the chats began that were sent to an instance on probation and have no answer yet. */
    const trying = new Map<string, Set<{ readonly begunAt: number }>>()
    const lastFailure = new Map<string, string>()
    let turn = 0

    const healthOf = (id: string) => health.get(id) ?? Health.well
    const statuses = Effect.forEach(backends, (backend) =>
      Effect.map(backend.status, (status) => ({ backend, status }))
    ) as Effect.Effect<Arr.NonEmptyReadonlyArray<{ readonly backend: Backend; readonly status: BackendStatus }>>
    const begins = (id: string) => Array.from(trying.get(id) ?? [], ({ begunAt }) => begunAt)
    const reasonOf = (id: string, { loggedIn, state }: BackendStatus, at: number) => {
      if (state !== "ready") return `its state is ${state}`
      if (loggedIn === false) return "no account is signed in"
      const mine = healthOf(id)
      switch (Health.why(mine, at, begins(id))) {
        case "ejected":
          return `left out for ${Math.ceil((mine.until - at) / 1000)} s more, as its chats failed`
        case "failing":
          return mine.failures === 1 ? "its last chat failed" : `its last ${mine.failures} chats failed`
        case "probing":
          return "one chat tries it, after it was left out"
        case undefined:
          return undefined
      }
    }
    const inspect = (seen: Effect.Effect.Success<typeof statuses>) =>
      Arr.map(seen, ({ backend, status }): Instance => {
        const { id } = backend
        const mine = healthOf(id)
        const at = now()
        const reason = reasonOf(id, status, at)
        return {
          ...status,
          id,
          ready: reason === undefined,
          reason,
          lastError: status.lastError ?? lastFailure.get(id),
          inFlight: load.get(id) ?? 0,
          limit: options.maxInFlightPerInstance,
          health: mine,
          ejected: Health.isEjected(mine, at),
          failing: Health.isFailing(mine, at),
          ejections: ejections.get(id) ?? 0,
          backend
        }
      })

    /** At most all but one are out at a time. */
    const isSpare = (id: string, at: number) =>
      backends.some((other) => other.id !== id && !Health.isEjected(healthOf(other.id), at))

    const add = (id: string, n: number) => load.set(id, (load.get(id) ?? 0) + n)

    const giveLease = ({ backend, state }: Instance) => {
      const { id } = backend
      const begunAt = now()
      const probe = Health.isOnProbation(healthOf(id), begunAt) ? { begunAt } : undefined
      const probes = trying.get(id) ?? new Set()
      let outcome: Health.Outcome | undefined
      add(id, 1)
      if (probe !== undefined) trying.set(id, probes.add(probe))
      const answering = () => {
        if (probe !== undefined) probes.delete(probe)
      }
      const lease: Lease = {
        backend,
        answering,
        settle: (how, detail) => {
          if (outcome !== undefined) return
          outcome = how === "absent" ? (state === "ready" ? "lost" : "cancelled") : how
          if (outcome === "completed") lastFailure.delete(id)
          else if (outcome !== "cancelled" && detail !== undefined) lastFailure.set(id, detail)
        }
      }
      const giveBack = () => {
        const at = now()
        add(id, -1)
        answering()
        const before = healthOf(id)
        const after = Health.ended(before, { outcome: outcome ?? "cancelled", begunAt, spare: isSpare(id, at) }, at)
        health.set(id, after)
        if (after.ejections > before.ejections) ejections.set(id, (ejections.get(id) ?? 0) + 1)
      }
      return { lease, giveBack }
    }

    /** Chosen and counted in one step, so that the next pick sees it. */
    const take = (pick: (instances: Some) => Instance | undefined) =>
      Effect.flatMap(statuses, (seen) =>
        Scoped.own(
          () => {
            const picked = pick(inspect(seen))
            return picked === undefined ? undefined : giveLease(picked)
          },
          ({ giveBack }) => giveBack()
        )
      )

    return Pool.of({
      snapshot: Effect.map(statuses, inspect),
      lease: (key) =>
        Effect.flatMap(
          take((instances) =>
            Routing.pick(firstOf(instances, isReady, isFailing, isConnected) ?? instances, { key, turn: turn++ })
          ),
          (taken) =>
            taken === undefined ? Effect.dieMessage("a pick among some is none") : Effect.succeed(taken.lease)
        ),
      another: (key, tried) =>
        Effect.map(
          take((instances) => {
            const untried = instances.filter(({ id }) => !tried.has(id))
            const others = firstOf(untried, isReady, isFailing, isComing)
            return others === undefined ? undefined : Routing.pick(others, { key, turn: turn++ })
          }),
          (taken) => Option.map(Option.fromNullable(taken), ({ lease }) => lease)
        )
    })
  })

  static readonly layer = (backends: Arr.NonEmptyReadonlyArray<Backend>, options?: PoolOptions): Layer.Layer<Pool> =>
    Layer.effect(Pool, Pool.make(backends, options))
}
