/** Chats that are stopped from outside while they wait in the queue, beside the other ways in which a wait ends. */
import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Exit, Fiber, Option, Scope } from "effect"
import { Guard } from "../../src/chat/Guard.ts"
import { StopSignal } from "../../src/chat/StopSignal.ts"
import type { Caller } from "../../src/domain/keys/Caller.ts"
import * as QuickClock from "../support/QuickClock.ts"

const options = { maxInFlight: 1, queueMax: 2, queueTimeout: "1 minute" } as const

const [first, second]: ReadonlyArray<Caller> = ["first", "second"].map((id) => ({ id, name: id, weight: 1 }))

/** Takes a slot in a scope of its own. */
const entering = (guard: Guard["Type"], stop?: StopSignal, caller = first) =>
  Effect.gen(function* () {
    const scope = yield* Scope.make()
    const fiber = yield* Effect.fork(Scope.extend(guard.slot(caller, 1, stop), scope))
    yield* Effect.yieldNow()
    return { fiber, leave: Scope.close(scope, Exit.void) }
  })

const failureOf = <A, E extends { readonly _tag: string }>(fiber: Fiber.RuntimeFiber<A, E>) =>
  Effect.map(Fiber.await(fiber), (exit) =>
    Exit.isSuccess(exit) ? "none" : Option.getOrUndefined(Cause.failureOption(exit.cause))
  )

describe("Guard with a chat that is stopped", () => {
  it.effect("fails its wait at once, counts it as abandoned, and gives its place to the next", () =>
    Effect.gen(function* () {
      const guard = yield* Guard.make(options)
      const holder = yield* entering(guard)
      const stop = new StopSignal()
      const stopped = yield* entering(guard, stop)
      const next = yield* entering(guard)
      stop.stop()
      assert.deepInclude(yield* failureOf(stopped.fiber), { _tag: "ChatStopped" })
      assert.deepInclude(yield* guard.stats, { queued: 1, abandoned: 1, rejected: 0, accepted: 1 })
      yield* holder.leave
      yield* Fiber.join(next.fiber)
      yield* next.leave
      assert.deepInclude(yield* guard.stats, { inFlight: 0, queued: 0, accepted: 2, cancelled: 2, abandoned: 1 })
    })
  )

  it.effect("does not let one wait that was stopped before it came", () =>
    Effect.gen(function* () {
      const guard = yield* Guard.make(options)
      yield* entering(guard)
      const stop = new StopSignal()
      stop.stop()
      const stopped = yield* entering(guard, stop)
      assert.deepInclude(yield* failureOf(stopped.fiber), { _tag: "ChatStopped" })
      assert.deepInclude(yield* guard.stats, { queued: 0, abandoned: 1 })
    })
  )

  it.effect("leaves the slot to one that got it from the queue", () =>
    Effect.gen(function* () {
      const guard = yield* Guard.make(options)
      const holder = yield* entering(guard)
      const stop = new StopSignal()
      const lucky = yield* entering(guard, stop)
      yield* entering(guard)
      yield* holder.leave
      yield* Fiber.join(lucky.fiber)
      stop.stop()
      assert.deepInclude(yield* guard.stats, { inFlight: 1, queued: 1, accepted: 2, abandoned: 0 })
      yield* lucky.leave
      assert.deepInclude(yield* guard.stats, { inFlight: 1, queued: 0, accepted: 3, cancelled: 2 })
    })
  )

  it.effect("tells one that was interrupted as well that it was interrupted", () =>
    Effect.gen(function* () {
      const guard = yield* Guard.make(options)
      yield* entering(guard)
      const stop = new StopSignal()
      const { fiber } = yield* entering(guard, stop)
      yield* Effect.zipRight(
        Fiber.interruptFork(fiber),
        Effect.sync(() => stop.stop())
      )
      const exit = yield* Fiber.await(fiber)
      assert.isTrue(Exit.isInterrupted(exit), String(exit))
      assert.isTrue(Exit.isFailure(exit) && Cause.isInterruptedOnly(exit.cause), String(exit))
      assert.deepInclude(yield* guard.stats, { queued: 0, abandoned: 1 })
    })
  )

  it.effect("rejects for the queue's own reasons one that could have been stopped", () =>
    Effect.gen(function* () {
      const guard = yield* Guard.make(options)
      yield* entering(guard)
      yield* entering(guard, new StopSignal())
      const displaced = yield* entering(guard, new StopSignal())
      const late = yield* entering(guard, new StopSignal(), second)
      assert.deepInclude(yield* failureOf(displaced.fiber), { _tag: "Overloaded", reason: "queue_full" })
      yield* QuickClock.adjust("1 minute")
      assert.deepInclude(yield* failureOf(late.fiber), { _tag: "Overloaded", reason: "queue_timeout" })
      assert.deepInclude(yield* guard.stats, { queued: 0, abandoned: 0, rejected: 3 })
    })
  )
})
