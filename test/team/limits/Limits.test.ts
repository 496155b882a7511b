import * as SqlClient from "@effect/sql/SqlClient"
import { assert, describe, it, layer } from "@effect/vitest"
import { Context, Effect, Fiber, Layer, Redacted, TestClock } from "effect"
import { GatewayConfig } from "../../../src/config/Config.ts"
import type { DatabaseUrl } from "../../../src/config/DatabaseUrl.ts"
import * as Database from "../../../src/team/database/Database.ts"
import * as Days from "../../../src/team/limits/Days.ts"
import { type Limited, Limits, type LimitsService } from "../../../src/team/limits/Limits.ts"
import * as WindowStore from "../../../src/team/limits/WindowStore.ts"
import * as Postgres from "../../support/Postgres.ts"

class Server extends Context.Tag("test/Postgres")<Server, Postgres.Postgres>() {}

const NOW = Date.UTC(2026, 10, 28, 12)

const key = (more: Partial<Limited>): Limited => ({
  id: "key_a",
  tokensPerDay: undefined,
  requestsPerMinute: undefined,
  maxInFlight: undefined,
  ...more
})
const database = (url: DatabaseUrl) => Layer.build(Database.layer(url, { workDir: "", isServing: true }))

/** A gateway's limits over a database that outlives it. */
const over = (context: Context.Context<Database.Database | SqlClient.SqlClient>) =>
  Effect.map(
    Layer.build(Limits.layer.pipe(Layer.provide(Layer.succeedContext(context)), Layer.provide(GatewayConfig.layer()))),
    Context.get(Limits)
  )
const inMemory = Effect.zipRight(TestClock.setTime(NOW), Limits.makeInMemory("UTC"))

const passed = (limits: LimitsService, one: Limited, times: number) =>
  Effect.map(
    Effect.all(
      Array.from({ length: times }, () => limits.count(one)),
      { concurrency: "unbounded" }
    ),
    (all) => all.filter((refused) => refused === undefined).length
  )

