import { assert, describe, it } from "@effect/vitest"
import { Effect, ExecutionStrategy, Exit, FastCheck, Fiber, Scope } from "effect"
import * as Scoped from "../../src/runtime/Scoped.ts"

type Note = (name: string) => void
type Way = (name: string, note: Note) => Effect.Effect<unknown, never, Scope.Scope>

/** Every way to add something to a scope: those of `Scoped`, and Effect's own. */
const ways: Readonly<Record<string, Way>> = {
  later: (name, note) => Scoped.later(() => note(name)),
  own: (name, note) =>
    Scoped.own(
      () => name,
      () => note(name)
    ),
  onClose: (name, note) => Scoped.onClose(Effect.sync(() => note(name))),
  onExit: (name, note) => Scoped.onExit(() => Effect.sync(() => note(name))),
  acquire: (name, note) => Scoped.acquire(Effect.succeed(name), () => Effect.sync(() => note(name))),
  addFinalizer: (name, note) => Effect.addFinalizer(() => Effect.sync(() => note(name))),
  acquireRelease: (name, note) => Effect.acquireRelease(Effect.void, () => Effect.sync(() => note(name))),
  scopeAddFinalizer: (name, note) =>
    Effect.flatMap(Effect.scope, (scope) =>
      Scope.addFinalizer(
        scope,
        Effect.sync(() => note(name))
      )
    ),
  child: (name, note) =>
    Effect.flatMap(Effect.scope, (scope) =>
      Effect.flatMap(Scope.fork(scope, ExecutionStrategy.sequential), (child) =>
        Scoped.extend(
          Scoped.later(() => note(name)),
          child
        )
      )
    ),
  throwing: (name, note) =>
    Scoped.later(() => {
      note(name)
      throw new Error("broken")
    })
}
/** A child that closes before its scope, and is gone then. */
const closedChild = Effect.flatMap(Effect.scope, (scope) =>
  Effect.flatMap(Scope.fork(scope, ExecutionStrategy.sequential), (child) => Scoped.close(child))
)
const names = Object.keys(ways)
const isPlain = (name: string) => name === "later" || name === "own"

/** One that does not show what it holds, as another implementation than Effect's. */
const foreign = (scope: Scope.CloseableScope): Scope.CloseableScope =>
  new Proxy(scope, {
    get: (target, key) => {
      const held: unknown = key === "state" ? undefined : Reflect.get(target, key)
      return typeof held === "function" ? held.bind(target) : held
    }
  })

/** Adds to a scope in these ways, closes it, and says in which order what was added is released. */
const released = (taken: ReadonlyArray<string>, of = (scope: Scope.CloseableScope) => scope) =>
  Effect.gen(function* () {
    const seen: Array<number> = []
    const scope = of(yield* Scope.make())
    const adding = taken.map((way, i) => {
      const add = ways[way]
      return add === undefined ? closedChild : add(String(i), (name) => seen.push(Number(name)))
    })
    yield* Scope.extend(Effect.all(adding), scope)
    yield* Effect.exit(Scope.close(scope, Exit.void))
    return seen
  })
const reversed = (taken: ReadonlyArray<string>) => taken.flatMap((way, i) => (way in ways ? [i] : [])).reverse()

describe("what goes with a scope", () => {
  it("is released in the reverse order, however the ways of adding it are mixed", () => {
    const way = FastCheck.oneof(
      { weight: 3, arbitrary: FastCheck.constantFrom("later", "own") },
      { weight: 2, arbitrary: FastCheck.constantFrom(...names, "closed child") }
    )
    FastCheck.assert(
      FastCheck.property(FastCheck.array(way, { maxLength: 60, size: "max" }), (taken) => {
        assert.deepStrictEqual(Effect.runSync(released(taken)), reversed(taken))
        assert.deepStrictEqual(Effect.runSync(released(taken, foreign)), reversed(taken), "not Effect's scope")
      }),
      { numRuns: 200 }
    )
  })

  it.effect("is released at once where a release adds it to the scope that closes, before what is still held", () =>
    Effect.gen(function* () {
      for (const of of [(scope: Scope.CloseableScope) => scope, foreign]) {
        for (const way of names) {
          const seen: Array<string> = []
          const scope = of(yield* Scope.make())
          const adding = Effect.suspend(() =>
            Scope.extend(
              ways[way]!("added", (name) => void seen.push(name)),
              scope
            )
          )
          yield* Scope.extend(
            Effect.all([
              Scoped.later(() => void seen.push("first")),
              Scoped.onClose(adding),
              Scoped.later(() => void seen.push("last"))
            ]),
            scope
          )
          yield* Effect.exit(Scope.close(scope, Exit.void))
          assert.deepStrictEqual(seen, ["last", "added", "first"], way)
        }
      }
    })
  )

  it.effect("is one finalizer for all that is plain and in a row, and another one behind anything else", () =>
    Effect.gen(function* () {
      for (const between of names) {
        const scope = yield* Scope.make()
        const taken = ["later", "own", "later", between, "own", "later"]
        yield* Scope.extend(
          Effect.forEach(taken, (way) => ways[way]!(way, () => {})),
          scope
        )
        const { state } = scope as unknown as { readonly state: { readonly finalizers: ReadonlyMap<object, unknown> } }
        assert.strictEqual(state.finalizers.size, isPlain(between) || between === "throwing" ? 1 : 3, between)
      }
    })
  )

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
          yield* Effect.acquireRelease(Effect.void, () => Effect.sync(note("5")))
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
      const told: Array<Exit.Exit<unknown, unknown>> = []
      for (const of of [(scope: Scope.CloseableScope) => scope, foreign]) {
        const failed = of(yield* Scope.make())
        yield* Scope.close(failed, Exit.fail("no"))
        yield* Scope.extend(
          Scoped.later((exit) => void told.push(exit)),
          failed
        )
      }
      assert.deepStrictEqual(told, [Exit.fail("no"), Exit.fail("no")], "and is told how it closed")
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
