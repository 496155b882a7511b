import { assert, describe, it } from "@effect/vitest"
import { Effect, Option, TestClock } from "effect"
import type { BackendState } from "../src/Backend.ts"
import { Pool } from "../src/Pool.ts"
import * as TestBackend from "./support/TestBackend.ts"

const backend = (id: string, state: () => BackendState = () => "ready", loggedIn: () => boolean = () => true) =>
  TestBackend.make(undefined, {
    id,
    status: Effect.sync(() => ({
      state: state(),
      loggedIn: loggedIn(),
      restarts: 0,
      login: "signed_in",
      lastError: undefined
    }))
  }).backend

const none = Option.none<string>()

const loads = (pool: Pool["Type"]) => Effect.map(pool.snapshot, (all) => all.map(({ inFlight }) => inFlight))

/** One chat that ends so. */
const chat = (pool: Pool["Type"], outcome?: "completed" | "failed" | "exhausted", key = none) =>
  Effect.scoped(
    Effect.map(pool.lease(key), (lease) => {
      if (outcome !== undefined) lease.settle(outcome)
      return lease.backend.id
    })
  )

describe("Pool", () => {
  it.scoped("counts a chat where it was sent, until its scope closes", () =>
    Effect.gen(function* () {
      const pool = yield* Pool.make([backend("a"), backend("b")])
      yield* Effect.scoped(
        Effect.gen(function* () {
          yield* pool.lease(none)
          yield* pool.lease(none)
          assert.deepStrictEqual(yield* loads(pool), [1, 1])
          yield* pool.lease(none)
          assert.deepStrictEqual([...(yield* loads(pool))].sort(), [1, 2])
        })
      )
      assert.deepStrictEqual(yield* loads(pool), [0, 0])
    })
  )

  it.scoped("gives a keyless chat to the instance that carries the fewest", () =>
    Effect.gen(function* () {
      const pool = yield* Pool.make([backend("a"), backend("b")])
      const key = Option.some("k")
      const [busy, second] = [yield* pool.lease(key), yield* pool.lease(key)]
      assert.strictEqual(busy.backend.id, second.backend.id)
      const taken = [yield* pool.lease(none), yield* pool.lease(none)].map(({ backend }) => backend.id)
      assert.notInclude(taken, busy.backend.id)
      assert.deepStrictEqual(yield* loads(pool), [2, 2])
    })
  )

  it.scoped("leaves out an instance whose account is signed out, until it is signed in", () =>
    Effect.gen(function* () {
      let signedIn = false
      const signedOut = backend(
        "a",
        () => "ready",
        () => signedIn
      )
      const pool = yield* Pool.make([signedOut, backend("b")])
      const served = Effect.forEach([none, none, none, Option.some("k"), Option.some("l")], (key) =>
        chat(pool, "completed", key)
      )
      assert.deepStrictEqual(yield* served, ["b", "b", "b", "b", "b"])
      assert.deepStrictEqual(
        (yield* pool.snapshot).map(({ ready }) => ready),
        [false, true]
      )
      assert.isTrue(Option.isNone(yield* pool.another(none, new Set(["b"]))))
      signedIn = true
      assert.include(yield* served, "a")
    })
  )

  it.effect("leaves out an instance whose turns keep failing, and tries it again with one chat", () =>
    Effect.gen(function* () {
      const pool = yield* Pool.make([backend("a"), backend("b")])
      const key = Option.some("k")
      const sticky = yield* chat(pool, "completed", key)
      for (let i = 0; i < 5; i++) yield* chat(pool, "failed", key)
      assert.notStrictEqual(yield* chat(pool, "completed", key), sticky)
      const out = (yield* pool.snapshot).find(({ id }) => id === sticky)
      assert.deepInclude(out, { ejected: true, ready: false })
      yield* TestClock.adjust("30 seconds")
      yield* Effect.scoped(
        Effect.gen(function* () {
          const probe = yield* pool.lease(key)
          assert.strictEqual(probe.backend.id, sticky)
          assert.notStrictEqual(yield* chat(pool, "completed", key), sticky)
          probe.settle("completed")
        })
      )
      assert.strictEqual(yield* chat(pool, "completed", key), sticky)
    })
  )

  it.effect("never puts out all of them", () =>
    Effect.gen(function* () {
      const pool = yield* Pool.make([backend("a"), backend("b"), backend("c")])
      for (let i = 0; i < 60; i++) yield* chat(pool, "failed")
      assert.strictEqual((yield* pool.snapshot).filter(({ ejected }) => ejected).length, 2)
    })
  )

  it.effect("holds nothing against an instance whose clients leave", () =>
    Effect.gen(function* () {
      const pool = yield* Pool.make([backend("a"), backend("b")])
      for (let i = 0; i < 30; i++) yield* chat(pool)
      assert.isTrue((yield* pool.snapshot).every(({ ready }) => ready))
    })
  )

  it.scoped("names another instance for a second try: a ready one, else one on its way back", () =>
    Effect.gen(function* () {
      const state: { b: BackendState; c: BackendState } = { b: "ready", c: "starting" }
      const pool = yield* Pool.make([backend("a"), backend("b", () => state.b), backend("c", () => state.c)])
      const another = Effect.map(
        pool.another(none, new Set(["a"])),
        Option.map(({ backend }) => backend.id)
      )
      assert.deepStrictEqual(yield* another, Option.some("b"))
      state.b = "failed"
      assert.deepStrictEqual(yield* another, Option.some("c"))
      state.c = "failed"
      assert.deepStrictEqual(yield* another, Option.none())
      state.b = "reconnecting"
      assert.deepStrictEqual(yield* another, Option.some("b"))
      assert.isTrue(Option.isNone(yield* pool.another(none, new Set(["a", "b", "c"]))))
      assert.deepStrictEqual(yield* loads(pool), [0, 2, 1])
    })
  )

  it.scoped("keeps to the limit of an instance while another has room", () =>
    Effect.gen(function* () {
      const pool = yield* Pool.make([backend("a"), backend("b")], { maxInFlightPerInstance: 2 })
      const key = Option.some("k")
      for (let i = 0; i < 4; i++) yield* pool.lease(key)
      assert.deepStrictEqual(yield* loads(pool), [2, 2])
    })
  )
})
