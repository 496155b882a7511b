import { assert, describe, it } from "@effect/vitest"
import { Effect, ExecutionStrategy, Exit, Fiber, Scope } from "effect"
import * as Scoped from "../../src/runtime/Scoped.ts"

describe("what goes with a scope", () => {
  it.effect("is released last in, first out, whatever way it was added", () =>
    Effect.gen(function* () {
      const seen: Array<string> = []
      const note = (name: string) => () => void seen.push(name)
      yield* Effect.scoped(
        Effect.gen(function* () {
          yield* Scoped.later(note("1"))
          yield* Scoped.own(() => "2", note("2"))
          yield* Scoped.onClose(Effect.sync(note("3")))
          yield* Scoped.later(note("4"))
          yield* Scoped.inOrder(Effect.acquireRelease(Effect.void, () => Effect.sync(note("5"))))
          yield* Scoped.own(() => undefined, note("nothing"))
          yield* Scoped.acquire(Effect.succeed("6"), () => Effect.sync(note("6")))
          yield* Scoped.later(note("7"))
          yield* Scoped.later(note("8"))
        })
      )
      assert.strictEqual(seen.join(""), "87654321")
    })
  )

  it.effect("is released though another release throws, which is told", () =>
    Effect.gen(function* () {
      const seen: Array<string> = []
      const exit = yield* Effect.exit(
        Effect.scoped(
          Effect.gen(function* () {
            yield* Scoped.later(() => void seen.push("first"))
            yield* Scoped.later(() => {
              throw new Error("broken")
            })
            yield* Scoped.later(() => void seen.push("last"))
          })
        )
      )
      assert.deepStrictEqual(seen, ["last", "first"])
      assert.isTrue(Exit.isFailure(exit) && String(exit.cause).includes("broken"))
    })
  )

  it.effect("is released at once in a scope that has closed", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      yield* Scope.extend(
        Scoped.later(() => {}),
        scope
      )
      yield* Scope.close(scope, Exit.void)
      let held = 0
      const take = Scoped.own(
        () => ++held,
        () => void held--
      )
      yield* Scope.extend(take, scope)
      yield* Scope.extend(take, scope)
      assert.strictEqual(held, 0)
    })
  )

  it.effect("is never left behind, wherever an interrupt falls", () =>
    Effect.gen(function* () {
      let held = 0
      const take = Scoped.own(
        () => ++held,
        () => void held--
      )
      for (let after = 0; after < 40; after++) {
        const fiber = yield* Effect.fork(
          Effect.scoped(Effect.replicateEffect(Effect.zipLeft(take, Effect.yieldNow()), 8))
        )
        for (let n = 0; n < after; n++) yield* Effect.yieldNow()
        yield* Fiber.interrupt(fiber)
        assert.strictEqual(held, 0)
      }
    })
  )

  it.effect("belongs to the scope it was extended to, and the next thing to the scope around", () =>
    Effect.gen(function* () {
      const seen: Array<string> = []
      yield* Effect.scoped(
        Effect.gen(function* () {
          const outer = yield* Effect.scope
          const inner = yield* Scope.fork(outer, ExecutionStrategy.sequential)
          yield* Scoped.extend(
            Scoped.later(() => void seen.push("inner")),
            inner
          )
          yield* Scoped.later(() => void seen.push("outer"))
          yield* Scope.close(inner, Exit.void)
          assert.deepStrictEqual(seen, ["inner"])
          const failed = yield* Effect.exit(Scoped.extend(Effect.fail("no"), inner))
          assert.isTrue(Exit.isFailure(failed))
          assert.strictEqual(yield* Effect.scope, outer)
        })
      )
      assert.deepStrictEqual(seen, ["inner", "outer"])
    })
  )
})
