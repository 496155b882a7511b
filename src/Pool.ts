/**
 * The running instances, and how many chats each one carries.
 */
import { type Array as Arr, Context, Effect, Layer, type Option, type Scope } from "effect"
import type { Backend, BackendStatus } from "./Backend.ts"
import * as Routing from "./domain/Routing.ts"

export interface Instance extends BackendStatus, Routing.Candidate {
  readonly backend: Backend
}

export class Pool extends Context.Tag("lingma-gateway/Pool")<
  Pool,
  {
    /** Chooses an instance and counts the chat against it until the scope closes. */
    readonly lease: (key: Option.Option<string>) => Effect.Effect<Backend, never, Scope.Scope>
    readonly snapshot: Effect.Effect<Arr.NonEmptyReadonlyArray<Instance>>
  }
>() {
  static readonly make = Effect.fnUntraced(function* (backends: Arr.NonEmptyReadonlyArray<Backend>) {
    const load = new Map<string, number>()
    let turn = 0

    const inspect = (backend: Backend) =>
      Effect.map(
        backend.status,
        (status): Instance => ({
          ...status,
          id: backend.id,
          ready: status.state === "ready" && status.loggedIn !== false,
          inFlight: load.get(backend.id) ?? 0,
          backend
        })
      )
    const snapshot = Effect.forEach(backends, inspect) as Effect.Effect<Arr.NonEmptyReadonlyArray<Instance>>

    const add = (id: string, n: number) => load.set(id, (load.get(id) ?? 0) + n)

    const lease = Effect.fnUntraced(function* (key: Option.Option<string>) {
      // Chosen and counted in one step, so that the next pick sees it.
      const { backend } = yield* Effect.acquireRelease(
        Effect.map(snapshot, (instances) => {
          const picked = Routing.pick(instances, { key, turn: turn++ })
          add(picked.id, 1)
          return picked
        }),
        ({ id }) => Effect.sync(() => add(id, -1))
      )
      return backend
    })

    return Pool.of({ lease, snapshot })
  })

  static readonly layer = (backends: Arr.NonEmptyReadonlyArray<Backend>): Layer.Layer<Pool> =>
    Layer.effect(Pool, Pool.make(backends))
}
