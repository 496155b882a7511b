/**
 * Which instance serves a request. Pure, so that its laws can be tested.
 */
import { Array as Arr, Option } from "effect"

/** The part of an instance that routing reads. */
export interface Candidate {
  readonly id: string
  readonly ready: boolean
  readonly inFlight: number
  /** Max concurrent requests; undefined or 0: no limit of its own. */
  readonly limit?: number | undefined
}

/** Inputs of one pick. */
export interface PickOptions {
  readonly key: Option.Option<string>
  /** Number of picks so far: rotates ties, and all instances while none is ready. */
  readonly picks: number
}

/** A 53-bit hash with good avalanche: one changed input bit flips half of the output bits. */
const mix = (text: string): number => {
  let a = 0xdeadbeef
  let b = 0x41c6ce57
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i)
    a = Math.imul(a ^ unit, 0x9e3779b1)
    b = Math.imul(b ^ unit, 0x5f356495)
  }
  a = Math.imul(a ^ (a >>> 16), 0x85ebca6b) ^ Math.imul(b ^ (b >>> 13), 0xc2b2ae35)
  b = Math.imul(b ^ (b >>> 16), 0x85ebca6b) ^ Math.imul(a ^ (a >>> 13), 0xc2b2ae35)
  return 0x100000000 * (b & 0x1fffff) + (a >>> 0)
}

/** Rendezvous weight of an instance for a key; the highest wins. */
export const rank = (key: string, id: string): number => mix(`${key}\n${id}`)

type Some<A> = Arr.NonEmptyReadonlyArray<A>

const isFull = ({ inFlight, limit }: Candidate) => limit !== undefined && limit > 0 && inFlight >= limit

const least = (candidates: Some<Candidate>) =>
  candidates.reduce((low, { inFlight }) => Math.min(low, inFlight), Infinity)

const roundRobin = <A>(candidates: Some<A>, picks: number): A => candidates[picks % candidates.length]!

const highest = <A extends Candidate>(candidates: Some<A>, key: string): A => {
  const low = least(candidates)
  const mean = candidates.reduce((sum, { inFlight }) => sum + inFlight, 0) / candidates.length
  let best: A | undefined
  let height = -1
  for (const candidate of candidates) {
    // The least loaded one is never overloaded, so there is always a best.
    if (candidate.inFlight > 1.25 * mean && candidate.inFlight >= low + 2) continue
    const here = rank(key, candidate.id)
    if (best !== undefined && (here < height || (here === height && candidate.id > best.id))) continue
    best = candidate
    height = here
  }
  return best ?? candidates[0]
}

/**
 * A request with a key goes to the instance with the highest rendezvous weight among the ready ones that are not
 * overloaded; overloaded means more than 1.25 times the mean load and at least 2 above the least loaded. A request
 * without a key goes to the least loaded, ties round robin. With none ready, all are tried round robin: an attempt may
 * restart one.
 */
export const pick = <A extends Candidate>(candidates: Some<A>, { key, picks }: PickOptions): A => {
  const ready = candidates.filter((candidate) => candidate.ready)
  if (!Arr.isNonEmptyReadonlyArray(ready)) return roundRobin(candidates, picks)
  const roomy = ready.filter((candidate) => !isFull(candidate))
  const able = Arr.isNonEmptyReadonlyArray(roomy) ? roomy : ready
  if (Option.isSome(key)) return highest(able, key.value)
  const low = least(able)
  const idle = able.filter(({ inFlight }) => inFlight === low)
  return roundRobin(Arr.isNonEmptyReadonlyArray(idle) ? idle : able, picks)
}
