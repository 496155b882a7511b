/**
 * What the ready instances offer together.
 */
import { Effect, Option } from "effect"
import { type ChatError, ofProvider } from "../domain/ChatError.ts"
import * as Model from "../domain/Model.ts"
import type { Metrics } from "../observe/Metrics.ts"
import * as Span from "../observe/Span.ts"
import type { Pool } from "./Pool.ts"

export const of = (
  pool: typeof Pool.Service,
  metrics: typeof Metrics.Service
): Effect.Effect<ReadonlyArray<Model.Model>, ChatError> =>
  Effect.scoped(
    Effect.gen(function* () {
      yield* metrics.modelsListed
      const instances = yield* pool.snapshot
      const ready = instances.filter((instance) => instance.ready).map((instance) => instance.backend)
      // None ready: ask the one whose turn it is, which wakes it.
      const asked = ready.length > 0 ? ready : [(yield* pool.lease(Option.none())).backend]
      // One that goes away meanwhile takes nothing from what the others offer.
      const [failures, lists] = yield* Effect.partition(asked, (backend) =>
        Effect.mapError(Effect.zipRight(backend.ensureReady, backend.models), ofProvider(backend.provider))
      )
      return failures[0] !== undefined && lists.length === 0 ? yield* failures[0] : Model.listed(lists.flat())
    })
  ).pipe(Span.within("models"))
