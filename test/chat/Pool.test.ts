import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, FastCheck, Option, Scope } from "effect"
import type { BackendState, BackendStatus } from "../../src/chat/Backend.ts"
import { type Lease, Pool } from "../../src/chat/Pool.ts"
import type * as Choice from "../../src/domain/Choice.ts"
import * as Login from "../../src/domain/Login.ts"
import type { Model } from "../../src/domain/Model.ts"
import * as Offer from "../../src/domain/Offer.ts"
import type * as Spent from "../../src/domain/Spent.ts"
import * as QuickClock from "../support/QuickClock.ts"
import * as TestBackend from "../support/TestBackend.ts"

const backend = (
  id: string,
  state: () => BackendState = () => "ready",
  loggedIn: () => boolean | undefined = () => true
) =>
  TestBackend.make(undefined, {
    id,
    status: Effect.sync(() => ({
      state: state(),
      loggedIn: loggedIn(),
      restarts: 0,
      login: Login.signedIn,
      models: [],
      lastError: undefined
    }))
  }).backend

const none = Option.none<string>()

const loads = (pool: Pool["Type"]) => Effect.map(pool.snapshot, (all) => all.map(({ inFlight }) => inFlight))

/** A chat with this outcome. */
const chat = (pool: Pool["Type"], outcome?: Parameters<Lease["settle"]>[0], key = none, detail?: string) =>
  Effect.scoped(
    Effect.map(pool.lease(key), (lease) => {
      if (outcome !== undefined) lease.settle(outcome, detail)
      return lease.backend.id
    })
  )

const one = (pool: Pool["Type"], id = "a") =>
  Effect.map(pool.snapshot, (all) => {
    const found = all.find((instance) => instance.id === id)
    assert.isDefined(found)
    return found
  })

