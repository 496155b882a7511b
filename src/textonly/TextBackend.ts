/**
 * The port of a provider whose models take one text and answer with text: `TextOnly.over` makes a `Backend` of it.
 */
import type { Effect, Scope } from "effect"
import type { Backend } from "../chat/Backend.ts"
import type { AskMode, Image } from "../domain/Chat.ts"
import type { TurnError } from "../domain/ChatError.ts"
import type { Turn } from "../domain/Turn.ts"

/** One question: the whole conversation as a prompt. */
export interface Ask {
  /** Unique per question; names it on the upstream wire. */
  readonly requestId: string
  /** The key of the model. */
  readonly model: string
  readonly mode: AskMode
  readonly prompt: string
  readonly images: ReadonlyArray<Image>
  /** An estimate of the prompt's length, for failures to tell. */
  readonly promptTokens: number
  /** The context window of the model in tokens, where it is known. */
  readonly contextLimit: number | undefined
}

/** One instance of such a provider. */
export interface TextBackend extends Omit<Backend, "chat" | "draft"> {
  /** Begins a turn. Closing the scope cancels it upstream if it still runs, and removes what it left there. */
  readonly chat: (ask: Ask) => Effect.Effect<Turn, TurnError, Scope.Scope>
}
