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
  readonly health: Health.Health
  readonly ejected: boolean
  /** Times it was left out since the start. */
  readonly ejections: number
}

/** A chat's hold on an instance, until the scope closes. */
export interface Lease {
  readonly backend: Backend
  /** How the chat ended; the first word counts, and none at all means cancelled. */
  readonly settle: (outcome: Exclude<Health.Outcome, "cancelled">) => void
}

/** Bounds for each instance. */
export interface PoolOptions {
  /** Most chats at once on one instance; 0 means no limit of its own. */
  readonly maxInFlightPerInstance: number
}

/** States that lead to ready without anybody's doing. */
const coming: ReadonlySet<BackendState> = new Set(["starting", "reconnecting"])

/** The instances that chats are given to. Never fails: with none ready it gives one that may wake. */
export class Pool extends Context.Tag("lingma-gateway/Pool")<
  Pool,
  {
    /** Chooses an instance and counts the chat against it until the scope closes. */
    readonly lease: (key: Option.Option<string>) => Effect.Effect<Lease, never, Scope.Scope>
    /** Another instance than the ones tried: a ready one, else one that is on its way back, else none. */
    readonly another: (
      key: Option.Option<string>,
      tried: ReadonlySet<string>
    ) => Effect.Effect<Option.Option<Lease>, never, Scope.Scope>
    readonly snapshot: Effect.Effect<Arr.NonEmptyReadonlyArray<Instance>>
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
    let turn = 0

    const healthOf = (id: string) => health.get(id) ?? Health.well
    const statuses = Effect.forEach(backends, (backend) =>
      Effect.map(backend.status, (status) => ({ backend, status }))
    ) as Effect.Effect<Arr.NonEmptyReadonlyArray<{ readonly backend: Backend; readonly status: BackendStatus }>>
    const inspect = (seen: Effect.Effect.Success<typeof statuses>) =>
      Arr.map(seen, ({ backend, status }): Instance => {
        const { id } = backend
        const mine = healthOf(id)
        const at = now()
        return {
          ...status,
          id,
          ready: status.state === "ready" && status.loggedIn !== false && Health.mayServe(mine, at),
          inFlight: load.get(id) ?? 0,
          limit: options.maxInFlightPerInstance,
          health: mine,
          ejected: Health.isEjected(mine, at),
          ejections: ejections.get(id) ?? 0,
          backend
        }
      })

    /** At most all but one are out at a time. */
    const isSpare = (id: string, at: number) =>
      backends.some((other) => other.id !== id && !Health.isEjected(healthOf(other.id), at))

    const add = (id: string, n: number) => load.set(id, (load.get(id) ?? 0) + n)

    const giveLease = (backend: Backend) => {
      const { id } = backend
      let outcome: Health.Outcome | undefined
      add(id, 1)
      health.set(id, Health.begun(healthOf(id), now()))
      const lease: Lease = {
        backend,
        settle: (how) => {
          outcome ??= how
        }
      }
      const giveBack = () => {
        const at = now()
        add(id, -1)
        const before = healthOf(id)
        const after = Health.ended(before, outcome ?? "cancelled", at, isSpare(id, at))
        health.set(id, after)
        if (after.ejections > before.ejections) ejections.set(id, (ejections.get(id) ?? 0) + 1)
      }
      return { lease, giveBack }
    }

    /** Chosen and counted in one step, so that the next pick sees it. */
    const take = (pick: (instances: Arr.NonEmptyReadonlyArray<Instance>) => Instance | undefined) =>
      Effect.flatMap(statuses, (seen) =>
        Scoped.own(
          () => {
            const picked = pick(inspect(seen))
            return picked === undefined ? undefined : giveLease(picked.backend)
          },
          ({ giveBack }) => giveBack()
        )
      )

    return Pool.of({
      snapshot: Effect.map(statuses, inspect),
      lease: (key) =>
        Effect.flatMap(
          take((instances) => Routing.pick(instances, { key, turn: turn++ })),
          (taken) =>
            taken === undefined ? Effect.dieMessage("a pick among some is none") : Effect.succeed(taken.lease)
        ),
      another: (key, tried) =>
        Effect.map(
          take((instances) => {
            const untried = instances.filter(({ id }) => !tried.has(id))
            const ready = untried.filter((instance) => instance.ready)
            const others = ready.length > 0 ? ready : untried.filter(({ state }) => coming.has(state))
            return Arr.isNonEmptyReadonlyArray(others) ? Routing.pick(others, { key, turn: turn++ }) : undefined
          }),
          (taken) => Option.map(Option.fromNullable(taken), ({ lease }) => lease)
        )
    })
  })

  static readonly layer = (backends: Arr.NonEmptyReadonlyArray<Backend>, options?: PoolOptions): Layer.Layer<Pool> =>
    Layer.effect(Pool, Pool.make(backends, options))
}
