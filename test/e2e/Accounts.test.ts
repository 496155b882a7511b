/**
 * Two accounts on two instances: what is held against whom, who is asked, and how often.
 */
import { assert, layer } from "@effect/vitest"
import { Context, Effect, Layer } from "effect"
import * as Dialects from "./dialects.ts"
import { control, eventually, internalStats, lingmas, type Program, settled, start, told } from "./support.ts"

class Gateway extends Context.Tag("test/Gateway")<Gateway, Program>() {}

const two = Effect.tap(start({ LINGMA_INSTANCE_COUNT: "2" }), (program) =>
  eventually(() => program.stdout().split('"state":"ready"').length > 2 || undefined, "two ready")
)

/** Turns that each instance has begun so far. */
const turns = (program: Program) =>
  Effect.forEach(lingmas(program), (lingma) => Effect.map(told(lingma), ({ prompts = 0 }) => prompts))

/** Turns that each instance begins meanwhile. */
const during = <A, E, R>(program: Program, effect: Effect.Effect<A, E, R>) =>
  Effect.gen(function* () {
    const before = yield* turns(program)
    const result = yield* effect
    const after = yield* turns(program)
    return { result, begun: after.map((n, i) => n - (before[i] ?? 0)) }
  })

const sum = (numbers: ReadonlyArray<number>) => numbers.reduce((total, n) => total + n, 0)

/** What is held against each instance. */
const held = (program: Program) =>
  Effect.promise(async () =>
    (await internalStats(program)).pool.instances.map(({ consecutive_failures, ejected, ejections_total }) => ({
      consecutive_failures,
      ejected,
      ejections_total
    }))
  )
const nothing = { consecutive_failures: 0, ejected: false, ejections_total: 0 }

/** Waits until both instances know what their accounts may use. */
const knowing = (program: Program, isKnown: (models: ReadonlyArray<string>) => boolean) =>
  Effect.repeat(
    Effect.promise(async () => {
      const { data } = (await (await fetch(`${program.base}/v1/models`)).json()) as {
        readonly data: ReadonlyArray<{ readonly id: string }>
      }
      return isKnown(data.map(({ id }) => id))
    }),
    { until: (yes) => yes, times: 2_000 }
  )

/** Waits until the first instance's account is one of which nothing is known to be spent. */
const unmarked = (program: Program) =>
  Effect.repeat(
    Effect.promise(async () => (await internalStats(program)).pool.instances[0]?.spent.length),
    { until: (marks) => marks === 0, times: 2_000 }
  )

const session = (n: number) => ({ "x-session-id": `s-${n}` })
const [completions, , messages] = Dialects.all
const good = "[[emu interval=0 tokens=3]]"

