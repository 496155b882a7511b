/**
 * Gateways behind HAProxy, over one PostgreSQL, while random things happen to them: killed, drained, stopped, the database killed.
 * Without events only what a chat costs is measured.
 */
import { readFileSync } from "node:fs"
import { Effect } from "effect"
import * as Hosts from "../e2e/hosts.ts"
import { random } from "../e2e/load.ts"
import type { Program } from "../e2e/support.ts"
import * as Postgres from "../support/Postgres.ts"
import * as Proxy from "../support/Proxy.ts"

const PARALLEL = 48
/** Seconds of a measurement without events. */
const MEASURED = 20
const kinds = ["kill", "drain", "stop", "database"] as const

/** Milliseconds of CPU that a process has taken. */
const cpuOf = (pid: number | undefined): number => {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8")
    .replace(/^.*\) /, "")
    .split(" ")
  return (Number(fields[11]) + Number(fields[12])) * 10
}

const nap = (millis: number) => Effect.promise(() => new Promise((resolve) => setTimeout(resolve, millis)))

export const run = Effect.fnUntraced(function* (count: number, events: number) {
  const postgres = yield* Postgres.make
  const env = { DATABASE_URL: yield* postgres.database("soak"), GATEWAY_DRAIN_DELAY_SEC: "3" }
  const names = ["a", "b", "c", "d", "e", "f"].slice(0, count)
  const hosts = yield* Effect.forEach(names, (name) => Hosts.host(name, env))
  const nobody = { a: "127.0.0.1:1", b: "127.0.0.1:1", c: "127.0.0.1:1" }
  const servers = Object.fromEntries(hosts.map(({ name, port }) => [name, `127.0.0.1:${port}`]))
  const status = yield* Proxy.freePort
  const running = yield* Effect.forEach(hosts, ({ start }) => start, { concurrency: 2 })
  const programs: Array<Program> = [...running]
  const { base, pid } = yield* Proxy.run(Proxy.haproxy({ servers: { ...nobody, ...servers }, status }), "")
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
    if (victim === undefined || host === undefined) return
    happened[kind] = (happened[kind] ?? 0) + 1
    if (kind === "database") {
      yield* postgres.kill
      yield* nap(next() * 5_000)
      yield* postgres.start
    } else if (kind === "stop") {
      victim.child.kill("SIGSTOP")
      yield* nap(next() * 20_000)
      victim.child.kill("SIGCONT")
    } else {
      victim.child.kill(kind === "kill" ? "SIGKILL" : "SIGTERM")
      yield* Effect.promise(() => victim.exited)
      const begun = yield* host.start
      running[at] = begun
      programs.push(begun)
    }
    yield* nap(500 + next() * 1_000)
    yield* allUp
  })

  const before = [pid, ...running.map(({ child }) => child.pid)].map(cpuOf)
  const load = Promise.all(Array.from({ length: PARALLEL }, worker))
  for (let i = 0; i < events; i++) yield* event
  if (events === 0) yield* nap(MEASURED * 1_000)
  isOn = false
  yield* Effect.promise(() => load)
  const [proxy = 0, ...gateways] = [pid, ...running.map(({ child }) => child.pid)].map(
    (one, i) => cpuOf(one) - (before[i] ?? 0)
  )
  const turns = Hosts.turns(programs)
  const ends: Record<string, number> = {}
  for (const { end, notStarted, status } of answers) {
    const name = end === "refused" ? `refused ${status}${notStarted ? " not started" : ""}` : end
    ends[name] = (ends[name] ?? 0) + 1
  }
  const perChat = (millis: number) => Math.round((millis / answers.length) * 100) / 100
  const reasons = [...new Set(answers.flatMap(({ reason }) => reason ?? []))]
  const figures = {
    ...{ hosts: count, events: happened, chats: answers.length, ...ends, reasons },
    twice: [...turns.values()].filter((times) => times > 1).length,
    falselyNotStarted: answers.filter(({ mark, notStarted }) => notStarted && turns.has(mark)).length,
    ...(events > 0
      ? {}
      : { cpuMsPerChat: { haproxy: perChat(proxy), gateways: perChat(gateways.reduce((sum, one) => sum + one, 0)) } })
  }
  // Without their drains, one after the other.
  for (const { child } of programs) child.kill("SIGKILL")
  return { figures, isGood: figures.twice + figures.falselyNotStarted === 0 && ends["silent"] === undefined }
})
