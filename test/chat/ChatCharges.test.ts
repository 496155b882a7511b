/** What a chat is charged to its caller's share. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { Chat } from "../../src/chat/Chat.ts"
import type { Used } from "../../src/chat/FairQueue.ts"
import { Guard } from "../../src/chat/Guard.ts"
import { Pool } from "../../src/chat/Pool.ts"
import { finish, textDelta, usage } from "../../src/domain/Chat.ts"
import type { Caller } from "../../src/domain/keys/Caller.ts"
import { Metrics } from "../../src/observe/Metrics.ts"
import * as TestBackend from "../support/TestBackend.ts"
import { crash, options, request, whole } from "../support/TestChat.ts"

/** A guard that notes who asks for a slot, with which prompt, and what is charged. */
const noting = () => {
  const asked: Array<readonly [caller: string | undefined, prompt: number | undefined]> = []
  const charged: Array<Used> = []
  const guard = Layer.effect(
    Guard,
    Effect.map(Guard.make({ maxInFlight: 9, queueMax: 0, queueTimeout: 0 }), (real) =>
      Guard.of({
        ...real,
        slot: (caller, prompt) => {
          asked.push([caller?.id, prompt])
          return Effect.map(real.slot(caller, prompt), (slot) => ({
            ...slot,
            charge: (used) => {
              charged.push(used)
              slot.charge(used)
            }
          }))
        }
      })
    )
  )
  return { asked, charged, guard }
}

const team: Caller = { id: "team", name: "team", weight: 2 }
const asTeam = { ...request, messages: [{ ...request.messages[0], text: "x".repeat(400) }], caller: team } as const

const played = (script: TestBackend.Script) => {
  const { asked, charged, guard } = noting()
  const layer = Chat.layer(options).pipe(
    Layer.provide(Layer.merge(guard, Metrics.layer)),
    Layer.provide(Pool.layer([TestBackend.make(script).backend]))
  )
  return { asked, charged, layer }
}

describe("Chat", () => {
  it.effect("asks for a slot in its caller's name, with about the tokens of its prompt", () => {
    const { asked, layer } = played(TestBackend.say("yes"))
    return Effect.gen(function* () {
      yield* whole(asTeam)
      yield* whole()
      // A quarter of its characters and the message's frame.
      assert.deepStrictEqual(asked, [
        ["team", 104],
        ["anonymous", 5]
      ])
    }).pipe(Effect.provide(layer))
  })

  it.effect("is charged the tokens that the upstream reported, once", () => {
    const reported = usage({ inputTokens: 70, outputTokens: 30 })
    const { charged, layer } = played(TestBackend.emit(textDelta("yes"), reported, finish("stop")))
    return Effect.gen(function* () {
      yield* whole(asTeam)
      assert.deepStrictEqual(charged, [{ prompt: 70, completion: 30 }])
    }).pipe(Effect.provide(layer))
  })

  it.effect("is charged estimates of what was written when it is cut before its end", () => {
    const { charged, layer } = played(TestBackend.emit(textDelta("one two three ")))
    return Effect.gen(function* () {
      yield* whole(asTeam)
      assert.strictEqual(charged.length, 1)
      assert.isAtLeast(charged[0]!.prompt, 5)
      assert.closeTo(charged[0]!.completion, 3, 1)
    }).pipe(Effect.provide(layer))
  })

  it.effect("is charged nothing more than its prompt when no answer began", () => {
    const { charged, layer } = played(TestBackend.refuse(crash(true)))
    return Effect.gen(function* () {
      yield* Effect.flip(whole(asTeam))
      assert.deepStrictEqual(charged, [])
    }).pipe(Effect.provide(layer))
  })
})
