/**
 * `tsx bench/keys.ts`: what it takes to find the key of a request among many, beyond the hash of what was given.
 *
 * The hash alone, the look at one key and the look at 10,000 are measured in turns, in one run.
 */
import { Clock } from "effect"
import * as Digest from "../src/team/keys/Digest.ts"
import * as Key from "../src/team/keys/Key.ts"
import * as KeyIndex from "../src/team/keys/KeyIndex.ts"
import { median } from "./stats.ts"

const KEYS = 10_000
const LOOKS = 20_000
const ROUNDS = 20
/** Microseconds that a look may take beyond the hash. */
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

const micros = (run: (secret: string) => unknown, secrets: ReadonlyArray<string>): number => {
  const begun = process.hrtime.bigint()
  let seen = 0
  for (const secret of secrets) if (run(secret) !== undefined) seen++
  const took = Number(process.hrtime.bigint() - begun) / 1000 / secrets.length
  if (seen !== secrets.length && seen !== 0) throw new Error("some keys were found and others not")
  return took
}

const first = good.map(() => secretOf(0))
const measures = {
  hash: () => micros(Digest.of, good),
  one: () => micros(one.find, first),
  many: () => micros(many.find, good),
  wrong: () => micros(many.find, wrong)
}
const figures = { hash: [], one: [], many: [], wrong: [] } as Record<keyof typeof measures, Array<number>>
for (let round = 0; round < ROUNDS; round++)
  for (const name of Object.keys(measures) as ReadonlyArray<keyof typeof measures>) figures[name].push(measures[name]())

// The first ones warm up.
const of = (name: keyof typeof measures) => Number(median(figures[name].slice(5)))
const hash = of("hash")
const beyond = (name: keyof typeof measures) => (of(name) - hash).toFixed(2)
process.stdout.write(
  `a key is found: ${hash.toFixed(2)} µs for its hash; beyond it ${beyond("one")} µs among 1 key, ` +
    `${beyond("many")} µs among ${KEYS} (at most ${MOST}), ${beyond("wrong")} µs for one that is wrong\n`
)
if (of("many") - hash > MOST) process.exitCode = 1
