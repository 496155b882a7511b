/**
 * A text backend made of a function that answers with a stream.
 */
import { Effect, type Stream } from "effect"
import type * as Port from "../chat/Backend.ts"
import type { ChatEvent } from "../domain/Chat.ts"
import type { TurnError } from "../domain/ChatError.ts"
import * as Login from "../domain/Login.ts"
import type { Model } from "../domain/Model.ts"
import * as Turn from "../domain/Turn.ts"
import type { Ask } from "./TextBackend.ts"
import * as TextOnly from "./TextOnly.ts"

/** A provider that answers with a stream. */
export interface StreamBackend {
  readonly id: string
  /** The provider's name, as clients read it when something fails; by default its id. */
  readonly provider?: string
  /** Names alone will do; the first of those is what `auto` means. */
  readonly models: ReadonlyArray<Model | string>
  /** Interrupted when the client leaves. Its last event is a `Finish`; a stream that ends without one has failed. */
  readonly chat: (ask: Ask) => Stream.Stream<ChatEvent, TurnError>
}

const toModel = (model: Model | string, i: number): Model =>
  typeof model === "string" ? { key: model, name: model, scene: "chat", isDefault: i === 0 } : model

/** One that is always ready and has no accounts: for providers of one's own, and for tests. */
export const fromStream = ({ chat, id, models: given, provider = id }: StreamBackend): Port.Backend => {
  const models = given.map(toModel)
  const account = { loggedIn: true, login: Login.signedIn }
  return TextOnly.over({
    id,
    provider,
    emulated: false,
    status: Effect.succeed({ state: "ready", ...account, restarts: 0, models, lastError: undefined }),
    ensureReady: Effect.void,
    models: Effect.succeed(models),
    chat: (ask) => Turn.fromStream(chat(ask), { instance: id })
  })
}

/** One instance of a provider. */
export type Backend = Port.Backend
/** Constructors of backends. */
export const Backend = { fromStream }
