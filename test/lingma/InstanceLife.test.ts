/**
 * A model of an instance's life: whatever happens to its Lingma, once that is healthy the instance serves again within
 * a bound, by itself, and nothing is left over.
 */
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Duration, Effect, Exit, FastCheck, Fiber, Scope, SubscriptionRef, TestClock } from "effect"
import * as Instance from "../../src/lingma/Instance.ts"
import type * as Endpoint from "../../src/lingma/process/Endpoint.ts"
import { ProcessExited } from "../../src/lingma/process/LingmaProcess.ts"
import type { LingmaRpc, RpcState } from "../../src/lingma/rpc/LingmaRpc.ts"
import type { Method } from "../../src/lingma/rpc/Protocol.ts"
import { RpcDisconnected, RpcTimeout } from "../../src/lingma/rpc/RpcError.ts"
import { Metrics } from "../../src/observe/Metrics.ts"
import { patience } from "../support/Effort.ts"

const startup = 30_000
const callTimeout = 30_000
/** How long a connection to a process that stands still is taken for a good one. */
const pongMissing = 25_000
/** How long a process that stands still may take to end. */
const stopping = 4_000
const step = 1_000
const RUNS = 10

interface Process {
  /** Stopped by a signal: takes bytes, says nothing. */
  frozen: boolean
  /** Takes connections and never answers the handshake. */
  deaf: boolean
  /** How often its connection was lost. */
  drops: number
  readonly exited: Deferred.Deferred<never, ProcessExited>
}

const makeProcess = Effect.map(
  Deferred.make<never, ProcessExited>(),
  (exited): Process => ({ frozen: false, deaf: false, drops: 0, exited })
)

/** The machine on which it runs. */
const makeWorld = Effect.gen(function* () {
  const clock = yield* Effect.clock
  const now = () => Number(clock.unsafeCurrentTimeNanos()) / 1e6
  const elsewhere = yield* makeProcess
  const world = { refused: 0, deafNext: 0, signedIn: true, slowModels: 0 }
  const held = { processes: 0, connections: 0, calls: 0 }
  let starts = 0
  let current = elsewhere

  const launched: Endpoint.Find = Effect.gen(function* () {
    if (world.refused > 0) {
      world.refused--
      return yield* new ProcessExited({ detail: "ended with code 1; no words" })
    }
    const process = yield* Effect.acquireRelease(
      Effect.tap(makeProcess, (process) =>
        Effect.sync(() => {
          starts++
          held.processes++
          process.deaf = world.deafNext > 0
          if (process.deaf) world.deafNext--
          current = process
        })
      ),
      (process) =>
        Effect.zipRight(
          process.frozen ? Effect.sleep(stopping) : Effect.void,
          Effect.sync(() => held.processes--)
        )
    )
    return {
      url: "ws://x/",
      isOurs: Effect.succeed(true),
      isReplaceable: true,
      gone: Deferred.await(process.exited)
    }
  })
  const attached: Endpoint.Find = Effect.succeed({
    url: "ws://x/",
    isOurs: Effect.succeed(true),
    isReplaceable: false,
    gone: Effect.never
  })

  const answers: Record<string, () => readonly [unknown, number]> = {
    "auth/status": () => [world.signedIn ? { status: 2, id: "u" } : { status: 1 }, 0],
    "config/queryModels": () => [{ chat: [{ key: "auto", displayName: "Auto" }] }, world.slowModels]
  }

  const connect = Effect.gen(function* () {
    const process = current
    const state = yield* SubscriptionRef.make<RpcState>("connecting")
    let isUp = false
    yield* Effect.acquireRelease(
      Effect.sync(() => held.connections++),
      () => Effect.sync(() => held.connections--)
    )
    const link = Effect.gen(function* () {
      while (process.frozen || process.deaf) yield* Effect.sleep(step)
      const drops = process.drops
      isUp = true
      yield* SubscriptionRef.set(state, "ready")
      let still = 0
      while (process.drops === drops && still < pongMissing) {
        yield* Effect.sleep(step)
        still = process.frozen ? still + step : 0
      }
      isUp = false
      yield* SubscriptionRef.set(state, "reconnecting")
      yield* Effect.sleep(step)
    })
    yield* Effect.forkScoped(Effect.interruptible(Effect.forever(link)))

    const call = ({ name }: Method<unknown, unknown>): Effect.Effect<unknown, RpcDisconnected | RpcTimeout> =>
      Effect.acquireUseRelease(
        Effect.sync(() => held.calls++),
        () =>
          Effect.gen(function* () {
            const asked = now()
            while (true) {
              if (!isUp) return yield* new RpcDisconnected({ reason: "closed (1006)" })
              const [answer, delay] = answers[name]?.() ?? [{}, 0]
              if (!process.frozen && now() - asked >= delay) return answer
              if (now() - asked >= callTimeout) return yield* new RpcTimeout({ method: name })
              yield* Effect.sleep(step)
            }
          }),
        () => Effect.sync(() => held.calls--)
      )
    return {
      state,
      ready: Effect.repeat(Effect.delay(SubscriptionRef.get(state), step), { until: (one) => one === "ready" }),
      call: call as LingmaRpc["Type"]["call"],
      product: () => "lingma",
      send: () => false,
      notify: () => false,
      post: () => new RpcDisconnected({ reason: "not here" }),
      whenReady: () => {},
      subscribe: () => Effect.void,
      stats: Effect.succeed({ pending: 0, turns: 0, strayReplies: 0, strayPushes: 0 })
    } satisfies LingmaRpc["Type"]
  })

  const make = (find: Endpoint.Find) =>
    Instance.make({
      id: "inst-0",
      find,
      workDir: "/nowhere",
      gate: (start) => start,
      startupTimeout: Duration.millis(startup),
      rpcTimeout: Duration.millis(callTimeout),
      version: "0",
      onAuth: () => {},
      connect: () => connect
    }).pipe(Effect.provide(Metrics.layer))
  return { world, held, launched, attached, make, process: () => current, starts: () => starts }
})