describe("the limits of a key", () => {
  it.scoped("let so many requests pass in a minute, which begins with the first one", () =>
    Effect.gen(function* () {
      const limits = yield* inMemory
      const one = key({ requestsPerMinute: 3 })
      assert.strictEqual(yield* passed(limits, one, 2), 2)
      yield* TestClock.adjust("50 seconds")
      assert.strictEqual(yield* passed(limits, one, 5), 1)
      assert.deepStrictEqual(yield* limits.count(one), { limit: "requests", most: 3, retryAfter: 10 })
      assert.deepStrictEqual(limits.left(one).requests, { limit: 3, remaining: 0, reset: 10_000 })
      yield* TestClock.adjust("10 seconds")
      assert.strictEqual(yield* passed(limits, one, 5), 3)
      // Another key has limits of its own, and a change counts at once.
      assert.strictEqual(yield* passed(limits, key({ id: "key_b", requestsPerMinute: 1 }), 2), 1)
      assert.strictEqual(yield* passed(limits, key({ requestsPerMinute: 5 }), 5), 2)
    })
  )

  it.scoped("let chats begin while the tokens of the day are not used up, and again on the next day", () =>
    Effect.gen(function* () {
      const limits = yield* inMemory
      const one = key({ tokensPerDay: 100 })
      limits.charge(one, 99)
      assert.isUndefined(yield* limits.count(one))
      limits.charge(one, 500)
      assert.deepStrictEqual(yield* limits.count(one), { limit: "tokens", most: 100, retryAfter: 12 * 3600 })
      assert.deepStrictEqual(limits.left(one).tokens, { limit: 100, remaining: 0, reset: 12 * 3_600_000 })
      yield* TestClock.adjust("12 hours")
      assert.isUndefined(yield* limits.count(one))
      // A clock that is set back opens no day anew.
      limits.charge(one, 100)
      yield* TestClock.setTime(NOW)
      assert.strictEqual((yield* limits.count(one))?.limit, "tokens")
    })
  )

  it.scoped("let so many chats run at once", () =>
    Effect.gen(function* () {
      const limits = yield* inMemory
      const one = key({ maxInFlight: 2 })
      const enter = () => {
        const entered = limits.enter(one)
        return typeof entered === "function" ? entered : undefined
      }
      const first = enter()
      assert.isDefined(enter())
      assert.deepStrictEqual(limits.enter(one), { limit: "concurrency", most: 2, retryAfter: 1 })
      first?.()
      first?.()
      assert.isDefined(enter())
      assert.isUndefined(enter())
    })
  )

  it.scoped("are kept by a database of one gateway over its restart", () =>
    Effect.gen(function* () {
      yield* TestClock.setTime(NOW)
      const kept = yield* database({ _tag: "Memory" })
      const one = key({ requestsPerMinute: 10, tokensPerDay: 100 })
      yield* Effect.scoped(
        Effect.gen(function* () {
          const limits = yield* over(kept)
          assert.strictEqual(yield* passed(limits, one, 4), 4)
          limits.charge(one, 70)
        })
      )
      yield* TestClock.adjust("20 seconds")
      const limits = yield* over(kept)
      assert.deepStrictEqual(limits.left(one), {
        requests: { limit: 10, remaining: 6, reset: 40_000 },
        tokens: { limit: 100, remaining: 30, reset: 12 * 3_600_000 - 20_000 }
      })
    })
  )

  it("count days of a zone, also where they have 23 or 25 hours", () => {
    const berlin = Days.make("Europe/Berlin")
    const hours = (at: number) => {
      const { end, start } = berlin(at)
      return (end - start) / 3_600_000
    }
    assert.strictEqual(hours(Date.UTC(2026, 2, 29, 12)), 23)
    assert.strictEqual(hours(Date.UTC(2026, 9, 25, 0)), 25)
    assert.strictEqual(hours(Date.UTC(2026, 6, 1)), 24)
    assert.strictEqual(Days.make("Asia/Shanghai")(Date.UTC(2026, 10, 28, 12)).end, Date.UTC(2026, 10, 28, 16))
    assert.strictEqual(Days.make("UTC")(Date.UTC(2026, 10, 28)).start, Date.UTC(2026, 10, 28))
  })

  layer(Layer.scoped(Server, Postgres.make), { timeout: 120_000, excludeTestServices: true })((it) => {
    const shared = Effect.fnUntraced(function* (name: string) {
      const url = yield* Effect.flatMap(Server, ({ database }) => database(name))
      const gateway = Effect.flatMap(database({ _tag: "Postgres", url: Redacted.make(url) }), over)
      return yield* Effect.all([gateway, gateway, gateway])
    })

    it.scoped("are exact over gateways that share PostgreSQL: of 900 requests at once, 100 pass", () =>
      Effect.gen(function* () {
        const gateways = yield* shared("minutes")
        const one = key({ requestsPerMinute: 100 })
        const results = yield* Effect.all(
          gateways.map((limits) => passed(limits, one, 300)),
          { concurrency: "unbounded" }
        )
        assert.strictEqual(
          results.reduce((sum, passes) => sum + passes, 0),
          100
        )
        assert.strictEqual((yield* gateways[0]!.count(one))?.limit, "requests")
        assert.strictEqual(yield* passed(gateways[1]!, key({ requestsPerMinute: 103 }), 10), 3)
      })
    )

    it.scoped("grant no request twice, however many statements run at once", () =>
      Effect.gen(function* () {
        const url = yield* Effect.flatMap(Server, ({ database }) => database("statements"))
        const context = yield* database({ _tag: "Postgres", url: Redacted.make(url) })
        const store = WindowStore.make(Context.get(context, SqlClient.SqlClient))
        const taken = yield* Effect.all(
          Array.from({ length: 200 }, () => store.take("key_a", 1, 100)),
          { concurrency: "unbounded" }
        )
        assert.strictEqual(
          taken.reduce((sum, { granted }) => sum + granted, 0),
          100
        )
      })
    )

    it.scoped("count tokens of all gateways that share PostgreSQL within a second", () =>
      Effect.gen(function* () {
        const [a, b] = yield* shared("tokens")
        const one = key({ tokensPerDay: 100 })
        assert.isUndefined(yield* a!.count(one))
        assert.isUndefined(yield* b!.count(one))
        a!.charge(one, 60)
        b!.charge(one, 60)
        const isOver = (limits: LimitsService) => Effect.map(limits.count(one), (refused) => refused !== undefined)
        yield* Effect.all([isOver(a!), isOver(b!)]).pipe(
          Effect.zipLeft(Effect.sleep("20 millis")),
          Effect.repeat({ until: (over) => over.every(Boolean) }),
          Effect.timeout("3 seconds")
        )
        assert.strictEqual(a!.left(one).tokens?.remaining, 0)
      })
    )

    it.scoped(
      "are exact also where a process with too much to do reads the answer late",
      () =>
        Effect.gen(function* () {
          const [a, b] = yield* shared("late")
          const one = key({ requestsPerMinute: 1 })
          assert.strictEqual(yield* passed(b!, one, 1), 1)
          // From now on it has a connection.
          assert.strictEqual(yield* passed(a!, key({ id: "key_b", requestsPerMinute: 1 }), 1), 1)
          const counted = yield* Effect.fork(a!.count(one))
          yield* Effect.promise(() => new Promise((done) => setImmediate(done)))
          // The statement is sent, and nothing is read for longer than it is waited for.
          Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2500)
          assert.strictEqual((yield* Fiber.join(counted))?.limit, "requests")
        }),
      30_000
    )

    it.scoped(
      "go on with what is known while PostgreSQL is away, and settle up once it is back",
      () =>
        Effect.gen(function* () {
          const [a, b] = yield* shared("away")
          const server = yield* Server
          const one = key({ requestsPerMinute: 10 })
          assert.strictEqual(yield* passed(a!, one, 4), 4)
          yield* server.kill
          assert.strictEqual(yield* passed(a!, one, 3), 3)
          yield* server.start
          // The next that is counted there brings the three along.
          yield* Effect.sleep("1200 millis")
          yield* a!
            .count(one)
            .pipe(Effect.repeat({ until: () => a!.left(one).requests?.remaining === 2 }), Effect.timeout("10 seconds"))
          assert.strictEqual(yield* passed(b!, one, 10), 2)
        }),
      30_000
    )
  })
})
