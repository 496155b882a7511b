/**
 * Instances with their load, health and quotas; chooses one for each chat.
 */
import { Array as Arr, Context, Effect, Either, Layer, Option, type Scope } from "effect"
import { ofProvider } from "../domain/ChatError.ts"
import * as Choice from "../domain/Choice.ts"
import * as Health from "../domain/Health.ts"
import * as Routing from "../domain/Routing.ts"
import * as Spent from "../domain/Spent.ts"
import * as Scoped from "../runtime/Scoped.ts"
import type { Backend, BackendStatus, LastFailure } from "./Backend.ts"
import type { Lease } from "./Lease.ts"

/** Snapshot of an instance. */
export interface Instance extends BackendStatus, Routing.Candidate {
  readonly backend: Backend
  /** Why it is not ready; contains nothing internal, so it may be shown without a key. */
  readonly reason: string | undefined
  readonly health: Health.Health
  readonly ejected: boolean
  /** Its chats keep failing, but it cannot be ejected, as no other instance is left. Tried first if none is ready. */
  readonly failing: boolean
  /** Number of ejections since the start. */
  readonly ejections: number
  /** What went wrong last with it or one of its chats, also after one went well. */
  readonly lastFailure: LastFailure | undefined
  /** Spent quotas of its account: per model, or without a model for the whole account. */
  readonly spent: ReturnType<typeof Spent.listed>
}

export type { Lease } from "./Lease.ts"

/** Instances that may be others later; one at least. */
export interface Members {
  readonly current: Arr.NonEmptyReadonlyArray<Backend>
}

/** Limits of each instance, read for each choice. */
export interface PoolOptions {
  /** Max chats at once on one instance; 0 = no limit. */
  readonly maxInFlightPerInstance: number
}

/** What a list of models is to a request, on the instance that offers them. */
export type Offers = Choice.Offers<Instance>

const later = (a: LastFailure | undefined, b: LastFailure | undefined) =>
  a !== undefined && (b === undefined || a.at > b.at) ? a : b

type Some = Arr.NonEmptyReadonlyArray<Instance>

/** Chooses instances for chats. If none is ready, one that a chat may wake. */
export class Pool extends Context.Tag("lingma-gateway/Pool")<
  Pool,
  {
    /**
     * Chooses an instance and counts the chat as its load until the scope closes. With `offers`, only one that offers
     * the requested model and has quota for it; fails if there is none, not even one that is starting.
     */
    readonly lease: (key: Option.Option<string>, offers?: Offers) => Effect.Effect<Lease, Choice.Unserved, Scope.Scope>
    /** An instance not tried yet: a ready one, else a failing one, else one that is starting, else none. */
    readonly another: (
      key: Option.Option<string>,
      tried: ReadonlySet<string>,
      offers?: Offers
    ) => Effect.Effect<Option.Option<Lease>, never, Scope.Scope>
    /** What `lease` would fail with now. */
    readonly unserved: (offers: Offers) => Effect.Effect<Choice.Unserved | undefined>
    readonly snapshot: Effect.Effect<Some>
    /** Forgets why the instance gets no chats, and has it try again now; false if there is none of this name. */
    readonly retry: (id: string) => Effect.Effect<boolean>
    /** Waits until no chat holds an instance that is no member any more, and forgets what was known of it. */
    readonly retire: (backend: Backend) => Effect.Effect<void>
  }