const options = { timeout: "60 seconds", excludeTestServices: true } as const
layer(Layer.scoped(Gateway, two), options)("two accounts", (it) => {
  for (const [what, code] of [
    ["too long", 80411],
    ["refused by a filter", 406],
    ["too rich in pictures", 80412],
    ["not supported", 430]
  ] as const) {
    it.effect(
      `a chat that is ${what} costs one turn each of twenty times, and is held against no instance`,
      () =>
        Effect.gen(function* () {
          const program = yield* Gateway
          for (let n = 0; n < 20; n++) {
            const dialect = Dialects.all[n % 3]!
            const ask = Dialects.ask(
              program,
              dialect,
              `[[emu interval=0 finish_error=${code}@0]]`,
              { stream: n % 2 === 0 },
              session(n)
            )
            const { begun, result } = yield* during(program, ask)
            assert.strictEqual(sum(begun), 1, `${n}`)
            if (code !== 406) assert.strictEqual(result.status, code === 430 ? 502 : 400)
          }
          assert.deepStrictEqual(yield* held(program), [nothing, nothing])
          yield* settled(program)
        }),
      60_000
    )
  }

  it.effect("a throttle of both is asked of each once, and told with seconds to come again in", () =>
    Effect.gen(function* () {
      const program = yield* Gateway
      for (const dialect of Dialects.all) {
        const prompt = `[[emu finish_error=429@0 reason="Too many requests, please slow down"]]`
        const { begun, result } = yield* during(program, Dialects.ask(program, dialect, prompt))
        assert.deepStrictEqual(begun, [1, 1], dialect.name)
        assert.strictEqual(result.status, 429)
        assert.strictEqual(result.headers.get("retry-after"), "3")
        assert.isNull(result.headers.get("x-should-retry"))
      }
      assert.deepStrictEqual(yield* held(program), [nothing, nothing])
    })
  )

  it.effect("a throttle of one is answered by the other, and the client hears nothing of it", () =>
    Effect.gen(function* () {
      const program = yield* Gateway
      const [first] = lingmas(program)
      yield* control(first!, "fault", { fault: "finish_error=429@0", reason: "Too many requests" })
      for (let n = 0; n < 6; n++) {
        const { headers, status } = yield* Dialects.ask(
          program,
          Dialects.all[n % 3]!,
          good,
          { stream: n > 2 },
          session(n)
        )
        assert.strictEqual(status, 200)
        assert.strictEqual(headers.get("x-lingma-instance"), "inst-1")
      }
      yield* control(first!, "reset")
    })
  )

  it.effect("a model of one account only is reached by each of twelve chats, and listed", () =>
    Effect.gen(function* () {
      const program = yield* Gateway
      const [, second] = lingmas(program)
      yield* control(second!, "account", { models: ["org_auto", "pro_only_model"] })
      yield* knowing(program, (models) => models.includes("pro_only_model"))
      for (let n = 0; n < 12; n++) {
        const more = { model: "pro_only_model", stream: n % 2 === 0 }
        const { headers, status } = yield* Dialects.ask(program, Dialects.all[n % 3]!, good, more, session(n))
        assert.strictEqual(status, 200, String(n))
        assert.strictEqual(headers.get("x-lingma-instance"), "inst-1")
      }
      const none = yield* Dialects.ask(program, messages!, good, { model: "no_such_model" })
      assert.strictEqual(none.status, 404)
      yield* control(second!, "reset")
      yield* control(second!, "notify", { method: "config/refreshModels" })
      yield* knowing(program, (models) => !models.includes("pro_only_model"))
    })
  )

  it.effect("one of them spent: twelve chats begin at most fourteen turns, and are all answered", () =>
    Effect.gen(function* () {
      const program = yield* Gateway
      const [first] = lingmas(program)
      for (const spent of [["auto"], ["*"]]) {
        yield* control(first!, "login", { name: `with ${spent}` })
        yield* control(first!, "account", { spent })
        yield* unmarked(program)
        const twelve = Effect.forEach(
          Array.from({ length: 12 }, (_, n) => n),
          (n) => Dialects.ask(program, Dialects.all[n % 3]!, good, { stream: n % 2 === 0 }, session(n))
        )
        const { begun, result } = yield* during(program, twelve)
        assert.deepStrictEqual(
          result.map(({ status }) => status),
          result.map(() => 200)
        )
        assert.isAtMost(sum(begun), 14)
      }
      const { pool } = yield* Effect.promise(() => internalStats(program))
      assert.isNull(pool.instances[0]?.spent[0]?.model)
      assert.deepStrictEqual(pool.instances[1]?.spent, [])
      assert.deepStrictEqual(yield* held(program), [nothing, nothing])
    })
  )

  it.effect("both of them spent: 429 with the earliest return, and one topped up answers after a moment", () =>
    Effect.gen(function* () {
      const program = yield* Gateway
      const [, second] = lingmas(program)
      yield* control(second!, "account", { spent: ["*"] })
      const eight = Effect.forEach(
        Array.from({ length: 8 }, (_, n) => n),
        (n) => Dialects.ask(program, Dialects.all[n % 3]!, good, {}, session(n))
      )
      const { begun, result } = yield* during(program, eight)
      assert.isAtMost(sum(begun), 6)
      for (const { headers, status } of result) {
        assert.strictEqual(status, 429)
        assert.isAbove(Number(headers.get("retry-after")), 0)
        assert.strictEqual(headers.get("x-should-retry"), "false")
      }
      yield* control(second!, "reset")
      const answered = Dialects.ask(program, completions!, good).pipe(
        Effect.delay("100 millis"),
        Effect.repeat({ until: ({ status }) => status === 200, times: 100 })
      )
      assert.strictEqual((yield* answered).headers.get("x-lingma-instance"), "inst-1")
      const { pool } = yield* Effect.promise(() => internalStats(program))
      assert.deepStrictEqual(pool.instances[1]?.spent, [])
      yield* settled(program)
    })
  )
})
