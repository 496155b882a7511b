/**
 * What a chat costs on one host, and on more behind one HAProxy: CPU of the gateways and of HAProxy, in turns within one run, so that
 * whatever else the machine does meets all alike. Each host has the same work before and during every round: those that are not behind
 * HAProxy just then are asked past it, since a machine that is busier makes each chat dearer by itself.
 */
import { readFileSync } from "node:fs"
import { Effect } from "effect"
import * as Hosts from "../e2e/hosts.ts"
import type { Program } from "../e2e/support.ts"
import * as Postgres from "../support/Postgres.ts"
import * as Proxy from "../support/Proxy.ts"

/** Chats at once for each host. */
const PARALLEL = 8
/** Chats that each host has served before anything is measured. */
const WARM = 1_000
/** Seconds that a round takes until its load is even, and then is measured. */
const RAMP = 2
const MEASURED = 10
const PASSES = 2
/** How far the cost of a chat on more hosts may be from that on one. */
const FLAT = 0.1

/** Milliseconds of CPU that a process has taken. */
const cpuOf = (pid: number | undefined): number => {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8")
    .replace(/^.*\) /, "")
    .split(" ")
  return (Number(fields[11]) + Number(fields[12])) * 10
}

const nap = (seconds: number) => Effect.promise(() => new Promise((resolve) => setTimeout(resolve, seconds * 1_000)))

const median = (values: ReadonlyArray<number>): number => {
  const sorted = [...values].sort((a, b) => a - b)
  const upper = sorted[Math.floor(sorted.length / 2)] ?? 0
  const lower = sorted[Math.floor((sorted.length - 1) / 2)] ?? 0
  return (upper + lower) / 2
}

const rounded = (millis: number) => Math.round(millis * 100) / 100

interface One {
  readonly name: string
  readonly port: number
  readonly program: Program
}

let n = 0
/** Chats of 20 tokens, so many at once, until it is told to end. */
const load = (base: string, parallel: number, interval: number, isOn: () => boolean) => {
  const count = { whole: 0, other: 0 }
  const worker = async () => {
    while (isOn()) {
      const mark = `m${n++}`
      const { end } = await Hosts.ask(base, { mark, session: `s${n % 500}`, tokens: 20, interval })
      count[end === "whole" ? "whole" : "other"]++
    }
  }
  return { count, done: Promise.all(Array.from({ length: parallel }, worker)) }
}

const warm = ({ program }: One) =>
  Effect.promise(async () => {
    let left = WARM
    await load(program.base, PARALLEL, 2, () => left-- > 0).done
  })

/** One round: some of the hosts behind a HAProxy of its own, which are measured; the others beside it. */
const round = Effect.fnUntraced(function* (hosts: ReadonlyArray<One>, others: ReadonlyArray<One>) {
  const status = yield* Proxy.freePort
  const nobody = { a: "127.0.0.1:1", b: "127.0.0.1:1", c: "127.0.0.1:1" }
  const servers = Object.fromEntries(hosts.map(({ name, port }) => [name, `127.0.0.1:${port}`]))
  const all = { ...nobody, ...servers }
  const { base, pid } = yield* Proxy.run(Proxy.haproxy({ servers: all, status }), "")
  yield* Hosts.seen(
    status,
    Object.fromEntries(Object.keys(all).map((name) => [name, name in servers ? /^UP/ : /^DOWN/]))
  )
  const pids = [pid, ...hosts.map(({ program }) => program.child.pid)]
  let isOn = true
  const { count, done } = load(base, PARALLEL * hosts.length, 20, () => isOn)
  const beside = others.map(({ program }) => load(program.base, PARALLEL, 20, () => isOn).done)
  yield* nap(RAMP)
  const before = pids.map(cpuOf)
  const from = count.whole
  yield* nap(MEASURED)
  const [haproxy = 0, ...gateways] = pids.map((one, i) => cpuOf(one) - (before[i] ?? 0))
  const chats = count.whole - from
  isOn = false
  yield* Effect.promise(() => Promise.all([done, ...beside]))
  return {
    hosts: hosts.length,
    chats,
    other: count.other,
    gateways: gateways.reduce((sum, one) => sum + one, 0) / chats,
    haproxy: haproxy / chats
  }
}, Effect.scoped)

export const run = Effect.fnUntraced(function* (count: number) {
  const postgres = yield* Postgres.make
  const env = { DATABASE_URL: yield* postgres.database("cost") }
  const names = ["a", "b", "c", "d", "e", "f"].slice(0, count)
  const ones = yield* Effect.forEach(names, (name) => Hosts.host(name, env))
  const hosts = yield* Effect.forEach(ones, ({ name, port, start }) =>
    Effect.map(start, (program): One => ({ name, port, program }))
  )
  yield* Effect.forEach(hosts, warm, { concurrency: "unbounded" })
  const rounds: Array<Effect.Effect.Success<ReturnType<typeof round>>> = []
  for (let turn = 0; turn < PASSES * count; turn++) {
    // Each host takes its turn in each size, and each size comes first and last.
    const rotated = hosts.map((_, i) => hosts[(i + turn) % count]).filter((one) => one !== undefined)
    const sizes = names.map((_, i) => (turn % 2 === 0 ? i + 1 : count - i))
    for (const size of sizes) rounds.push(yield* round(rotated.slice(0, size), rotated.slice(size)))
  }
  const sizes = names.map((_, i) => {
    const mine = rounds.filter(({ hosts }) => hosts === i + 1)
    const costs = mine.map(({ gateways }) => gateways)
    return {
      hosts: i + 1,
      gatewaysMs: rounded(median(costs)),
      least: rounded(Math.min(...costs)),
      most: rounded(Math.max(...costs)),
      haproxyMs: rounded(median(mine.map(({ haproxy }) => haproxy))),
      chats: mine.reduce((sum, { chats }) => sum + chats, 0),
      other: mine.reduce((sum, { other }) => sum + other, 0)
    }
  })
  for (const { program } of hosts) program.child.kill("SIGKILL")
  const one = sizes[0]?.gatewaysMs ?? 0
  const isFlat = sizes.every(({ gatewaysMs }) => Math.abs(gatewaysMs / one - 1) <= FLAT)
  return { figures: { cpuOfChat: sizes, isFlat }, isGood: isFlat }
})