const until = (one: Instance.Instance, wanted: string, bound: number) =>
  Effect.gen(function* () {
    for (let waited = 0; waited <= bound; waited += step) {
      if ((yield* one.status).state === wanted) return waited
      yield* TestClock.adjust(step)
    }
    return assert.fail(`not ${wanted} after ${bound} ms: ${JSON.stringify(yield* one.status)}`)
  })

type Happening = "exit" | "drop" | "freeze" | "thaw" | "deaf" | "leave" | "signOut" | "signIn" | "fast"

describe("an instance", () => {
  it.effect("replaces a process of its own that stands still, and serves again within a minute or so", () =>
    Effect.gen(function* () {
      const { held, launched, make, process, starts } = yield* makeWorld
      const scope = yield* Scope.make()
      const one = yield* Scope.extend(make(launched), scope)
      yield* until(one, "ready", 5_000)
      const stopped = process()
      stopped.frozen = true
      yield* until(one, "reconnecting", pongMissing + 2 * step)
      yield* TestClock.adjust(startup - 2 * step)
      assert.strictEqual(process(), stopped, "not before LINGMA_STARTUP_TIMEOUT")
      yield* until(one, "ready", 2 * step + stopping + 3 * step)
      assert.notStrictEqual(process(), stopped)
      assert.strictEqual(starts(), 2)
      yield* one.loggedIn
      assert.deepStrictEqual(held, { processes: 1, connections: 1, calls: 0 })
      yield* Scope.close(scope, Exit.void)
      assert.deepStrictEqual(held, { processes: 0, connections: 0, calls: 0 })
    })
  )

  it.scoped("tells why it replaces it, and lets callers wait for the new one", () =>
    Effect.gen(function* () {
      const { launched, make, process } = yield* makeWorld
      const one = yield* make(launched)
      yield* until(one, "ready", 5_000)
      process().deaf = true
      process().drops++
      yield* TestClock.adjust(startup)
      while ((yield* one.status).lastError === undefined) yield* TestClock.adjust("100 millis")
      const { lastError, state } = yield* one.status
      assert.deepStrictEqual([state, lastError], ["reconnecting", "no connection to it within LINGMA_STARTUP_TIMEOUT"])
      const waiting = yield* Effect.fork(one.rpc)
      yield* until(one, "ready", 10_000)
      yield* Fiber.join(waiting)
      assert.isUndefined((yield* one.status).lastError)
    })
  )

  it.scoped("does not replace somebody else's, lets nobody wait for it in vain, and notices when it is back", () =>
    Effect.gen(function* () {
      const { attached, held, make, process } = yield* makeWorld
      const one = yield* make(attached)
      yield* until(one, "ready", 5_000)
      process().frozen = true
      yield* until(one, "reconnecting", pongMissing + 2 * step)
      const early = yield* Effect.fork(Effect.exit(one.rpc))
      yield* until(one, "failed", startup + step)
      assert.isTrue(Exit.isFailure(yield* Fiber.join(early)))
      const error = yield* Effect.flip(one.rpc)
      assert.strictEqual(error.detail, "no connection to it within LINGMA_STARTUP_TIMEOUT")
      yield* TestClock.adjust("10 minutes")
      assert.strictEqual(held.connections, 1)
      process().frozen = false
      yield* until(one, "ready", 3 * step)
      yield* one.rpc
      assert.deepInclude(yield* one.status, { restarts: 0, lastError: undefined })
    })
  )

  it.scoped("waits once, not once for each thing that is asked of it", () =>
    Effect.gen(function* () {
      const { attached, make, process } = yield* makeWorld
      const one = yield* make(attached)
      yield* until(one, "ready", 5_000)
      process().deaf = true
      process().drops++
      yield* until(one, "reconnecting", 2 * step)
      const asked = yield* Effect.fork(Effect.exit(Effect.zipRight(one.loggedIn, one.models)))
      yield* TestClock.adjust(startup + step)
      assert.isTrue(Exit.isFailure(yield* Fiber.join(asked)))
    })
  )

  const event = FastCheck.oneof(
    FastCheck.record({
      what: FastCheck.constant("wait" as const),
      millis: FastCheck.constantFrom(0, 900, 5_000, 31_000, 100_000)
    }),
    FastCheck.record({
      what: FastCheck.constantFrom<Happening>(
        "exit",
        "drop",
        "freeze",
        "thaw",
        "deaf",
        "leave",
        "signOut",
        "signIn",
        "fast"
      ),
      millis: FastCheck.constant(0)
    }),
    FastCheck.record({
      what: FastCheck.constantFrom<"refuse" | "deafNext">("refuse", "deafNext"),
      millis: FastCheck.integer({ min: 1, max: 4 })
    }),
    FastCheck.record({
      what: FastCheck.constant("slow" as const),
      millis: FastCheck.constantFrom(2_000, 20_000, 40_000)
    }),
    FastCheck.record({
      what: FastCheck.constantFrom("rpc" as const, "loggedIn" as const, "models" as const, "check" as const),
      millis: FastCheck.constant(0)
    })
  )
  /** No pong, the limit, the end of the process, the longest pause, and the first questions to the new one. */
  const bound = pongMissing + startup + stopping + 1.2 * 30_000 + 10_000

  for (const kind of ["launched", "attached"] as const) {
    it.effect(
      `serves again within a bound whatever happened to its Lingma, and leaves nothing over (${kind})`,
      () =>
        Effect.forEach(FastCheck.sample(FastCheck.array(event, { maxLength: 20 }), RUNS), (events) =>
          Effect.gen(function* () {
            const made = yield* makeWorld
            const { held, make, process, world } = made
            const scope = yield* Scope.make()
            const one = yield* Scope.extend(make(made[kind]), scope)
            const asked: Array<Fiber.RuntimeFiber<unknown, unknown>> = []
            for (const { millis, what } of events) {
              if (what === "wait") yield* TestClock.adjust(millis)
              else if (what === "exit") {
                // Somebody else's comes back at the same place.
                if (kind === "launched")
                  yield* Deferred.fail(process().exited, new ProcessExited({ detail: "SIGKILL" }))
                else process().drops++
              } else if (what === "drop") process().drops++
              else if (what === "freeze") process().frozen = true
              else if (what === "thaw") process().frozen = false
              else if (what === "deaf") process().deaf = true
              else if (what === "refuse") world.refused = millis
              else if (what === "deafNext") world.deafNext = millis
              else if (what === "slow") world.slowModels = millis
              else if (what === "fast") world.slowModels = 0
              else if (what === "signIn") world.signedIn = true
              else if (what === "signOut") {
                world.signedIn = false
                one.refreshSoon()
              } else if (what === "leave") yield* Effect.forEach(asked.splice(0, 1), Fiber.interrupt)
              else asked.push(yield* Effect.fork(Effect.exit<unknown, unknown, never>(one[what])))
            }
            Object.assign(world, { refused: 0, deafNext: 0, signedIn: true, slowModels: 0 })
            // One of its own that stands still is left so: it is for the instance to replace it.
            if (kind === "attached") Object.assign(process(), { frozen: false, deaf: false })
            yield* TestClock.adjust(bound)
            const told = JSON.stringify({ events, status: yield* one.status, held })
            assert.strictEqual((yield* one.status).state, "ready", told)
            yield* one.rpc
            yield* one.loggedIn
            assert.lengthOf(yield* one.models, 1)
            for (const fiber of asked) assert.strictEqual((yield* Fiber.poll(fiber))._tag, "Some", told)
            assert.deepStrictEqual(held, { processes: kind === "launched" ? 1 : 0, connections: 1, calls: 0 }, told)
            yield* Scope.close(scope, Exit.void)
            assert.deepStrictEqual(held, { processes: 0, connections: 0, calls: 0 }, told)
          })
        ),
      { timeout: patience(120_000) }
    )
  }
})
