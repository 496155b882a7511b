/**
 * Figures in steps of time, in rings of a fixed size. Pure; times are milliseconds since 1970.
 *
 * Each slot knows its own step: a clock that jumps, in whichever direction, leaves steps unknown and mixes none.
 */
import type { ChatOutcome } from "../../../observe/Metrics.ts"

/** Upper bounds of times to the first token, in milliseconds: each a quarter larger than the one before. */
export const BOUNDS: ReadonlyArray<number> = Array.from({ length: 50 }, (_, i) => 10 * 1.25 ** i)
const GROWTH = Math.log(1.25)

/** The bucket of a time; the last one has no bound. */
export const bucketOf = (millis: number): number =>
  millis <= 10 ? 0 : Math.min(BOUNDS.length - 1, Math.ceil(Math.log(millis / 10) / GROWTH - 1e-9))

export interface Slot {
  readonly step: number
  readonly outcomes: Record<ChatOutcome, number>
  /** How many first tokens fell into each bucket; undefined while there are none. */
  firstTokens: Uint32Array | undefined
  tokens: number
  /** Seconds in which tokens were counted. */
  seconds: number
  /** The most at once; undefined where nobody looked. */
  queued: number | undefined
  readonly inFlight: Map<string, number>
}

const slotOf = (step: number): Slot => ({
  step,
  outcomes: { completed: 0, failed: 0, cancelled: 0, rejected: 0 },
  firstTokens: undefined,
  tokens: 0,
  seconds: 0,
  queued: undefined,
  inFlight: new Map()
})

/** The share `q` of all in ascending order lies at or below it; null where there are none. */
export const quantile = (counts: Uint32Array | undefined, q: number): number | null => {
  if (counts === undefined) return null
  const rank = Math.ceil(counts.reduce((sum, n) => sum + n, 0) * q)
  let seen = 0
  for (const [i, n] of counts.entries()) {
    seen += n
    // The middle of its bucket.
    if (n > 0 && seen >= rank) return Math.round((BOUNDS[i] ?? 0) / (i === 0 ? 1 : Math.sqrt(1.25)))
  }
  return null
}

export class Ring {
  readonly stepMillis: number
  readonly size: number
  readonly #slots: Array<Slot | undefined> = []

  constructor(stepMillis: number, size: number) {
    this.stepMillis = stepMillis
    this.size = size
  }

  /** The slot of a moment, made if need be. */
  at(time: number): Slot {
    const step = Math.floor(time / this.stepMillis)
    const place = ((step % this.size) + this.size) % this.size
    const found = this.#slots[place]
    if (found?.step === step) return found
    const made = slotOf(step)
    this.#slots[place] = made
    return made
  }

  ended(time: number, outcome: ChatOutcome, firstTokenMillis: number | undefined): void {
    const slot = this.at(time)
    slot.outcomes[outcome]++
    if (firstTokenMillis !== undefined) this.#firstTokens(slot, bucketOf(firstTokenMillis), 1)
  }

  /** What was written down before the process began. */
  restore(time: number, sums: Restored): void {
    const slot = this.at(time)
    slot.outcomes[sums.outcome] += sums.chats
    slot.tokens += sums.tokens
    slot.seconds = this.stepMillis / 1000
    if (sums.bucket >= 0) this.#firstTokens(slot, sums.bucket, sums.chats)
  }

  sampled(time: number, sample: Sample): void {
    const slot = this.at(time)
    slot.tokens += sample.tokens
    slot.seconds = Math.min(this.stepMillis / 1000, slot.seconds + sample.seconds)
    slot.queued = Math.max(slot.queued ?? 0, sample.queued)
    for (const [name, n] of sample.inFlight) slot.inFlight.set(name, Math.max(slot.inFlight.get(name) ?? 0, n))
  }

  /** The steps up to now, the oldest first; undefined where nothing is known. */
  read(now: number): ReadonlyArray<{ readonly at: number; readonly slot: Slot | undefined }> {
    const last = Math.floor(now / this.stepMillis)
    return Array.from({ length: this.size }, (_, i) => {
      const step = last - this.size + 1 + i
      const slot = this.#slots[((step % this.size) + this.size) % this.size]
      return { at: step * this.stepMillis, slot: slot?.step === step ? slot : undefined }
    })
  }

  #firstTokens(slot: Slot, bucket: number, n: number): void {
    slot.firstTokens ??= new Uint32Array(BOUNDS.length)
    slot.firstTokens[bucket] = (slot.firstTokens[bucket] ?? 0) + n
  }
}

/** Chats of a step that ended alike. */
export interface Restored {
  readonly outcome: ChatOutcome
  readonly chats: number
  readonly tokens: number
  /** Of their first tokens; -1 where no answer began. */
  readonly bucket: number
}

/** What was seen at a moment, since the one before. */
export interface Sample {
  readonly tokens: number
  readonly seconds: number
  readonly queued: number
  readonly inFlight: ReadonlyMap<string, number>
}