describe("Pool", () => {
  it.scoped("counts a chat as load of its instance until its scope closes", () =>
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

  it.scoped("sends a chat without an affinity key to the least loaded instance", () =>
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

  it.scoped("skips an instance whose account is signed out, until it is signed in", () =>
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

  it.effect("ejects an instance whose turns keep failing, and tries it again with one chat", () =>
    Effect.gen(function* () {
      const pool = yield* Pool.make([backend("a"), backend("b")])
      const key = Option.some("k")
      const sticky = yield* chat(pool, "completed", key)
      for (let i = 0; i < 5; i++) yield* chat(pool, "failed", key)
      assert.notStrictEqual(yield* chat(pool, "completed", key), sticky)
      const out = (yield* pool.snapshot).find(({ id }) => id === sticky)
      assert.deepInclude(out, { ejected: true, ready: false })
      yield* QuickClock.adjust("30 seconds")
      yield* Effect.scoped(
        Effect.gen(function* () {
          const probe = yield* pool.lease(key)
          assert.strictEqual(probe.backend.id, sticky)
          assert.notStrictEqual(yield* chat(pool, "completed", key), sticky)
          probe.settle("completed")
        })
      )
      assert.strictEqual(yield* chat(pool, "completed", key), sticky)
      assert.deepInclude(yield* one(pool, sticky), { ejected: false, ejections: 1 }, "it is counted for good")
    })
  )

  it.effect("never ejects all instances", () =>
    Effect.gen(function* () {
      const pool = yield* Pool.make([backend("a"), backend("b"), backend("c")])
      for (let i = 0; i < 60; i++) yield* chat(pool, "failed")
      assert.strictEqual((yield* pool.snapshot).filter(({ ejected }) => ejected).length, 2)
    })
  )

  it.effect("does not count cancelled chats as failures of an instance", () =>
    Effect.gen(function* () {
      const pool = yield* Pool.make([backend("a"), backend("b")])
      for (let i = 0; i < 30; i++) yield* chat(pool)
      assert.isTrue((yield* pool.snapshot).every(({ ready }) => ready))
    })
  )

  it.scoped("gives another instance for a second try: a ready one, else one that is starting", () =>
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

  it.scoped("respects the limit of an instance while another has room", () =>
    Effect.gen(function* () {
      const pool = yield* Pool.make([backend("a"), backend("b")], { maxInFlightPerInstance: 2 })
      const key = Option.some("k")
      for (let i = 0; i < 4; i++) yield* pool.lease(key)
      assert.deepStrictEqual(yield* loads(pool), [2, 2])
    })
  )

  it.effect("gives a fixed reason why an instance is not ready", () =>
    Effect.gen(function* () {
      const seen: { state: BackendState; loggedIn: boolean | undefined } = { state: "starting", loggedIn: undefined }
      const pool = yield* Pool.make([
        backend(
          "a",
          () => seen.state,
          () => seen.loggedIn
        ),
        backend("b")
      ])
      assert.deepInclude(yield* one(pool), { ready: false, reason: "its state is starting" })
      seen.state = "ready"
      assert.deepInclude(yield* one(pool), { ready: true, reason: undefined })
      seen.loggedIn = false
      assert.deepInclude(yield* one(pool), { ready: false, reason: "no account is signed in" })
      seen.loggedIn = true
      yield* Effect.scoped(
        Effect.gen(function* () {
          const leases = yield* Effect.forEach(Array.from({ length: 10 }), () => pool.lease(none))
          for (const { backend, settle } of leases) if (backend.id === "a") settle("failed")
        })
      )
      yield* QuickClock.adjust("500 millis")
      assert.deepInclude(yield* one(pool), {
        ready: false,
        ejected: true,
        failing: false,
        ejections: 1,
        reason: "left out for 30 s more, as its chats failed"
      })
      assert.deepInclude(yield* one(pool, "b"), { ready: true, reason: undefined, ejections: 0 })
    })
  )

  it.effect(
    "marks the only instance as failing without ejecting it, still sends it chats, and trusts it again after a success",
    () =>
      Effect.gen(function* () {
        const pool = yield* Pool.make([backend("a")])
        for (let i = 0; i < 5; i++) {
          assert.deepInclude(yield* one(pool), { ready: true, failing: false })
          yield* chat(pool, "failed", none, `no ${i}`)
        }
        assert.deepInclude(yield* one(pool), {
          ready: false,
          failing: true,
          ejected: false,
          reason: "its last 5 chats failed",
          lastError: "no 4"
        })
        assert.strictEqual(yield* chat(pool), "a")
        assert.deepInclude(yield* one(pool), { ready: false, lastError: "no 4" })
        yield* chat(pool, "failed")
        assert.strictEqual((yield* one(pool)).lastError, "no 4", "a failure without a reason keeps the last one")
        yield* chat(pool, "completed")
        assert.deepInclude(yield* one(pool), { ready: true, reason: undefined, lastError: undefined })
      })
  )

  it.effect("counts a failing instance as ready again after half a minute, until the next failure", () =>
    Effect.gen(function* () {
      const pool = yield* Pool.make([backend("a")])
      for (let i = 0; i < 5; i++) yield* chat(pool, "failed")
      yield* QuickClock.adjust("29999 millis")
      assert.isFalse((yield* one(pool)).ready)
      yield* QuickClock.adjust("1 millis")
      assert.isTrue((yield* one(pool)).ready)
      yield* chat(pool, "failed")
      assert.deepInclude(yield* one(pool), { ready: false, reason: "its last 6 chats failed" })
    })
  )

  it.effect("gives as the reason of the last instance on probation that its one chat failed", () =>
    Effect.gen(function* () {
      const pool = yield* Pool.make([backend("a"), backend("b")])
      const fail = (id: string) =>
        Effect.scoped(
          Effect.flatMap(pool.another(none, new Set([id === "a" ? "b" : "a"])), (lease) =>
            Effect.sync(() => Option.getOrThrow(lease).settle("failed"))
          )
        )
      for (let i = 0; i < 5; i++) yield* fail("a")
      yield* QuickClock.adjust("30 seconds")
      for (let i = 0; i < 5; i++) yield* fail("b")
      assert.isTrue((yield* one(pool, "b")).ejected)
      yield* fail("a")
      assert.deepInclude(yield* one(pool), { ejected: false, failing: true, reason: "its last chat failed" })
      assert.strictEqual(yield* chat(pool, "completed"), "a", "the failing one goes before one that is left out")
    })
  )

  it.effect("sends chats to ejected instances if no other is connected, and readmits one after a success", () =>
    Effect.gen(function* () {
      const state: { b: BackendState } = { b: "ready" }
      const pool = yield* Pool.make([backend("a"), backend("b", () => state.b)])
      yield* QuickClock.adjust("1 second")
      while (!(yield* one(pool)).ejected) yield* chat(pool, (yield* one(pool)).inFlight === 0 ? "failed" : undefined)
      state.b = "failed"
      yield* QuickClock.adjust("1 second")
      assert.strictEqual(yield* chat(pool), "a")
      assert.strictEqual(yield* chat(pool), "a")
      assert.deepInclude(yield* one(pool), { ejected: true, ready: false })
      yield* chat(pool, "completed")
      assert.deepInclude(yield* one(pool), { ejected: false, ready: true })
    })
  )

  it.effect("counts not getting ready as a failure only if the instance had reported ready", () =>
    Effect.gen(function* () {
      const state: { a: BackendState } = { a: "reconnecting" }
      const pool = yield* Pool.make([backend("a", () => state.a)])
      for (let i = 0; i < 10; i++) {
        yield* chat(pool, "absent", none, "gone")
        yield* QuickClock.adjust("1 second")
      }
      assert.deepInclude(yield* one(pool), { failing: false, lastError: undefined })
      state.a = "ready"
      assert.isTrue((yield* one(pool)).ready)
      for (let i = 0; i < 5; i++) {
        yield* chat(pool, "absent", none, "gone")
        yield* QuickClock.adjust("1 second")
      }
      assert.deepInclude(yield* one(pool), { failing: true, lastError: "gone" })
    })
  )

  it.effect("counts only the first outcome of a chat", () =>
    Effect.gen(function* () {
      const pool = yield* Pool.make([backend("a")])
      yield* Effect.scoped(
        Effect.map(pool.lease(none), (lease) => {
          lease.settle("failed", "first")
          lease.settle("completed")
          lease.settle("failed", "third")
        })
      )
      const { health, lastError } = yield* one(pool)
      assert.deepInclude({ ...health, lastError }, { failures: 1, lastError: "first" })
    })
  )

  it.scoped("sends an instance on probation its next chat once the first one's answer has begun", () =>
    Effect.gen(function* () {
      const pool = yield* Pool.make([backend("a"), backend("b")])
      const key = Option.some("k")
      const sticky = yield* chat(pool, "completed", key)
      for (let i = 0; i < 5; i++) yield* chat(pool, "failed", key)
      yield* QuickClock.adjust("30 seconds")
      const probe = yield* pool.lease(key)
      assert.strictEqual(probe.backend.id, sticky)
      assert.deepInclude(yield* one(pool, sticky), { ready: false, reason: "one chat tries it, after it was left out" })
      probe.answering()
      assert.isTrue((yield* one(pool, sticky)).ready)
    })
  )

  it.effect(
    "readmits an instance after two chats on probation are lost at once while the other instance is ejected",
    () =>
      Effect.gen(function* () {
        const pool = yield* Pool.make([backend("a"), backend("b")])
        const lease = (id: string) =>
          Effect.map(pool.another(none, new Set([id === "a" ? "b" : "a"])), Option.getOrThrow)
        const fail = (id: string) => Effect.scoped(Effect.map(lease(id), ({ settle }) => settle("failed")))
        for (let i = 0; i < 5; i++) yield* fail("a")
        yield* QuickClock.adjust("30 seconds")
        yield* Effect.scoped(
          Effect.gen(function* () {
            const probe = yield* lease("a")
            for (let i = 0; i < 5; i++) yield* fail("b")
            const second = yield* pool.lease(none)
            second.settle("lost")
            probe.settle("lost")
          })
        )
        yield* QuickClock.adjust("10 minutes")
        for (const id of ["a", "b"]) assert.isTrue((yield* one(pool, id)).ready, id)
      })
  )

  const model = (key: string, more: Partial<Model> = {}): Model => ({
    key,
    name: key,
    scene: "chat",
    isDefault: false,
    ...more
  })
  const offering = (id: string, keys: ReadonlyArray<string>, status: Partial<BackendStatus> = {}) =>
    TestBackend.make(undefined, {
      id,
      status: Effect.sync(() => ({ ...TestBackend.ready, models: keys.map((key) => model(key)), ...status }))
    }).backend
  const offer = Offer.make({ aliases: [], defaultModel: "auto", fallback: "none" })
  const wants =
    (name: string): Choice.Offers =>
    (models) =>
      offer(models, { model: name, images: false, tokens: 1 })
  const given = (pool: Pool["Type"], name: string, key = none) =>
    Effect.scoped(
      Effect.match(pool.lease(key, wants(name)), {
        onFailure: (error) => error._tag,
        onSuccess: ({ backend }) => backend.id
      })
    )
  const exhaust = (pool: Pool["Type"], name: string, quota: Spent.Quota) =>
    Effect.scoped(Effect.map(pool.lease(none, wants(name)), ({ settle }) => settle("exhausted", "no quota", quota)))

  it.effect(
    "sends a chat to an instance that offers its model, whatever its affinity key, and fails if none does",
    () =>
      Effect.gen(function* () {
        const pool = yield* Pool.make([offering("a", ["x", "both"]), offering("b", ["y", "both"])])
        for (let i = 0; i < 12; i++) {
          const key = Option.some(`k${i}`)
          assert.strictEqual(yield* given(pool, "x", key), "a")
          assert.strictEqual(yield* given(pool, "y", key), "b")
          assert.strictEqual(yield* given(pool, "y"), "b")
          assert.strictEqual(yield* given(pool, "both", key), yield* chat(pool, undefined, key))
        }
        assert.strictEqual(yield* given(pool, "z"), "ModelNotFound")
        assert.strictEqual((yield* pool.unserved(wants("z")))?._tag, "ModelNotFound")
        assert.isUndefined(yield* pool.unserved(wants("x")))
        assert.isTrue(Option.isNone(yield* Effect.scoped(pool.another(none, new Set(["a"]), wants("x")))))
        assert.deepStrictEqual(yield* loads(pool), [0, 0])
      })
  )

  it.effect("waits for an instance that is starting and whose models are unknown, but not for one that is down", () =>
    Effect.gen(function* () {
      const ways: ReadonlyArray<readonly [Partial<BackendStatus>, string]> = [
        [{ state: "starting", loggedIn: undefined }, "b"],
        [{ state: "reconnecting" }, "b"],
        [{ loggedIn: false, login: { _tag: "Running", by: "browser" } }, "b"],
        [{ loggedIn: false, login: { _tag: "Running", by: "browser" }, models: [model("guest")] }, "b"],
        [{ loggedIn: undefined }, "b"],
        [{ state: "reconnecting", models: [model("y")] }, "ModelNotFound"],
        [{ loggedIn: false, login: Login.idle }, "ModelNotFound"],
        [{ state: "failed" }, "ModelNotFound"],
        [{ state: "failed", models: [model("z")] }, "b"]
      ]
      for (const [status, expected] of ways) {
        const pool = yield* Pool.make([offering("a", ["x"]), offering("b", [], status)])
        assert.strictEqual(yield* given(pool, "z"), expected, JSON.stringify(status))
        assert.strictEqual(yield* given(pool, "x"), "a", "a ready one that offers it goes first")
      }
    })
  )

  it.effect("skips spent models and accounts, and gives the earliest return if all are spent", () =>
    Effect.gen(function* () {
      const pool = yield* Pool.make([offering("a", ["x", "y", "z"]), offering("b", ["x"])])
      yield* exhaust(pool, "y", { model: "y", until: 60_000 })
      assert.strictEqual((yield* one(pool)).lastError, "no quota")
      assert.deepInclude(yield* pool.unserved(wants("y")), { instance: "a", model: "y", until: 60_000 })
      assert.strictEqual(yield* given(pool, "z"), "a", "another model of the account is asked")
      yield* exhaust(pool, "z", { model: "z", until: 90_000 })
      for (let i = 0; i < 4; i++) assert.strictEqual(yield* given(pool, "x"), "b", "the account is spent")
      yield* exhaust(pool, "x", { until: 30_000 })
      const all = yield* pool.unserved(wants("x"))
      assert.deepInclude(all, { _tag: "QuotaExhausted", instance: "b", until: 30_000 })
      assert.notProperty(all, "model")
      assert.strictEqual(yield* chat(pool), "a", "who wants no model in particular is given any")
      for (const instance of yield* pool.snapshot) assert.deepInclude(instance, { ready: true, ejected: false })
      yield* QuickClock.adjust("30 seconds")
      assert.strictEqual(yield* given(pool, "x"), "b")
      yield* QuickClock.adjust("30 seconds")
      assert.strictEqual(yield* given(pool, "y"), "a")
      assert.deepInclude(yield* pool.unserved(wants("z")), { _tag: "QuotaExhausted", until: 90_000 })
    })
  )

  it.effect("probes a spent account if no other can answer, with one chat at a time and at growing intervals", () =>
    Effect.gen(function* () {
      const pool = yield* Pool.make([offering("a", ["x"]), offering("b", ["x"]), offering("c", ["y"])])
      yield* exhaust(pool, "x", { until: 3_600_000 })
      yield* exhaust(pool, "x", { until: 3_600_000 })
      /** Instances that got the chats, one chat every 100 ms, each of which finds the quota spent. */
      const asked: Array<number> = []
      for (let at = 0; at < 10_000; at += 100) {
        const [first, second] = [yield* given(pool, "x"), yield* given(pool, "x")]
        if (at === 0) assert.sameMembers([first, second], ["a", "b"], "each is asked once at once")
        for (const one of [first, second]) {
          if (one === "QuotaExhausted") continue
          asked.push(at)
        }
        assert.deepInclude(yield* pool.unserved(wants("x")), { _tag: "QuotaExhausted", until: 3_600_000 })
        yield* QuickClock.adjust("100 millis")
      }
      assert.deepStrictEqual(asked, [0, 0, 1_000, 1_000, 3_000, 3_000, 7_000, 7_000])
      yield* QuickClock.adjust("8 seconds")
      const probe = Effect.scoped(Effect.map(pool.lease(none, wants("x")), ({ settle }) => settle("completed")))
      yield* probe
      for (let i = 0; i < 9; i++) assert.notStrictEqual(yield* given(pool, "x"), "QuotaExhausted", "it was topped up")
    })
  )

  it.effect("uses a spent model again after a chat with it succeeded, or when another account is signed in", () =>
    Effect.gen(function* () {
      let account: string | undefined = "ann"
      const { backend } = TestBackend.make(undefined, {
        id: "a",
        status: Effect.sync(() => ({ ...TestBackend.ready, models: [model("x"), model("y")], account }))
      })
      const pool = yield* Pool.make([backend])
      yield* Effect.scoped(
        Effect.gen(function* () {
          const running = yield* pool.lease(none, wants("x"))
          const mapped = yield* pool.lease(none)
          yield* exhaust(pool, "x", { model: "x" })
          assert.strictEqual((yield* pool.unserved(wants("x")))?._tag, "QuotaExhausted")
          running.settle("completed")
          assert.isUndefined(yield* pool.unserved(wants("x")))
          yield* exhaust(pool, "y", { model: "y" })
          mapped.answering("y")
          mapped.settle("completed")
          assert.isUndefined(yield* pool.unserved(wants("y")))
        })
      )
      yield* exhaust(pool, "x", { until: 3_600_000 })
      account = undefined
      assert.isDefined(yield* pool.unserved(wants("x")), "as long as nobody else is known to be there")
      account = "bob"
      assert.isUndefined(yield* pool.unserved(wants("x")))
    })
  )

  it.effect(
    "never gets stuck: after any sequence of chats all load is gone, and each instance may serve within ten minutes",
    () =>
      Effect.forEach(
        FastCheck.sample(
          FastCheck.array(
            FastCheck.record({
              what: FastCheck.constantFrom("lease", "another", "end", "answering", "wait"),
              which: FastCheck.nat(7),
              outcome: FastCheck.constantFrom<Parameters<Lease["settle"]>[0] | undefined>(
                "completed",
                "failed",
                "lost",
                "exhausted",
                "absent",
                undefined
              ),
              wait: FastCheck.constantFrom(0, 100, 700, 20_000, 31_000, 300_000)
            }),
            { maxLength: 80 }
          ),
          100
        ),
        (steps) =>
          Effect.gen(function* () {
            const pool = yield* Pool.make([backend("a"), backend("b"), backend("c")])
            const open: Array<{ readonly lease: Lease; readonly scope: Scope.CloseableScope }> = []
            for (const { outcome, wait, what, which } of steps) {
              const chosen = open[which % Math.max(1, open.length)]
              if (what === "lease" || what === "another") {
                const scope = yield* Scope.make()
                const lease =
                  what === "lease"
                    ? yield* Scope.extend(pool.lease(none), scope)
                    : Option.getOrUndefined(yield* Scope.extend(pool.another(none, new Set(["a"])), scope))
                if (lease !== undefined) open.push({ lease, scope })
              } else if (what === "wait") yield* QuickClock.adjust(wait)
              else if (chosen !== undefined && what === "answering") chosen.lease.answering()
              else if (chosen !== undefined) {
                open.splice(open.indexOf(chosen), 1)
                if (outcome !== undefined) chosen.lease.settle(outcome)
                yield* Scope.close(chosen.scope, Exit.void)
              }
              const all = yield* pool.snapshot
              assert.strictEqual(
                all.reduce((sum, { inFlight }) => sum + inFlight, 0),
                open.length
              )
              assert.isAtMost(all.filter(({ ejected }) => ejected).length, 2)
            }
            for (const { scope } of open) yield* Scope.close(scope, Exit.void)
            yield* QuickClock.adjust("10 minutes")
            for (const { id, inFlight, ready } of yield* pool.snapshot)
              assert.deepStrictEqual([id, inFlight, ready], [id, 0, true])
          })
      )
  )
})
