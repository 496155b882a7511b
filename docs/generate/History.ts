/**
 * Thirty days of chats that never were, written into a ledger so that pictures of the dashboard have something to show.
 */
import { Effect } from "effect"
import type { ChatRecord } from "../../src/observe/Metrics.ts"
import { Ledger } from "../../src/team/ledger/Ledger.ts"
import * as LedgerChats from "../../test/support/LedgerChats.ts"

export interface Person {
  readonly id: string
  readonly name: string
  readonly client: ChatRecord["client"]
  readonly model: string
}

/** The same numbers each time, from 0 to 1. */
const dice = () => {
  let state = 7
  return () => {
    state = (state * 48_271) % 2_147_483_647
    return state / 2_147_483_647
  }
}

const HOUR = 3_600_000
const DAYS = 30

/** Busy by day, quiet at night, fewer on weekends. */
const perHour = (at: number): number => {
  const date = new Date(at)
  const day = Math.max(0, Math.sin(((date.getUTCHours() - 6) / 14) * Math.PI))
  return (2 + 30 * day) * (date.getUTCDay() % 6 === 0 ? 0.3 : 1)
}

const chatOf = (person: Person, at: number, roll: () => number): ChatRecord => {
  const chance = roll()
  const outcome = chance < 0.93 ? "completed" : chance < 0.965 ? "cancelled" : chance < 0.985 ? "failed" : "rejected"
  const instance = `inst-${Math.floor(roll() * 3)}`
  const firstTokenMillis = 500 + 900 * roll() + (roll() < 0.08 ? 3_000 * roll() : 0)
  const completionTokens = Math.round(80 + 900 * roll() ** 2)
  const millis = firstTokenMillis + completionTokens * 22
  const isAnswered = outcome === "completed" || outcome === "cancelled"
  return LedgerChats.chat({
    endedAt: at,
    requestId: `req-${Math.floor(roll() * 0xffffffffffff)
      .toString(16)
      .padStart(12, "0")}`,
    caller: { id: person.id, name: person.name, weight: 1 },
    client: person.client,
    modelAsked: person.model,
    outcome,
    errorCode: outcome === "failed" ? "lingma_500" : outcome === "rejected" ? "backpressure" : undefined,
    error: outcome === "failed" ? "Lingma: status 500, the service is busy" : undefined,
    instance: outcome === "rejected" ? undefined : instance,
    account: outcome === "rejected" ? undefined : `user-${instance}@example.com`,
    retries: outcome === "failed" ? 1 : 0,
    answer: isAnswered
      ? {
          ...LedgerChats.answer,
          instance,
          model: "qwen3-coder",
          firstTokenMillis,
          promptTokens: Math.round(1_500 + 9_000 * roll()),
          completionTokens,
          reasoningTokens: 0
        }
      : undefined,
    queueMillis: outcome === "rejected" ? undefined : roll() < 0.1 ? 400 * roll() : 0.4,
    millis: isAnswered ? millis : outcome === "rejected" ? 30_000 : 2_300
  })
}

/** Into the database at this path. */
export const write = (path: string, people: ReadonlyArray<Person>) =>
  Effect.gen(function* () {
    const ledger = yield* Ledger
    const roll = dice()
    const now = Date.now()
    for (let hour = now - DAYS * 24 * HOUR; hour < now; hour += HOUR) {
      // The last day is looked at closest.
      const chats = now - hour < 25 * HOUR ? 40 + 4 * perHour(hour) : perHour(hour)
      for (let n = 0; n < chats; n++) {
        const person = people[Math.floor(roll() * people.length)]
        if (person !== undefined) ledger.record(chatOf(person, Math.min(now - 1_000, hour + roll() * HOUR), roll))
      }
    }
    yield* ledger.flush
  }).pipe(Effect.provide(LedgerChats.layer({ _tag: "Sqlite", path }, { capacity: 100_000 })), Effect.scoped)
