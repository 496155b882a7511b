/**
 * Gateways behind HAProxy, over one PostgreSQL, while random things happen to them: killed, drained, stopped, cut off the network, the
 * database killed.
 */
import { Effect } from "effect"
import * as Hosts from "../e2e/hosts.ts"
import { random } from "../e2e/load.ts"
import type { Program } from "../e2e/support.ts"
import * as Postgres from "../support/Postgres.ts"
import * as Proxy from "../support/Proxy.ts"
import * as SilentProxy from "../support/SilentProxy.ts"

const PARALLEL = 48
/** The longest that a host stands still or is cut off, in milliseconds: HAProxy takes it for dead after some 11 s. */
const AWAY = 16_000
const kinds = ["kill", "drain", "stop", "cut", "database"] as const

const nap = (millis: number) => Effect.promise(() => new Promise((resolve) => setTimeout(resolve, millis)))

export const run = Effect.fnUntraced(function* (count: number, events: number) {
  const postgres = yield* Postgres.make
  const env = { DATABASE_URL: yield* postgres.database("soak"), GATEWAY_DRAIN_DELAY_SEC: "3" }
  const names = ["a", "b", "c", "d", "e", "f"].slice(0, count)
  const hosts = yield* Effect.forEach(names, (name) => Hosts.host(name, env))
  const nobody = { a: "127.0.0.1:1", b: "127.0.0.1:1", c: "127.0.0.1:1" }
  const lines = yield* Effect.forEach(hosts, ({ port }) => SilentProxy.make(`http://127.0.0.1:${port}`))
  const servers = Object.fromEntries(hosts.map(({ name }, i) => [name, new URL(lines[i]?.url ?? "").host]))
  const status = yield* Proxy.freePort
  const running = yield* Effect.forEach(hosts, ({ start }) => start, { concurrency: 2 })
  const programs: Array<Program> = [...running]
  const { base } = yield* Proxy.run(Proxy.haproxy({ servers: { ...nobody, ...servers }, status }), "")
  const allUp = Hosts.seen(status, Object.fromEntries(names.map((name) => [name, /^UP/])))
  yield* allUp

  const answers: Array<Hosts.Answer> = []
  let isOn = true
  let n = 0
  const worker = async () => {
    while (isOn) {
      const mark = `m${n++}`
      answers.push(await Hosts.ask(base, { mark, session: `s${n % 500}`, tokens: 20, interval: 20 }))
    }
  }
  const next = random(events + 1)
  const happened: Record<string, number> = {}
  const event = Effect.gen(function* () {
    const kind = kinds[Math.floor(next() * kinds.length)] ?? "kill"
    const at = Math.floor(next() * count)
    const victim = running[at]
    const host = hosts[at]
    const line = lines[at]
    if (victim === undefined || host === undefined || line === undefined) return
    happened[kind] = (happened[kind] ?? 0) + 1
    if (kind === "database") {
      yield* postgres.kill
      yield* nap(next() * 5_000)
      yield* postgres.start
    } else if (kind === "stop") {
      victim.child.kill("SIGSTOP")
      yield* nap(next() * AWAY)
      victim.child.kill("SIGCONT")
    } else if (kind === "cut") {
      yield* line.silence
      yield* nap(next() * AWAY)
      yield* line.resume
    } else {
      victim.child.kill(kind === "kill" ? "SIGKILL" : "SIGTERM")
      yield* Effect.promise(() => victim.exited)
      yield* line.refuse
      const begun = yield* host.start
      yield* line.accept
      running[at] = begun
      programs.push(begun)
    }
    yield* nap(200 + next() * 500)
    yield* allUp
  })

  const began = performance.now()
  const load = Promise.all(Array.from({ length: PARALLEL }, worker))
  for (let i = 0; i < events; i++) yield* event
  isOn = false
  yield* Effect.promise(() => load)
  const seconds = Math.round((performance.now() - began) / 1000)
  const turns = Hosts.turns(programs)
  const ends: Record<string, number> = {}
  for (const { end, notStarted, status } of answers) {
    const unanswered = end === "broken" && status === 0 ? " before an answer" : ""
    const name = end === "refused" ? `refused ${status}${notStarted ? " not started" : ""}` : end + unanswered
    ends[name] = (ends[name] ?? 0) + 1
  }
  const reasons = [...new Set(answers.flatMap(({ reason }) => reason ?? []))]
  const figures = {
    ...{ hosts: count, seconds, events: happened, chats: answers.length, ...ends, reasons },
    twice: [...turns.values()].filter((times) => times > 1).length,
    falselyNotStarted: answers.filter(({ mark, notStarted }) => notStarted && turns.has(mark)).length
  }
  // Without their drains, one after the other.
  for (const { child } of programs) child.kill("SIGKILL")
  return { figures, isGood: figures.twice + figures.falselyNotStarted === 0 && ends["silent"] === undefined }
})
