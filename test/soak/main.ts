/**
 * The large sizes: `npm run soak [-- --aborts 100000 --kills 1000]`. Prints what it saw; exits 1 when something was lost.
 */
import { readdirSync, readFileSync } from "node:fs"
import { parseArgs } from "node:util"
import { Effect } from "effect"
import * as Load from "../e2e/load.ts"
import { eventually, internalStats, isBalanced, lingmas, type Program, settled, start } from "../e2e/support.ts"

const { values } = parseArgs({
  options: { aborts: { type: "string", default: "100000" }, kills: { type: "string", default: "1000" } }
})

const resident = ({ child }: Program) =>
  Math.round(Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${child.pid}/status`, "utf8"))?.[1]) / 1024)
const descriptors = ({ child }: Program) => readdirSync(`/proc/${child.pid}/fd`).length
const held = (program: Program) => ({ residentMiB: resident(program), descriptors: descriptors(program) })

const say = (what: string, figures: object) =>
  Effect.sync(() => process.stdout.write(`${what} ${JSON.stringify(figures)}\n`))

const instances = (count: number) =>
  Effect.tap(
    start({ LINGMA_INSTANCE_COUNT: String(count), GATEWAY_MAX_IN_FLIGHT: "64" }, { ready: false }),
    (program) => eventually(() => (lingmas(program).length === count ? true : undefined), `${count} processes`)
  )

const ready = (program: Program, count: number) =>
  Effect.promise(async () => {
    while ((await internalStats(program)).pool.ready < count) await new Promise((resolve) => setTimeout(resolve, 50))
  }).pipe(Effect.timeout("60 seconds"))

/** Streams that are left at any point: in the queue, before the first token, between tokens. */
const aborts = (count: number) =>
  Effect.gen(function* () {
    const program = yield* instances(2)
    yield* ready(program, 2)
    const next = Load.random(1)
    const storm = (size: number) =>
      Effect.promise(async () => {
        const tally = Load.tally()
        let n = 0
        await Load.run(
          program,
          96,
          () =>
            n++ < size ? { prompt: `[[emu tokens=20 interval=5 first=10]] ${n}`, leaveAfter: next() * 120 } : undefined,
          tally.add
        )
        return tally.ends
      })
    yield* storm(Math.min(5000, count))
    yield* settled(program)
    const before = held(program)
    const began = performance.now()
    const ends = yield* storm(count)
    const seconds = Math.round((performance.now() - began) / 1000)
    const concurrency = yield* settled(program)
    yield* say("aborts", { count, seconds, ...ends, before, after: held(program), ...concurrency })
    return isBalanced(concurrency) && ends.cut + ends.told === 0 && descriptors(program) <= before.descriptors + 25
  })

/** Lingmas killed one after the other while chats run. */
const kills = (count: number) =>
  Effect.gen(function* () {
    const program = yield* instances(4)
    yield* ready(program, 4)
    const before = held(program)
    const tally = Load.tally()
    const next = Load.random(2)
    let killed = 0
    let n = 0
    const killing = Effect.promise(async () => {
      while (killed < count) {
        await new Promise((resolve) => setTimeout(resolve, 1000))
        const living = lingmas(program)
        const victim = living[Math.floor(next() * living.length)]
        if (victim === undefined) continue
        process.kill(victim.pid, "SIGKILL")
        killed++
      }
    })
    const chats = Effect.promise(() =>
      Load.run(
        program,
        32,
        () => (killed < count ? { prompt: `[[emu tokens=20 interval=20]] ${n++}` } : undefined),
        tally.add
      )
    )
    yield* Effect.all([killing, chats], { concurrency: 2 })
    const concurrency = yield* settled(program)
    yield* say("kills", {
      kills: killed,
      ...tally.ends,
      statuses: tally.statuses,
      before,
      after: held(program),
      ...concurrency
    })
    for (const line of program.stdout().split("\n")) {
      if (line.includes('"chat failed"') && !line.includes('"started":true')) process.stdout.write(`${line}\n`)
    }
    return isBalanced(concurrency) && tally.ends.cut === 0 && tally.ends.refused <= count / 1000
  })

const program = Effect.gen(function* () {
  const good = [yield* Effect.scoped(aborts(Number(values.aborts))), yield* Effect.scoped(kills(Number(values.kills)))]
  process.exitCode = good.every(Boolean) ? 0 : 1
})

await Effect.runPromise(program)
