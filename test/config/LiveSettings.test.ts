import { assert, describe, it } from "@effect/vitest"
import { ConfigProvider, Duration, Effect, Either, FastCheck, Option, Redacted } from "effect"
import { checked, explain, GatewayConfig, type Settings } from "../../src/config/Config.ts"
import * as LiveSettings from "../../src/config/LiveSettings.ts"

/** As a source reads it: checked whole, or refused. */
const parsed = (env: Record<string, string>) =>
  checked.pipe(
    Effect.withConfigProvider(ConfigProvider.fromMap(new Map(Object.entries(env)))),
    Effect.mapError((error) => new LiveSettings.SettingsRefused({ problems: explain(error) }))
  )

/** Settings whose source holds what `write` was given last. */
const over = Effect.fnUntraced(function* (env: Record<string, string> = {}) {
  let content = env
  const live = LiveSettings.make(
    yield* parsed(env),
    Effect.suspend(() => parsed(content))
  )
  const write = (next: Record<string, string>) => {
    content = next
    return Effect.either(live.reload)
  }
  return { live, write }
})

const defaults = Effect.provide(GatewayConfig, GatewayConfig.layer())

describe("LiveSettings", () => {
  it.effect("take what is live at once, and name what waits for the next start until that is taken back", () =>
    Effect.gen(function* () {
      const { live, write } = yield* over()
      const before = live.current
      const told = yield* write({ GATEWAY_MAX_IN_FLIGHT: "7", GATEWAY_PORT: "1234", LOG_LEVEL: "debug" })
      assert.deepStrictEqual(
        told,
        Either.right({ changed: ["GATEWAY_MAX_IN_FLIGHT", "LOG_LEVEL"], restart: ["GATEWAY_PORT"] })
      )
      assert.deepInclude(live.current, { maxInFlight: 7, port: 8370, logLevel: "debug" })
      // Whoever has read them before keeps them.
      assert.deepInclude(before, { maxInFlight: 64, logLevel: "info" })
      assert.deepStrictEqual(
        yield* write({ GATEWAY_PORT: "1234", LOG_LEVEL: "debug" }),
        Either.right({ changed: ["GATEWAY_MAX_IN_FLIGHT"], restart: ["GATEWAY_PORT"] })
      )
      assert.deepStrictEqual(yield* write({ LOG_LEVEL: "debug" }), Either.right({ changed: [], restart: [] }))
    })
  )

  it.effect("stay one and the same while nothing has changed but how it is written", () =>
    Effect.gen(function* () {
      const env = {
        API_KEYS: "a,b",
        LINGMA_ACCOUNTS: "u:p,v:q",
        MODEL_ALIASES: "a=b,c@high=d",
        GATEWAY_QUEUE_TIMEOUT_SEC: "1.5",
        WEB_SEARCH_URL: "http://127.0.0.1/x",
        DATABASE_URL: "postgres://u:p@h/n"
      }
      const { live, write } = yield* over(env)
      const before = live.current
      const again = { ...env, API_KEYS: " a , b ", GATEWAY_QUEUE_TIMEOUT_SEC: "1.50", GATEWAY_QUEUE_MAX: "256" }
      assert.deepStrictEqual(yield* write(again), Either.right({ changed: [], restart: [] }))
      assert.strictEqual(live.current, before)
      const others: Record<string, string> = {
        API_KEYS: "b,a",
        LINGMA_ACCOUNTS: "u:p,v:other",
        MODEL_ALIASES: "a=b,c@low=d",
        GATEWAY_QUEUE_TIMEOUT_SEC: "1.6",
        WEB_SEARCH_URL: ""
      }
      for (const [name, text] of Object.entries(others)) {
        const told = yield* write({ ...env, [name]: text })
        assert.deepStrictEqual(
          Either.map(told, ({ changed }) => changed),
          Either.right([name])
        )
        yield* write(env)
      }
    })
  )

  it.effect("refuse a wrong value, a conflict and a follower's objection as a whole", () =>
    Effect.scoped(
      Effect.gen(function* () {
        const { live, write } = yield* over({ GATEWAY_MAX_IN_FLIGHT: "5" })
        const before = live.current
        const seen: Array<number> = []
        yield* live.follow({
          check: ({ maxInFlight }) => (maxInFlight === 13 ? "GATEWAY_MAX_IN_FLIGHT must not be 13" : undefined),
          apply: ({ maxInFlight }) => seen.push(maxInFlight)
        })
        const wrongs: ReadonlyArray<readonly [Record<string, string>, string]> = [
          [{ GATEWAY_MAX_IN_FLIGHT: "6", LOG_LEVEL: "zebra" }, "LOG_LEVEL must be one of"],
          [{ GATEWAY_MAX_IN_FLIGHT: "6", LINGMA_USERNAME: "u" }, "must be set together"],
          [{ GATEWAY_MAX_IN_FLIGHT: "13", LOG_LEVEL: "warn" }, "must not be 13"]
        ]
        for (const [env, reason] of wrongs) {
          const told = yield* Effect.flip(Effect.flatten(write(env)))
          assert.include(told._tag === "SettingsRefused" ? told.message : "", reason)
          assert.strictEqual(live.current, before)
        }
        assert.deepStrictEqual(seen, [])
        yield* write({ GATEWAY_MAX_IN_FLIGHT: "6" })
        assert.deepStrictEqual(seen, [6])
      })
    )
  )

  it.effect("refuse a live change that only goes with one that waits for the next start", () =>
    Effect.gen(function* () {
      const { live, write } = yield* over({ GATEWAY_HOST: "0.0.0.0", API_KEYS: "a" })
      const told = yield* write({ GATEWAY_HOST: "127.0.0.1" })
      assert.isTrue(Either.isLeft(told))
      assert.include(String(Either.isLeft(told) ? told.left : ""), "GATEWAY_HOST changes at the next start only")
      assert.strictEqual(live.current.apiKeys.length, 1)
    })
  )

  it.effect("change all followers in the step in which the settings change, and none after its scope", () =>
    Effect.gen(function* () {
      const { live, write } = yield* over()
      const seen: Array<string> = []
      yield* Effect.scoped(
        Effect.gen(function* () {
          for (const name of ["a", "b"]) {
            yield* live.follow({ apply: (next) => seen.push(`${name} ${next === live.current} ${next.queueMax}`) })
          }
          yield* write({ GATEWAY_QUEUE_MAX: "9" })
        })
      )
      yield* write({ GATEWAY_QUEUE_MAX: "8" })
      assert.deepStrictEqual(seen, ["a true 9", "b true 9"])
    })
  )

  it.effect("take of two reloads at once the one that began to read later, whichever ends first", () =>
    Effect.gen(function* () {
      const ends: Array<() => void> = []
      let n = 0
      const base = yield* defaults
      const live = LiveSettings.make(
        base,
        Effect.suspend(() => {
          const mine: Settings = { ...base, queueMax: ++n }
          return Effect.async<Settings>((resume) => void ends.push(() => resume(Effect.succeed(mine))))
        })
      )
      const first = yield* Effect.fork(live.reload)
      const second = yield* Effect.fork(live.reload)
      yield* Effect.yieldNow()
      ends[1]?.()
      yield* second
      assert.strictEqual(live.current.queueMax, 2)
      ends[0]?.()
      yield* Effect.yieldNow()
      yield* Effect.yieldNow()
      // What the first one read may be from before the second: it reads again.
      assert.strictEqual(live.current.queueMax, 2)
      ends[2]?.()
      yield* first
      assert.strictEqual(live.current.queueMax, 3)
    })
  )

  it.effect("are after any changes those of the last content that was valid as a whole", () => {
    const valid = FastCheck.record({
      n: FastCheck.integer({ min: 1, max: 99 }),
      level: FastCheck.constantFrom("info" as const, "debug" as const)
    })
    const change = FastCheck.oneof(
      FastCheck.record({ kind: FastCheck.constant("valid" as const), value: valid }),
      FastCheck.record({ kind: FastCheck.constantFrom("broken" as const, "conflict" as const), value: valid })
    )
    return Effect.promise(() =>
      FastCheck.assert(
        FastCheck.asyncProperty(FastCheck.array(change, { maxLength: 20 }), async (changes) =>
          Effect.runPromise(
            Effect.gen(function* () {
              const { live, write } = yield* over()
              let expected: Partial<Settings> = { maxInFlight: 64, queueMax: 256, logLevel: "info" }
              for (const { kind, value } of changes) {
                const text = String(value.n)
                const env = { GATEWAY_MAX_IN_FLIGHT: text, GATEWAY_QUEUE_MAX: text, LOG_LEVEL: value.level }
                const told = yield* write({
                  ...env,
                  ...(kind === "broken" ? { TOOL_RETRIES: "many" } : {}),
                  ...(kind === "conflict" ? { LINGMA_PASSWORD: "p" } : {})
                })
                assert.strictEqual(Either.isRight(told), kind === "valid")
                if (kind === "valid") expected = { maxInFlight: value.n, queueMax: value.n, logLevel: value.level }
                assert.deepInclude(live.current, expected)
              }
            })
          )
        ),
        { numRuns: 30 }
      )
    )
  })

  it.effect("of a program never change, and say so", () =>
    Effect.gen(function* () {
      const live = yield* Effect.provide(LiveSettings.LiveSettings.get, GatewayConfig.layer({ maxInFlight: 3 }))
      assert.strictEqual(live.current.maxInFlight, 3)
      assert.strictEqual((yield* Effect.flip(live.reload))._tag, "SettingsFixed")
    })
  )

  it.effect("make what is derived once for each version, also while an earlier one is still used", () =>
    Effect.gen(function* () {
      let made = 0
      const of = LiveSettings.derive(({ queueMax }) => ({ queueMax, n: ++made }))
      const a = yield* defaults
      const b: Settings = {
        ...a,
        queueMax: 1,
        apiKeys: [Redacted.make("k")],
        idleTimeout: Duration.seconds(1),
        keysFile: Option.none()
      }
      assert.deepStrictEqual([of(a).n, of(b).n, of(a).n, of(b).n], [1, 2, 1, 2])
    })
  )
})
