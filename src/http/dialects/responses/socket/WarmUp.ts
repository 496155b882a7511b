/**
 * The response to `generate: false`: without output, to be continued by later ones. No instance is asked.
 */
import { Effect, Stream } from "effect"
import type { ChatRun } from "../../../../chat/Chat.ts"
import { finish } from "../../../../domain/Chat.ts"
import * as Turn from "../../../../domain/Turn.ts"

/** Appended for validation, because the input may be empty. */
const more = { type: "message", role: "user", content: "." } as const

export const behind = <T>(items: ReadonlyArray<T>): ReadonlyArray<T | typeof more> => [...items, more]

/** A finished chat without an answer. */
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
