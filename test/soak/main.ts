/**
 * The large sizes: `npm run soak [-- --aborts 100000 --kills 1000 --floods 1 --mixed 600]`, the last one in seconds; 0 leaves one out.
 * `--hosts 3 --events 100` runs that many gateways behind HAProxy instead, with as many random events; `--events 0` measures what a
 * chat costs there on one host, and on more.
 * Prints what it saw; exits 1 when something was lost.
 */
import { parseArgs } from "node:util"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Effect } from "effect"
import * as Floods from "../e2e/floods.ts"
import { descriptors, held } from "../e2e/floods.ts"
import * as Load from "../e2e/load.ts"
import * as Probe from "../e2e/Probe.ts"
import { eventually, internalStats, isBalanced, lingmas, type Program, settled, start } from "../e2e/support.ts"
import * as Cost from "./cost.ts"
import * as Hosts from "./hosts.ts"

const { values } = parseArgs({
  options: {
    aborts: { type: "string", default: "100000" },
    kills: { type: "string", default: "1000" },
    floods: { type: "string", default: "1" },
    mixed: { type: "string", default: "600" },
    hosts: { type: "string", default: "0" },
    events: { type: "string", default: "100" }
  }
})

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

/** The floods of the suite, in their whole sizes. */
const floods = (times: number) =>
  Effect.gen(function* () {
    const program = yield* start({ GATEWAY_MAX_IN_FLIGHT: "1000" })
    yield* Floods.parallel(program, 100)
    yield* settled(program)
    const before = held(program)
    let isGood = true
    const flood = (name: string, work: Effect.Effect<unknown>) =>
      Effect.gen(function* () {
        const atFirst = held(program)
        const [{ mostMiB, result }, seen] = yield* Probe.during(program, Floods.peak(program, work))
        yield* say(name, { atFirst, mostMiB, ...seen, result })
        isGood &&= Probe.isAlive(seen)
      })
    for (let i = 0; i < times; i++) {
      yield* flood("1,000 streams", Floods.parallel(program, 1_000))
      yield* flood("40 stalled readers", Floods.stalled(program, 40))
      yield* flood(
        "4,000 idle connections",
        Effect.promise(() => Floods.idle(program, 4_000))
      )
      const giants = [Floods.giant(program, 100, "length"), Floods.giant(program, 100, "chunked")]
      yield* flood(
        "100 MiB bodies",
        Effect.promise(() => Promise.all(giants))
      )
      const concurrency = yield* settled(program)
      yield* say("back", { before, after: yield* Floods.returned(program, before), ...concurrency })
      isGood &&= isBalanced(concurrency)
    }
    return isGood
  })

/** What goes wrong in the mixed load, each now and then. */
const faults = [
  "crash@3",
  "stall@2",
  "wrong_id",
  "stale_updates",
  "duplicate_finish",
  "late_chunk",
  "finish_error=500@2",
  "huge_chunk=300000@2"
]

/** These break the connection, and with it what was just being told. */
const breaks = ["drop_socket@4", "malformed_json@3", "malformed_header@3", "bad_length@2"]

/** Chats of all kinds with random faults, clients that leave, and giants in between. */
const mixed = (seconds: number, kinds: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const program = yield* Effect.tap(
      start(
        {
          LINGMA_INSTANCE_COUNT: "3",
          GATEWAY_MAX_IN_FLIGHT: "48",
          GATEWAY_IDLE_TIMEOUT_SEC: "3",
          GATEWAY_QUEUE_TIMEOUT_SEC: "5"
        },
        { ready: false }
      ),
      (one) => ready(one, 3)
    )
    const next = Load.random(3)
    const tally = Load.tally()
    let until = performance.now() + Math.min(30, seconds / 4) * 1000
    let n = 0
    const ask = (): Load.Ask | undefined => {
      if (performance.now() > until) return undefined
      const fault = next() < 0.08 ? ` fault=${kinds[Math.floor(next() * kinds.length)]}` : ""
      const prompt = `[[emu tokens=${Math.floor(next() * 60)} interval=${Math.floor(next() * 20)}${fault}]] ${n++}`
      return { prompt, stream: next() < 0.7, ...(next() < 0.2 ? { leaveAfter: next() * 400 } : {}) }
    }
    // Code that is compiled by then is not counted as left behind.
    yield* Effect.promise(() => Load.run(program, 64, ask, () => {}))
    yield* settled(program, "10 seconds", { lostSessions: kinds !== faults })
    const before = held(program)
    until = performance.now() + seconds * 1000
    n = 0
    let scrapes = 0
    let unbalanced = 0
    const watching = Effect.promise(async () => {
      while (performance.now() < until) {
        const { concurrency } = await internalStats(program)
        scrapes++
        if (!isBalanced(concurrency)) unbalanced++
        await new Promise((resolve) => setTimeout(resolve, 100))
      }
    })
    const giants = Effect.promise(async () => {
      while (performance.now() < until) {
        await Floods.giant(program, 60, next() < 0.5 ? "length" : "chunked")
        await new Promise((resolve) => setTimeout(resolve, 5_000))
      }
    })
    const chats = Effect.promise(() => Load.run(program, 64, ask, tally.add))
    const [, seen] = yield* Probe.during(program, Effect.all([chats, watching, giants], { concurrency: 3 }))
    const concurrency = yield* settled(program, "10 seconds", { lostSessions: kinds !== faults })
    yield* say("mixed", {
      seconds,
      chats: n,
      ...tally.ends,
      statuses: tally.statuses,
      scrapes,
      unbalanced,
      ...seen,
      ...concurrency
    })
    const after = yield* Effect.either(Floods.returned(program, before))
    yield* say("mixed, a while after", { before, after: held(program) })
    return isBalanced(concurrency) && unbalanced === 0 && tally.ends.cut === 0 && after._tag === "Right"
  })

const runs = [
  [aborts, Number(values.aborts)],
  [kills, Number(values.kills)],
  [floods, Number(values.floods)],
  [(seconds: number) => mixed(seconds, faults), Number(values.mixed) / 2],
  [(seconds: number) => mixed(seconds, [...faults, ...breaks]), Number(values.mixed) / 2]
] as const

const hosts = Effect.gen(function* () {
  const [count, events] = [Number(values.hosts), Number(values.events)]
  const { figures, isGood } = yield* events === 0 ? Cost.run(count) : Hosts.run(count, events)
  yield* say("hosts", figures)
  return isGood
})

const program = Effect.gen(function* () {
  if (Number(values.hosts) > 0) {
    if (!(yield* Effect.scoped(hosts))) process.exitCode = 1
    return
  }
  for (const [run, size] of runs) if (size > 0 && !(yield* Effect.scoped(run(size)))) process.exitCode = 1
})

NodeRuntime.runMain(program)
