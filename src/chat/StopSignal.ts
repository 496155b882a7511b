/**
 * Stops a chat from outside, wherever it is: each of its phases says how it is ended.
 */
import type { Effect } from "effect"
import { ChatStopped } from "../domain/ChatError.ts"

/** How what waits is ended from outside, and what it fails with then. */
export interface Stop<E> {
  /** How it is ended from now on; called at once if it was stopped before. */
  readonly onStop: (end: () => void) => void
  readonly failure: Effect.Effect<never, E>
}

/** Of one chat. */
export class StopSignal implements Stop<ChatStopped> {
  #end: (() => void) | undefined
  isStopped = false

  get failure(): ChatStopped {
    return new ChatStopped()
  }

  onStop(end: () => void): void {
    this.#end = end
    if (this.isStopped) end()
  }

  stop(): void {
    if (this.isStopped) return
    this.isStopped = true
    this.#end?.()
  }
}
