/**
 * What one key has used of its limits, as this gateway knows it. Pure: it is told the time, a steady one for minutes and
 * the wall clock's for days, so that a clock that jumps neither opens nor closes a minute.
 */
import type { Day } from "./Days.ts"
import { MINUTE, type Used } from "./WindowStore.ts"

/** Milliseconds. */
export interface Now {
  readonly steady: number
  readonly wall: number
}

export interface Refused {
  readonly limit: "requests" | "tokens" | "concurrency"
  readonly most: number
  /** Whole seconds, at least 1. */
  readonly retryAfter: number
}

/** Of one limit, for those who ask. */
export interface Left {
  readonly limit: number
  readonly remaining: number
  /** Milliseconds until it is whole again. */
  readonly reset: number
}

export class Standing {
  readonly keyId: string
  running = 0
  /** Of the steady clock. */
  #minuteBegan = Number.NEGATIVE_INFINITY
  #minuteStarted = 0
  #minuteUsed = 0
  #dayStart = 0
  #dayUsed = 0
  /** Whether there is something to be written. */
  isDirty = false
  /** Where several gateways count together: what the database was not told yet. */
  untoldTokens = 0
  untoldRequests = 0
  isDayKnown = false
  /** It has a limit of tokens per day. */
  hasDay = false
  lastSeen = Number.NEGATIVE_INFINITY
  #exhaustedUntil = Number.NEGATIVE_INFINITY
  #exhaustedAt = 0

  constructor(keyId: string) {
    this.keyId = keyId
  }

  /** What the database has from an earlier run. A start that lies in the future is a clock that was set back. */
  restore({ kind, startedAt, used }: Used, now: Now, day: Day): void {
    if (kind === "day") {
      if (startedAt >= day.start) this.setDay(day.start, used)
      return
    }
    const age = Math.max(0, now.wall - startedAt)
    if (age < MINUTE) this.setMinute(used, age, now)
  }

  setMinute(used: number, age: number, now: Now): void {
    this.#minuteBegan = now.steady - age
    this.#minuteStarted = now.wall - age
    this.#minuteUsed = used
  }

  setDay(start: number, used: number): void {
    this.#dayStart = start
    this.#dayUsed = used
    this.isDayKnown = true
  }

  /** A clock that was set back opens no day that is over: what was used goes on. */
  enterDay({ start }: Day): void {
    if (start > this.#dayStart) {
      this.#dayUsed = 0
      this.untoldTokens = 0
    }
    this.#dayStart = start
  }

  #isMinuteOver({ steady }: Now): boolean {
    return steady - this.#minuteBegan >= MINUTE
  }

  #minuteLeft({ steady }: Now): number {
    return Math.max(0, MINUTE - (steady - this.#minuteBegan))
  }

  /** Counts one request, unless that is one too many. */
  request(most: number, now: Now): Refused | undefined {
    if (this.#isMinuteOver(now)) {
      this.setMinute(0, 0, now)
      this.untoldRequests = 0
    }
    if (this.#minuteUsed >= most) return this.tooMany(most, now)
    this.#minuteUsed++
    this.isDirty = true
    return undefined
  }

  /** What was counted in a minute that is over limits nothing. */
  forgetMinute(now: Now): void {
    if (this.#isMinuteOver(now)) this.untoldRequests = 0
  }

  tooMany(most: number, now: Now): Refused {
    return { limit: "requests", most, retryAfter: Math.max(1, Math.ceil(this.#minuteLeft(now) / 1000)) }
  }

  /** The window holds no more of so many, whoever asks, until it ends. */
  exhaust(most: number, now: Now): void {
    this.#exhaustedUntil = now.steady + this.#minuteLeft(now)
    this.#exhaustedAt = most
  }

  isExhausted(most: number, { steady }: Now): boolean {
    return steady < this.#exhaustedUntil && most <= this.#exhaustedAt
  }

  /** Whether the tokens of the day are used up. */
  tokens(most: number, now: Now, day: Day): Refused | undefined {
    this.enterDay(day)
    if (this.#dayUsed < most) return undefined
    return { limit: "tokens", most, retryAfter: Math.max(1, Math.ceil((day.end - now.wall) / 1000)) }
  }

  charge(tokens: number, day: Day): void {
    this.enterDay(day)
    this.#dayUsed += tokens
    this.untoldTokens += tokens
    this.isDirty = true
  }

  requestsLeft(limit: number, now: Now): Left {
    const used = this.#isMinuteOver(now) ? 0 : this.#minuteUsed
    return { limit, remaining: Math.max(0, limit - used), reset: used === 0 ? 0 : this.#minuteLeft(now) }
  }

  tokensLeft(limit: number, now: Now, day: Day): Left {
    this.enterDay(day)
    return { limit, remaining: Math.max(0, limit - this.#dayUsed), reset: Math.max(0, day.end - now.wall) }
  }

  /** As it is written. */
  get windows(): ReadonlyArray<Used> {
    const { keyId } = this
    return [
      { keyId, kind: "minute", startedAt: Math.round(this.#minuteStarted), used: this.#minuteUsed },
      { keyId, kind: "day", startedAt: this.#dayStart, used: this.#dayUsed }
    ]
  }

  get dayStart(): number {
    return this.#dayStart
  }
}