>() {
  static readonly make = Effect.fnUntraced(function* (
    given: Arr.NonEmptyReadonlyArray<Backend> | Members,
    options: PoolOptions = { maxInFlightPerInstance: 0 }
  ) {
    const members = "current" in given ? given : { current: given }
    const clock = yield* Effect.clock
    const now = () => Number(clock.unsafeCurrentTimeNanos()) / 1e6
    const load = new Map<string, number>()
    const health = new Map<string, Health.Health>()
    const ejections = new Map<string, number>()
    /** Start times of the chats on instances on probation that have no answer yet. */
    const trying = new Map<string, Set<{ readonly begunAt: number }>>()
    const lastFailure = new Map<string, string>()
    const lastFailures = new Map<string, LastFailure>()
    /** With the account they belong to: another account on the instance starts without any. */
    const spent = new Map<string, { readonly account: string | undefined; readonly spent: Spent.Spent }>()
    const epoch = () => clock.unsafeCurrentTimeMillis()
    let picks = 0

    const spentOf = ({ account, id }: Pick<Instance, "account" | "id">) => {
      const known = spent.get(id)
      const isOther = known?.account !== undefined && account !== undefined && known.account !== account
      return known === undefined || isOther ? Spent.nothing : known.spent
    }
    const wantedBy = (offers: Offers | undefined): Choice.Wanted<Instance> => ({
      offers,
      returns: (instance, model) => Spent.returns(spentOf(instance), model, epoch()),
      mayProbe: (instance) => Spent.mayProbe(spentOf(instance), epoch())
    })

    const healthOf = (id: string) => health.get(id) ?? Health.well
    const statuses = Effect.suspend(() =>
      Effect.forEach(members.current, (backend) => Effect.map(backend.status, (status) => ({ backend, status })))
    ) as Effect.Effect<Arr.NonEmptyReadonlyArray<{ readonly backend: Backend; readonly status: BackendStatus }>>
    /** Called once no chat holds the instance. */
    const retiring = new Map<string, () => void>()
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
          lastFailure: later(status.lastFailure, lastFailures.get(id)),
          inFlight: load.get(id) ?? 0,
          limit: options.maxInFlightPerInstance,
          health: mine,
          ejected: Health.isEjected(mine, at),
          failing: Health.isFailing(mine, at),
          ejections: ejections.get(id) ?? 0,
          spent: Spent.listed(spentOf({ account: status.account, id }), epoch()),
          backend
        }
      })

    /** Adds the name of the provider whose quota it is. */
    const named = (why: Choice.Unserved, instances: Some) => {
      const of = why._tag === "QuotaExhausted" ? instances.find(({ id }) => id === why.instance) : undefined
      return of === undefined ? why : ofProvider(of.backend.provider)(why)
    }

    /** Whether another instance is left: at least one is never ejected. */
    const isSpare = (id: string, at: number) =>
      members.current.some((other) => other.id !== id && !Health.isEjected(healthOf(other.id), at))

    const add = (id: string, n: number) => load.set(id, (load.get(id) ?? 0) + n)

    const giveLease = (instance: Instance, offers: Offers | undefined) => {
      const { backend, state } = instance
      const { id } = backend
      const begunAt = now()
      const begunAtEpoch = epoch()
      const offered = offers?.(instance.models, instance)
      let model = offered !== undefined && Either.isRight(offered) ? offered.right.key : undefined
      const probe = Health.isOnProbation(healthOf(id), begunAt) ? { begunAt } : undefined
      const probes = trying.get(id) ?? new Set()
      let outcome: Health.Outcome | undefined
      add(id, 1)
      if (probe !== undefined) trying.set(id, probes.add(probe))
      const tried = () => {
        if (probe !== undefined) probes.delete(probe)
      }
      const used = (next: (spent: Spent.Spent) => Spent.Spent) => {
        const before = spentOf(instance)
        const after = next(before)
        if (after === before) return
        spent.set(id, { account: instance.account ?? spent.get(id)?.account, spent: after })
      }
      const isProbe = model !== undefined && Spent.returns(spentOf(instance), model, begunAtEpoch) !== undefined
      if (isProbe) used((before) => Spent.probed(before, begunAtEpoch))
      /** The quota that a probe tests was reported before it, even if within the same millisecond. */
      const provesAt = isProbe ? begunAtEpoch + 1 : begunAtEpoch
      const lease: Lease = {
        backend,
        account: instance.account,
        answering: (answers) => {
          model = answers ?? model
          tried()
        },
        settle: (how, detail, quota = {}) => {
          if (outcome !== undefined) return
          if (how === "exhausted") {
            outcome = "cancelled"
            used((before) => Spent.failed(before, quota, epoch()))
          } else outcome = how === "absent" ? (state === "ready" ? "lost" : "cancelled") : how
          if (outcome === "completed") {
            lastFailure.delete(id)
            used((before) => (model === undefined ? before : Spent.succeeded(before, model, provesAt)))
          } else if ((outcome !== "cancelled" || how === "exhausted") && detail !== undefined) {
            lastFailure.set(id, detail)
            lastFailures.set(id, { message: detail, at: epoch() })
          }
        }
      }
      const giveBack = () => {
        const at = now()
        add(id, -1)
        tried()
        const before = healthOf(id)
        const after = Health.ended(before, { outcome: outcome ?? "cancelled", begunAt, spare: isSpare(id, at) }, at)
        health.set(id, after)
        if (after.ejections > before.ejections) ejections.set(id, (ejections.get(id) ?? 0) + 1)
        if (load.get(id) === 0) retiring.get(id)?.()
      }
      return { lease, giveBack }
    }

    /** Chooses and counts in one step, so that the next choice sees the load. */
    const take = (offers: Offers | undefined, pick: (instances: Some) => Instance | undefined) =>
      Effect.flatMap(statuses, (seen) =>
        Scoped.own(
          () => {
            const picked = pick(inspect(seen))
            return picked === undefined ? undefined : giveLease(picked, offers)
          },
          ({ giveBack }) => giveBack()
        )
      )

    const retry = (id: string) =>
      Effect.suspend(() => {
        const backend = members.current.find((one) => one.id === id)
        if (backend === undefined) return Effect.succeed(false)
        for (const of of [health, trying, lastFailure, spent]) of.delete(id)
        return Effect.as(backend.retry ?? Effect.void, true)
      })
    const forget = (id: string) => {
      for (const known of [load, health, ejections, trying, lastFailure, lastFailures, spent]) known.delete(id)
    }

    return Pool.of({
      retire: ({ id }) =>
        Effect.async<void>((resume) => {
          const done = () => {
            retiring.delete(id)
            forget(id)
            resume(Effect.void)
          }
          if ((load.get(id) ?? 0) === 0) return done()
          retiring.set(id, done)
          return Effect.sync(() => retiring.delete(id))
        }),
      snapshot: Effect.map(statuses, inspect),
      retry,
      unserved: (offers) =>
        Effect.map(statuses, (seen) => {
          const instances = inspect(seen)
          const chosen = Choice.choose(instances, { ...wantedBy(offers), mayProbe: () => false })
          return Either.isLeft(chosen) ? named(chosen.left, instances) : undefined
        }),
      lease: (key, offers) =>
        Effect.suspend(() => {
          let why: Choice.Unserved | undefined
          const taken = take(offers, (instances) => {
            const chosen = Choice.choose(instances, wantedBy(offers))
            if (Either.isRight(chosen)) return Routing.pick(chosen.right, { key, picks: picks++ })
            why = named(chosen.left, instances)
            return undefined
          })
          return Effect.flatMap(taken, (given): Effect.Effect<Lease, Choice.Unserved> => {
            if (given !== undefined) return Effect.succeed(given.lease)
            return why ?? Effect.dieMessage("a pick among some is none")
          })
        }),
      another: (key, tried, offers) =>
        Effect.map(
          take(offers, (instances) => {
            const untried = instances.filter(({ id }) => !tried.has(id))
            const others = Choice.chooseOther(untried, wantedBy(offers))
            return others === undefined ? undefined : Routing.pick(others, { key, picks: picks++ })
          }),
          (taken) => Option.map(Option.fromNullable(taken), ({ lease }) => lease)
        )
    })
  })

  static readonly layer = (backends: Arr.NonEmptyReadonlyArray<Backend>, options?: PoolOptions): Layer.Layer<Pool> =>
    Layer.effect(Pool, Pool.make(backends, options))
}
