import { readdirSync } from "node:fs"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { effort } from "../support/Effort.ts"
import * as Load from "./load.ts"
import {
  chat,
  content,
  control,
  eventually,
  internalStats,
  isBalanced,
  lingmas,
  settled,
  start,
  text
} from "./support.ts"

const four = { LINGMA_INSTANCE_COUNT: "4", GATEWAY_MAX_IN_FLIGHT: "1100" }

/** Kills a Lingma every second while chats run, but leaves two: a slow machine may still bring others back. */
const killing = (program: Parameters<typeof lingmas>[0], seconds: number, signal: AbortSignal) =>
  Effect.promise(async () => {
    let kills = 0
    const next = Load.random(7)
    for (let i = 0; i < seconds && !signal.aborted; i++) {
      await new Promise((resolve) => setTimeout(resolve, 1000))
      const { pool } = await internalStats(program)
      if (pool.instances.filter(({ state }) => state === "ready").length < 3) continue
      const living = lingmas(program)
      const victim = living[Math.floor(next() * living.length)]
      if (victim !== undefined) {
        process.kill(victim.pid, "SIGKILL")
        kills++
      }
    }
    return kills
  })

describe("four instances", () => {
  it.scopedLive(
    "lose one every second, and no caller whose answer had not begun notices",
    () =>
      Effect.gen(function* () {
        const program = yield* start(four)
        yield* eventually(() => program.stdout().split('"state":"ready"').length > 4 || undefined, "four ready")
        const seconds = effort(20, 60)
        const until = performance.now() + seconds * 1000
        const tally = Load.tally()
        let n = 0
        const chats = Effect.promise(() =>
          Load.run(
            program,
            32,
            () => (performance.now() < until ? { prompt: `[[emu tokens=20 interval=20]] ${n++}` } : undefined),
            tally.add
          )
        )
        const stop = new AbortController()
        const [kills] = yield* Effect.all([killing(program, seconds, stop.signal), chats], { concurrency: 2 })
        yield* Effect.logInfo("killed and served", { kills, ...tally.ends, ...tally.instances })
        assert.isAbove(kills, seconds / 4)
        assert.deepStrictEqual({ refused: tally.ends.refused, cut: tally.ends.cut }, { refused: 0, cut: 0 })
        assert.isAbove(tally.ends.whole, tally.ends.told)
        assert.isTrue(isBalanced(yield* settled(program)))
        const after = yield* Effect.promise(() => internalStats(program))
        const restarts = after.pool.instances.reduce((sum, one) => sum + one.restarts, 0)
        assert.isAtLeast(restarts, kills - 4)
      }),
    { timeout: 180_000 }
  )

  it.scopedLive(
    "carry 1,000 streams at once, none cut, none mixed up, evenly spread",
    () =>
      Effect.gen(function* () {
        const program = yield* start(four)
        yield* eventually(() => program.stdout().split('"state":"ready"').length > 4 || undefined, "four ready")
        const wanted = (i: number) => `stream ${i} says ${"x".repeat(i % 7)} ${i * i} and ends`
        const outcomes = yield* Effect.promise(() =>
          Promise.all(
            Array.from({ length: 1000 }, (_, i) =>
              Load.ask(program, { prompt: `[[emu interval=100 text="${wanted(i)}"]]` })
            )
          )
        )
        const tally = Load.tally()
        outcomes.forEach(tally.add)
        assert.deepStrictEqual(tally.ends, { whole: 1000, refused: 0, told: 0, cut: 0, left: 0 })
        outcomes.forEach((outcome, i) => {
          assert.strictEqual(outcome.text, wanted(i))
        })
        yield* Effect.logInfo("spread", tally.instances)
        for (const n of Object.values(tally.instances)) assert.approximately(n, 250, 50)
        assert.strictEqual(Object.keys(tally.instances).length, 4)
        yield* settled(program)
      }),
    { timeout: 180_000 }
  )

  it.scopedLive("come up one after the other, also when all have died", () =>
    Effect.gen(function* () {
      const program = yield* start(four)
      yield* eventually(() => program.stdout().split('"state":"ready"').length > 4 || undefined, "four ready")
      for (const { pid } of lingmas(program)) process.kill(pid, "SIGKILL")
      yield* eventually(() => program.stdout().split('"state":"ready"').length > 8 || undefined, "four ready again")
      const starts = program
        .stdout()
        .split("\n")
        .filter((line) => line.includes("Lingma started"))
        .map((line) => Date.parse((JSON.parse(line) as { readonly timestamp: string }).timestamp))
      assert.strictEqual(starts.length, 8)
      for (const group of [starts.slice(0, 4), starts.slice(4)]) {
        const gaps = group.slice(1).map((at, i) => at - group[i]!)
        assert.isTrue(
          gaps.every((gap) => gap >= 190),
          String(gaps)
        )
      }
    })
  )
})

