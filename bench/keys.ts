/**
 * `tsx bench/keys.ts`: what it takes to find the key of a request among many, beyond the hash of what was given; and all that
 * a chat asks of its key, beside a gateway without keys.
 *
 * The hash alone, the look at one key, the look at 10,000 and the rest are measured in turns, in one run.
 */
import type * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import { Clock } from "effect"
import { Auth } from "../src/http/edge/Auth.ts"
import * as Digest from "../src/team/keys/Digest.ts"
import * as Key from "../src/team/keys/Key.ts"
import * as KeyIndex from "../src/team/keys/KeyIndex.ts"
import * as KeyRing from "../src/team/keys/KeyRing.ts"
import { median } from "./stats.ts"

const KEYS = 10_000
const LOOKS = 20_000
const ROUNDS = 20
/** Microseconds of CPU that all of it may take for a chat, the hash included. */
const MOST = 2

const secretOf = (i: number) => `sk-lgw-${String(i).padStart(40, "0")}`
const known = (i: number): Key.Known => ({
  digest: Digest.of(secretOf(i)),
  key: {
    ...Key.noLimits,
    id: `key_${i}`,
    name: `n${i}`,
    lastFour: "0000",
    createdAt: 0,
    lastUsedAt: undefined,
    source: "database"
  }
})
const indexOf = (count: number) => {
  const index = KeyIndex.make(Clock.make(), true)
  index.replace(Array.from({ length: count }, (_, i) => known(i)))
  return index
}
const one = indexOf(1)
const many = indexOf(KEYS)
/** Those that are known, all over the index; and as many that are not. */
const good = Array.from({ length: LOOKS }, (_, i) => secretOf((i * 7919) % KEYS))
const wrong = good.map((secret) => `${secret}x`)

const authOf = (count: number) =>
  Auth.ofRing(
    KeyRing.fixed(
      Array.from({ length: count }, (_, i) => known(i)),
      Clock.make()
    ),
    { adminKeys: [], origins: [] }
  )
type Request = HttpServerRequest.HttpServerRequest
/** As many as run beside each other: each is asked for its key again when the others have been. */
const BESIDE = 32
const requests = () =>
  good.map(
    (secret) =>
      ({ headers: { authorization: Buffer.from(`Bearer ${secret}`).toString("latin1") } }) as unknown as Request
  )
const asksOf = ({ api, caller, key }: typeof Auth.Service) => {
  const all = requests()
  const before = cpu()
  for (let i = 0; i < all.length; i += BESIDE) {
    const some = all.slice(i, i + BESIDE)
    for (const one of some) {
      api(one)
      caller(one)
    }
    for (const one of some) key(one)
  }
  return (cpu() - before) / all.length
}

/** CPU of this process, so that others on the machine count for less. */
const cpu = () => {
  const { system, user } = process.cpuUsage()
  return system + user
}
const micros = (run: (secret: string) => unknown, secrets: ReadonlyArray<string>): number => {
  const before = cpu()
  let seen = 0
  for (const secret of secrets) if (run(secret) !== undefined) seen++
  const took = (cpu() - before) / secrets.length
  if (seen !== secrets.length && seen !== 0) throw new Error("some keys were found and others not")
  return took
}

const keyed = authOf(KEYS)
const open = authOf(0)
const first = good.map(() => secretOf(0))
const measures = {
  hash: () => micros(Digest.of, good),
  one: () => micros(one.find, first),
  many: () => micros(many.find, good),
  wrong: () => micros(many.find, wrong),
  keyed: () => asksOf(keyed),
  open: () => asksOf(open)
}
const figures = { hash: [], one: [], many: [], wrong: [], keyed: [], open: [] } as Record<
  keyof typeof measures,
  Array<number>
>
for (let round = 0; round < ROUNDS; round++)
  for (const name of Object.keys(measures) as ReadonlyArray<keyof typeof measures>) figures[name].push(measures[name]())

// The first ones warm up.
const of = (name: keyof typeof measures) => Number(median(figures[name].slice(5)))
const hash = of("hash")
const beyond = (name: keyof typeof measures) => (of(name) - hash).toFixed(2)
process.stdout.write(
  `a key is found: ${hash.toFixed(2)} µs for its hash; beyond it ${beyond("one")} µs among 1 key, ` +
    `${beyond("many")} µs among ${KEYS}, ${beyond("wrong")} µs for one that is wrong\n`
)
const more = of("keyed") - of("open")
process.stdout.write(
  `all that a chat asks of its key among ${KEYS}: ${more.toFixed(2)} µs more than without keys (at most ${MOST})\n`
)
if (more > MOST) process.exitCode = 1
