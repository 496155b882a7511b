/**
 * A response without output, for later ones to go on from: what `generate: false` asks for. Nobody is asked upstream.
 */
import { Effect, Stream } from "effect"
import type { ChatRun } from "../../../../chat/Chat.ts"
import { finish } from "../../../../domain/Chat.ts"
import * as Turn from "../../../../domain/Turn.ts"

/** Its input may be empty: what there is is checked, with this behind it. */
const more = { type: "message", role: "user", content: "." } as const

export const behind = <T>(items: ReadonlyArray<T>): ReadonlyArray<T | typeof more> => [...items, more]

/** A chat that has ended already. */
export const run = (model: string): Effect.Effect<ChatRun> =>
  Effect.sync(() => {
    const turn = Turn.make({ instance: "none" })
    turn.emit(finish("stop"))
    return {
      servedBy: "none",
      emulated: false,
      model,
      tokens: () => ({ prompt: 0, completion: 0, reasoning: 0, isReported: false }),
      firstTokenMillis: 0,
      turn,
      events: Stream.empty
    }
  })