const descriptors = (pid: number) => readdirSync(`/proc/${pid}/fd`).length

describe("two instances", () => {
  it.scopedLive(
    "give everything back after aborts at any point",
    () =>
      Effect.gen(function* () {
        const program = yield* start({
          LINGMA_INSTANCE_COUNT: "2",
          GATEWAY_MAX_IN_FLIGHT: "8",
          GATEWAY_QUEUE_TIMEOUT_SEC: "1"
        })
        const pid = program.child.pid ?? 0
        const next = Load.random(20_261_125)
        const storm = (seconds: number) =>
          Effect.promise(async () => {
            const until = performance.now() + seconds * 1000
            const tally = Load.tally()
            await Load.run(
              program,
              48,
              () =>
                performance.now() < until
                  ? {
                      prompt: `[[emu tokens=20 interval=5 first=50]] ${next()}`,
                      stream: next() < 0.7,
                      ...(next() < 0.8 ? { leaveAfter: next() * 250 } : {})
                    }
                  : undefined,
              tally.add
            )
            return tally.ends
          })
        yield* storm(3)
        yield* settled(program)
        const before = descriptors(pid)
        const ends = yield* storm(effort(20, 60))
        const concurrency = yield* settled(program, "2 seconds")
        assert.isTrue(isBalanced(concurrency))
        assert.strictEqual(concurrency.failed_total, 0)
        assert.strictEqual(ends.cut + ends.told, 0)
        assert.isAbove(ends.left, effort(300, 1000))
        assert.isAbove(concurrency.abandoned_total, 0)
        // Connections kept alive by the client come and go.
        assert.isAtMost(descriptors(pid), before + 25)
        yield* Effect.logInfo("aborted", { ...ends, ...concurrency })
      }),
    { timeout: 180_000 }
  )

  it.scopedLive("serve from one while the other is gone, at once and with no word to the caller", () =>
    Effect.gen(function* () {
      const program = yield* start({ LINGMA_INSTANCE_COUNT: "2" })
      yield* eventually(() => program.stdout().split('"state":"ready"').length > 2 || undefined, "two ready")
      const [first] = lingmas(program)
      process.kill(first?.pid ?? 0, "SIGKILL")
      for (let i = 0; i < 4; i++) {
        assert.strictEqual((yield* chat(program, `[[emu interval=0 tokens=3]] ${i}`)).status, 200)
        assert.strictEqual((yield* Effect.promise(() => fetch(`${program.base}/readyz`))).status, 200)
      }
      yield* eventually(() => program.stdout().split('"state":"ready"').length > 3 || undefined, "back", "5 seconds")
    })
  )

  it.scopedLive("leave out the one whose turns keep failing, and try it again before the caller hears of it", () =>
    Effect.gen(function* () {
      const program = yield* start({ LINGMA_INSTANCE_COUNT: "2" })
      yield* eventually(() => program.stdout().split('"state":"ready"').length > 2 || undefined, "two ready")
      const [bad] = lingmas(program)
      assert.isDefined(bad)
      yield* control(bad, "fault", { fault: "finish_error=500@0" })
      for (let i = 0; i < 40; i++) {
        const response = yield* chat(program, `[[emu interval=0 tokens=3]] ${i}`, { stream: true })
        assert.strictEqual(content(yield* text(response)), "t0 t1 t2 ")
      }
      const { pool } = yield* Effect.promise(() => internalStats(program))
      assert.deepInclude(pool.instances[0], { name: "inst-0", ejected: true, ejections_total: 1, state: "ready" })
      assert.deepInclude(pool.instances[1], { name: "inst-1", ejected: false, ejections_total: 0 })
      assert.strictEqual(pool.ready, 1)
    })
  )
})
