/**
 * The port that a model provider implements. A provider whose models take one text and answer with text implements
 * `textonly/TextBackend` instead, and `TextOnly.over` makes a `Backend` of it. Lingma is one of those.
 */
import type { Effect, Scope } from "effect"
import type { AskMode, ChatRequest } from "../domain/Chat.ts"
import type { BackendUnavailable, LoginFailed, LoginInProgress, NotLoggedIn, TurnError } from "../domain/ChatError.ts"
import type * as Login from "../domain/Login.ts"
import type { Model } from "../domain/Model.ts"
import type { Turn } from "../domain/Turn.ts"
import type { TokenCounterService } from "../tokens/TokenCounter.ts"

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
  /** The last such reason and when it was, also once it is ready again. */
  readonly lastFailure?: LastFailure | undefined
}

export interface LastFailure {
  readonly message: string
  /** Milliseconds since 1970. */
  readonly at: number
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
  /** The address that a person was given, while that is waited for. */
  readonly url?: Effect.Effect<string | undefined>
}

/** Settings of the gateway for what a provider's models cannot do by themselves. */
export interface DraftSettings {
  readonly tokenCounter: TokenCounterService
  /** How a model without tools of its own is taught to call them. */
  readonly toolFormat: "xml" | "hermes"
  /** How often a model that breaks a rule is asked again, before anything was sent. */
  readonly toolRetries: number
}

/** A request as a provider would ask it. A backend may keep more in its own, which `TurnRequest.draft` brings back. */
export interface Draft {
  /** An estimate, images and framing included. */
  readonly promptTokens: number
  /** The same on the safe side: what is compared with the context window of a model. */
  readonly mostPromptTokens: number
  /** The same request for a model that takes no images. */
  readonly withoutImages: () => Draft
}

/** What a backend is asked, once instance and model are settled. */
export interface TurnRequest extends ChatRequest {
  /** Unique per turn. */
  readonly requestId: string
  /** The key of the model, in place of what the client wrote. */
  readonly model: string
  readonly mode: AskMode
  /** The model takes no images: those of the messages are left out. */
  readonly withoutImages: boolean
  /** The context window of the model in tokens, where it is known. */
  readonly contextLimit: number | undefined
  /** What `draft` made of the request. */
  readonly draft: Draft
}

/** For a backend whose answer may take several questions to its upstream. One that asks once leaves it aside. */
export interface Questions {
  /**
   * Asks the upstream, and holds the time limits by the turn that it answers with, instead of the turn that `chat`
   * gives. The first question has the chat's deadline, each further one a deadline of its own.
   */
  readonly ask: (question: Effect.Effect<Turn, TurnError, Scope.Scope>) => Effect.Effect<Turn, TurnError, Scope.Scope>
  /** The answer so far is void, and is asked for again: it does not count. `reason` is one of few words, for metrics. */
  readonly again: (reason: string) => void
}

/** One instance of a provider. */
export interface Backend {
  readonly id: string
  /** The provider's name, as clients read it when something fails. */
  readonly provider: string
  /** True for the built-in stand-in. */
  readonly emulated: boolean
  /** The gateway neither starts nor stops it. */
  readonly attached?: boolean
  /** Cheap and synchronous: read for every request. */
  readonly status: Effect.Effect<BackendStatus>
  /** Connects and signs in when needed. Cheap once done. */
  readonly ensureReady: Effect.Effect<void, NotLoggedIn | LoginFailed | LoginInProgress | BackendUnavailable>
  /** Undefined for a provider without accounts. */
  readonly login?: BackendLogin
  /** Tries again now what it waits with: a start, a login. Does not wait for it. */
  readonly retry?: Effect.Effect<void>
  /** The models offered, from memory; asks upstream only when nothing is known. */
  readonly models: Effect.Effect<ReadonlyArray<Model>, BackendUnavailable>
  /**
   * What a request is before an instance is chosen; asks nobody. Made once for all backends that share this function.
   * Without it, tokens are estimated from messages and tools as they are.
   */
  readonly draft?: (request: ChatRequest, settings: DraftSettings) => Draft
  /**
   * Begins a turn, which heeds all that the request says. Closing the scope cancels it upstream if it still runs, and
   * removes what it left there.
   */
  readonly chat: (request: TurnRequest, questions: Questions) => Effect.Effect<Turn, TurnError, Scope.Scope>
}
