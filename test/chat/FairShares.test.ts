/** What a key notices of another one that floods the gateway: whole chats over a scripted upstream, on a simulated clock. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Stream } from "effect"
import { Chat } from "../../src/chat/Chat.ts"
import { Guard } from "../../src/chat/Guard.ts"
import { Pool } from "../../src/chat/Pool.ts"
import { finish, textDelta } from "../../src/domain/Chat.ts"
import type { Caller } from "../../src/domain/keys/Caller.ts"
import { Metrics } from "../../src/observe/Metrics.ts"
import * as SimulatedClock from "../support/SimulatedClock.ts"
import * as TestBackend from "../support/TestBackend.ts"
import { options, request } from "../support/TestChat.ts"

const caller = (id: string): Caller => ({ id, name: id, weight: 1 })

/** A first token after 300 to 700 ms, a whole answer after 2 to 4 s. */
const upstream = () => {
  let n = 0
  return TestBackend.make((turn) =>
    Effect.gen(function* () {
      const beat = (n++ * 37) % 101
      const answer = Effect.gen(function* () {
        yield* Effect.sleep(300 + 4 * beat)
        turn.emit(textDelta("one "))
        yield* Effect.sleep(1700 + 16 * ((beat * 13) % 101))
        turn.emit(textDelta("two"))
        turn.emit(finish("stop"))
      })
      yield* Effect.forkScoped(answer)
    })
  )
}

const gateway = () =>
  Chat.layer(options).pipe(
    Layer.provideMerge(
      Layer.merge(Guard.layer({ maxInFlight: 64, queueMax: 256, queueTimeout: "30 seconds" }), Metrics.layer)
    ),
    Layer.provideMerge(Pool.layer([upstream().backend]))
  )

const chatOf = (who: Caller) =>
  Effect.scoped(
    Effect.gen(function* () {
      const { events, firstTokenMillis } = yield* (yield* Chat).open({ ...request, caller: who })
      yield* Stream.runDrain(events)
      return firstTokenMillis
    })
  )

const p95 = (millis: ReadonlyArray<number>) => [...millis].sort((a, b) => a - b)[Math.ceil(millis.length * 0.95) - 1]!

/** Milliseconds to the first token of chats that a key sends one after the other. */
const measured = (flood: number) => {
  const { advance, clock } = SimulatedClock.make()
  return Effect.scoped(
    Effect.gen(function* () {
      const again = Effect.forever(
        Effect.catchTag(chatOf(caller("flood")), "Overloaded", ({ retryAfter }) => Effect.sleep(retryAfter * 1000))
      )
      for (let n = 0; n < flood; n++) yield* Effect.forkScoped(Effect.delay(again, n * 5))
      yield* advance("6 seconds")
      const millis: Array<number> = []
      yield* Effect.forkScoped(
        Effect.forever(Effect.tap(chatOf(caller("quiet")), (one) => Effect.sync(() => millis.push(one))))
      )
      while (millis.length < 30) yield* advance("5 seconds")
      const { queued } = yield* (yield* Guard).stats
      return { millis, queued }
    })
  ).pipe(Effect.provide(gateway()), Effect.withClock(clock))
}

describe("Chats of one key beside a flood of another's", () => {
  it.effect(
    "begin within one and a half times what they take alone",
    () =>
      Effect.gen(function* () {
        const alone = yield* measured(0)
        const beside = yield* measured(1000)
        assert.isAtLeast(beside.queued, 200)
        const [first, second] = [p95(alone.millis), p95(beside.millis)]
        console.log(`first token, p95: ${first} ms alone, ${second} ms beside 1000 chats of another key`)
        assert.isAtMost(second, 1.5 * first)
      }),
    120_000
  )
})
