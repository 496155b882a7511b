import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Scope } from "effect"
import { Guard } from "../../src/chat/Guard.ts"
import type { Caller } from "../../src/domain/keys/Caller.ts"
import * as QuickClock from "../support/QuickClock.ts"

const options = { maxInFlight: 2, queueMax: 4, queueTimeout: "1 minute" } as const

/** Takes a slot in a scope of its own. */
const entering = (guard: Guard["Type"], caller?: Caller) =>
  Effect.gen(function* () {
    const scope = yield* Scope.make()
    const fiber = yield* Effect.fork(Scope.extend(guard.slot(caller), scope))
    yield* Effect.yieldNow()
    return { fiber, leave: Scope.close(scope, Exit.void) }
  })

describe("Guard whose limits change", () => {
  it.effect("lets those go on that wait as soon as there are more slots, in their order", () =>
    Effect.gen(function* () {
      const guard = yield* Guard.make(options)
      const all = yield* Effect.forEach(Array.from({ length: 5 }), () => entering(guard))
      assert.deepInclude(yield* guard.stats, { inFlight: 2, queued: 3 })
      guard.limit({ ...options, maxInFlight: 4 })
      yield* Fiber.join(all[2]!.fiber)
      yield* Fiber.join(all[3]!.fiber)
      assert.deepInclude(yield* guard.stats, { maxInFlight: 4, inFlight: 4, queued: 1 })
      yield* all[0]!.leave
      yield* Fiber.join(all[4]!.fiber)
      yield* Effect.forEach(all.slice(1), ({ leave }) => leave)
      const stats = yield* guard.stats
      assert.deepInclude(stats, { inFlight: 0, queued: 0, accepted: 5, cancelled: 5 })
    })
  )

  it.effect("ends nothing that runs or waits when there are fewer slots, and lets nobody in until there is room", () =>
    Effect.gen(function* () {
      const guard = yield* Guard.make({ ...options, maxInFlight: 3 })
      const all = yield* Effect.forEach(Array.from({ length: 5 }), () => entering(guard))
      guard.limit({ maxInFlight: 1, queueMax: 1, queueTimeout: "1 minute" })
      assert.deepInclude(yield* guard.stats, { maxInFlight: 1, inFlight: 3, queued: 2 })
      const late = yield* entering(guard)
      assert.isTrue(Exit.isFailure(yield* Fiber.await(late.fiber)))
      yield* all[0]!.leave
      yield* all[1]!.leave
      assert.deepInclude(yield* guard.stats, { inFlight: 1, queued: 2 })
      yield* all[2]!.leave
      yield* Fiber.join(all[3]!.fiber)
      yield* all[3]!.leave
      yield* Fiber.join(all[4]!.fiber)
      yield* all[4]!.leave
      assert.deepInclude(yield* guard.stats, { inFlight: 0, queued: 0, accepted: 5, rejected: 1 })
    })
  )

  it.effect("lets nobody make room in a queue that is longer than it may be", () =>
    Effect.gen(function* () {
      const guard = yield* Guard.make({ ...options, maxInFlight: 1 })
      const all = yield* Effect.forEach(Array.from({ length: 4 }), () => entering(guard))
      guard.limit({ maxInFlight: 1, queueMax: 2, queueTimeout: "1 minute" })
      const late = yield* entering(guard, { id: "other", name: "other", weight: 1 })
      assert.isTrue(Exit.isFailure(yield* Fiber.await(late.fiber)))
      assert.deepInclude(yield* guard.stats, { queued: 3, rejected: 1 })
      assert.isTrue(all.slice(1).every(({ fiber }) => fiber.unsafePoll() === null))
    })
  )

  it.effect("keeps the promise of who waits already, and has the new wait for those that come", () =>
    Effect.gen(function* () {
      const guard = yield* Guard.make({ ...options, maxInFlight: 1 })
      yield* entering(guard)
      const early = yield* entering(guard)
      guard.limit({ maxInFlight: 1, queueMax: 4, queueTimeout: "1 second" })
      const late = yield* entering(guard)
      yield* QuickClock.adjust("2 seconds")
      assert.isNotNull(late.fiber.unsafePoll())
      assert.isNull(early.fiber.unsafePoll())
      yield* QuickClock.adjust("1 minute")
      assert.isNotNull(early.fiber.unsafePoll())
    })
  )
})
