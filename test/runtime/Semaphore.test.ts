/**
 * Why `src/chat/Guard.ts` has a queue of its own. When the first test fails, Effect has mended its Semaphore: run the sweeps
 * of `Guard.test.ts` over a guard made of it, let some thousand wait for it, and if both go well the queue may go.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, FiberId, Option, Scope } from "effect"

type Take = (permits: Effect.Semaphore) => Effect.Effect<unknown, never, Scope.Scope>

/** What a guard would be made of: a wait that ends, and a permit that belongs to the scope. */
const withTimeout: Take = (permits) =>
  Effect.uninterruptibleMask((restore) =>
    Effect.tap(
      restore(Effect.timeoutOption(permits.take(1), "2 seconds")),
      Option.match({ onNone: () => Effect.void, onSome: () => Effect.addFinalizer(() => permits.release(1)) })
    )
  )
const withoutTimeout: Take = (permits) => permits.withPermits(1)(Effect.yieldNow())

const turns = async (n: number) => {
  for (let i = 0; i < n; i++) await Promise.resolve()
}
const idle = () => new Promise((resolve) => setImmediate(resolve))

/** Interrupts a waiter so many microtasks after the only permit was released: is the permit there afterwards? */
const isKept = async (take: Take, microtasks: number) => {
  const permits = Effect.unsafeMakeSemaphore(1)
  const scope = Effect.runSync(Scope.make())
  await Effect.runPromise(Scope.extend(withTimeout(permits), scope))
  const waiting = Effect.runFork(Effect.scoped(take(permits)))
  await idle()
  Effect.runFork(Scope.close(scope, Exit.void))
  await turns(microtasks)
  waiting.unsafeInterruptAsFork(FiberId.none)
  for (let i = 0; i < 3; i++) await idle()
  return Option.isSome(Effect.runSync(permits.withPermitsIfAvailable(1)(Effect.void)))
}

const lost = async (take: Take) => {
  const found: Array<number> = []
  for (let k = 0; k < 60; k++) if (!(await isKept(take, k))) found.push(k)
  return found
}

describe("Effect's Semaphore", () => {
  it("still loses its permit when a waiter with a timeout is interrupted a few microtasks after a release", async () => {
    assert.isNotEmpty(await lost(withTimeout), "it keeps its permits now: see whether Guard needs a queue of its own")
  })

  it("keeps it where there is no timeout, under the same interrupts", async () => {
    assert.deepStrictEqual(await lost(withoutTimeout), [])
  })
})
