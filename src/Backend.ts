/**
 * The port a model provider implements. Lingma is the first.
 */
import type { Effect, Scope } from "effect"
import type { Ask } from "./domain/Chat.ts"
import type { BackendUnavailable, LoginFailed, NotLoggedIn, TurnError } from "./domain/ChatError.ts"
import type { Model } from "./domain/Model.ts"
import type { Turn } from "./domain/Turn.ts"

export type BackendState = "stopped" | "starting" | "ready" | "reconnecting" | "failed" | "closed"

export interface BackendStatus {
  readonly state: BackendState
  /** Undefined until the instance has told. */
  readonly loggedIn: boolean | undefined
  readonly restarts: number
  /** Why it is not ready, in words fit for an operator. */
  readonly lastError: string | undefined
}

export interface Backend {
  readonly id: string
  /** True for the built-in stand-in. */
  readonly emulated: boolean
  /** Cheap and synchronous: read for every request. */
  readonly status: Effect.Effect<BackendStatus>
  /** Connects and signs in when needed. Cheap once done. */
  readonly ensureReady: Effect.Effect<void, NotLoggedIn | LoginFailed | BackendUnavailable>
  /** The models offered, from memory; asks upstream only when nothing is known. */
  readonly models: Effect.Effect<ReadonlyArray<Model>, BackendUnavailable>
  /** Begins a turn. Closing the scope cancels it upstream if it still runs, and removes what it left there. */
  readonly chat: (ask: Ask) => Effect.Effect<Turn, TurnError, Scope.Scope>
}
