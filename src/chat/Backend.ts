/**
 * The port a model provider implements. Lingma is the first.
 */
import { Effect, type Scope, type Stream } from "effect"
import type { Ask, ChatEvent } from "../domain/Chat.ts"
import type { BackendUnavailable, LoginFailed, LoginInProgress, NotLoggedIn, TurnError } from "../domain/ChatError.ts"
import * as Login from "../domain/Login.ts"
import type { Model } from "../domain/Model.ts"
import * as Turn from "../domain/Turn.ts"

/** `starting` and `reconnecting` lead to `ready` without anybody's doing. */
export type BackendState = "stopped" | "starting" | "ready" | "reconnecting" | "failed" | "closed"

/** How an instance fares. */
export interface BackendStatus {
  readonly state: BackendState
  /** Undefined until the instance has told. */
  readonly loggedIn: boolean | undefined
  /** Whether its account is signed in, and if not, what becomes of signing it in. */
  readonly login: Login.AccountState
  readonly restarts: number
  /** The models offered, as far as is known; empty when nothing is. The same list as long as it has not changed. */
  readonly models: ReadonlyArray<Model>
  /** Whose quota it uses, where that is known. */
  readonly account?: string | undefined
  /** Why it is not ready, in words fit for an operator. */
  readonly lastError: string | undefined
}

/** Who is signed in. */
export interface BackendIdentity {
  readonly id: string
  readonly userType: string
}

/** How an administrator signs an instance in. */
export interface BackendLogin {
  /** Whether logins begin by themselves. */
  readonly automatic: boolean
  readonly state: Effect.Effect<Login.LoginState>
  /** Who is signed in, asked of the instance; none when nobody is. */
  readonly identity: Effect.Effect<BackendIdentity | undefined, BackendUnavailable>
  /** Begins a login by a browser, also with automatic login off and while the account rests. Does not wait. */
  readonly start: Effect.Effect<"running" | "already_running", LoginFailed>
  /** An address at which a person signs in; the gateway notices when they have. */
  readonly person: Effect.Effect<{ readonly url: string }, LoginFailed | BackendUnavailable>
  /** Takes the address that a browser on another machine was sent to at the end. */
  readonly callback: (url: string) => Effect.Effect<void, LoginFailed | BackendUnavailable>
}

/** One instance of a provider. */
export interface Backend {
  readonly id: string
  /** True for the built-in stand-in. */
  readonly emulated: boolean
  /** Cheap and synchronous: read for every request. */
  readonly status: Effect.Effect<BackendStatus>
  /** Connects and signs in when needed. Cheap once done. */
  readonly ensureReady: Effect.Effect<void, NotLoggedIn | LoginFailed | LoginInProgress | BackendUnavailable>
  /** Undefined for a provider without accounts. */
  readonly login?: BackendLogin
  /** The models offered, from memory; asks upstream only when nothing is known. */
  readonly models: Effect.Effect<ReadonlyArray<Model>, BackendUnavailable>
  /** Begins a turn. Closing the scope cancels it upstream if it still runs, and removes what it left there. */
  readonly chat: (ask: Ask) => Effect.Effect<Turn.Turn, TurnError, Scope.Scope>
}

/** A provider that answers with a stream. */
export interface StreamBackend {
  readonly id: string
  /** Names alone will do; the first of those is what `auto` means. */
  readonly models: ReadonlyArray<Model | string>
  /** Interrupted when the client leaves. Its last event is a `Finish`; a stream that ends without one has failed. */
  readonly chat: (ask: Ask) => Stream.Stream<ChatEvent, TurnError>
}

const toModel = (model: Model | string, i: number): Model =>
  typeof model === "string" ? { key: model, name: model, scene: "chat", isDefault: i === 0 } : model

/** One that is always ready and has no accounts: for providers of one's own, and for tests. */
const fromStream = ({ chat, id, models: given }: StreamBackend): Backend => {
  const models = given.map(toModel)
  const account = { loggedIn: true, login: Login.signedIn }
  return {
    id,
    emulated: false,
    status: Effect.succeed({ state: "ready", ...account, restarts: 0, models, lastError: undefined }),
    ensureReady: Effect.void,
    models: Effect.succeed(models),
    chat: (ask) => Turn.fromStream(chat(ask), { instance: id })
  }
}

/** Constructors of backends. */
export const Backend = { fromStream }
