/**
 * Chats that come, wait, answer, break and leave in any order: guard, pool and the turns behind them keep one account.
 */
import assert from "node:assert/strict"
import { Deferred, Effect, Fiber, FastCheck as fc, Layer, Logger, Option } from "effect"
import { Chat } from "../../src/chat/Chat.ts"
import { Guard } from "../../src/chat/Guard.ts"
import { Pool } from "../../src/chat/Pool.ts"
import { GatewayConfig } from "../../src/config/Config.ts"
import { type ChatRequest, finish, plain, textDelta } from "../../src/domain/Chat.ts"
import { BackendFailure } from "../../src/domain/ChatError.ts"
import type { Turn } from "../../src/domain/Turn.ts"
import { Metrics } from "../../src/observe/Metrics.ts"
import * as TestBackend from "../support/TestBackend.ts"

type Act = "come" | "say" | "finish" | "break" | "leave" | "drop"
export interface Command {
  readonly act: Act
  readonly who: number
  readonly pause: number
}
export interface Play {
  readonly maxInFlight: number
  readonly queueMax: number
  readonly commands: ReadonlyArray<Command>
}

export const play: fc.Arbitrary<Play> = fc.record({
  maxInFlight: fc.integer({ min: 1, max: 4 }),
  queueMax: fc.nat(3),
  commands: fc.array(
    fc.record({
      act: fc.constantFrom<Array<Act>>("come", "come", "come", "say", "say", "finish", "break", "leave", "drop"),
      who: fc.nat(20),
      pause: fc.nat(40)
    }),
    { maxLength: 40 }
  )
})

const request = (n: number): ChatRequest => ({
  ...plain,
  model: "auto",
  messages: [{ role: "user" as const, text: `hi ${n}`, images: [], toolCalls: [], toolCallId: undefined }],
  affinity: n % 3 === 0 ? Option.none() : Option.some(`k${n % 3}`),
  origin: { dialect: "chat_completions" as const, stream: n % 2 === 0 }
})

const yields = (n: number) => Effect.repeatN(Effect.yieldNow(), n)

const behind = (id: string) => {
  const turns: Array<Turn> = []
  const script: TestBackend.Script = (turn) => Effect.sync(() => turns.push(turn))
  return { ...TestBackend.make(script, { id }), turns }
}

export const run = ({ commands, maxInFlight, queueMax }: Play): Effect.Effect<void> => {
  const backends = [behind("a"), behind("b")] as const
  const layer = Chat.layerFromConfig.pipe(
    Layer.provideMerge(Layer.mergeAll(Metrics.layer, Guard.layer({ maxInFlight, queueMax, queueTimeout: "1 hour" }))),
    Layer.provideMerge(Pool.layer([backends[0].backend, backends[1].backend])),
    Layer.provide(GatewayConfig.layer()),
    Layer.provide(Logger.remove(Logger.defaultLogger))
  )
  return Effect.gen(function* () {
    const chat = yield* Chat
    const guard = yield* Guard
    const pool = yield* Pool
    const people: Array<{
      readonly fiber: Fiber.RuntimeFiber<unknown, unknown>
      readonly done: Deferred.Deferred<void>
    }> = []

    const look = Effect.gen(function* () {
      const stats = yield* guard.stats
      const leases = (yield* pool.snapshot).reduce((sum, one) => sum + one.inFlight, 0)
      const turns = backends.reduce((sum, { counts }) => sum + counts.opened - counts.closed, 0)
      const { accepted, cancelled, completed, failed, inFlight, queued } = stats
      assert.strictEqual(accepted, completed + failed + cancelled + inFlight)
      assert.ok(inFlight <= maxInFlight && queued <= queueMax, "bounds")
      // Taken in this order, given back in the other.
      assert.ok(turns <= leases && leases <= inFlight, JSON.stringify({ turns, leases, inFlight }))
      for (const { counts } of backends) assert.ok(counts.cancelled <= counts.closed)
      return { turns, leases, inFlight, queued }
    })

    const act = ({ act, who }: Command) =>
      Effect.suspend((): Effect.Effect<unknown> => {
        const person = people[who % Math.max(1, people.length)]
        const live = backends.flatMap(({ turns }) => turns).filter((turn) => turn.state() === "running")
        const turn = live[who % Math.max(1, live.length)]
        switch (act) {
          case "come":
            return Effect.gen(function* () {
              const done = yield* Deferred.make<void>()
              const stay = chat.open(request(people.length)).pipe(
                Effect.tap(({ turn }) => turn.read({ onEvent: () => {}, onFailure: () => {} })),
                Effect.zipRight(Deferred.await(done)),
                Effect.scoped
              )
              people.push({ done, fiber: yield* Effect.forkDaemon(stay) })
            })
          case "say":
            return Effect.sync(() => turn?.emit(textDelta("x")))
          case "finish":
            return Effect.sync(() => turn?.emit(finish("stop")))
          case "break":
            return Effect.sync(() =>
              turn?.fail(new BackendFailure({ instance: "a", started: who % 2 === 0, detail: "" }))
            )
          case "leave":
            return person === undefined ? Effect.void : Deferred.succeed(person.done, undefined)
          case "drop":
            return person === undefined ? Effect.void : Fiber.interruptFork(person.fiber)
        }
      })

    for (const command of commands) {
      yield* act(command)
      yield* yields(command.pause)
      yield* look
    }
    yield* Fiber.interruptAll(people.map(({ fiber }) => fiber))
    yield* yields(50)
    assert.deepStrictEqual(yield* look, { turns: 0, leases: 0, inFlight: 0, queued: 0 })
  }).pipe(Effect.provide(layer), Effect.orDie)
}
