/**
 * A backend that plays a script, and tells how often its turns were opened and closed.
 */
import { Effect, Queue, Schedule, type Scope } from "effect"
import type { Backend, BackendStatus, TurnRequest } from "../../src/chat/Backend.ts"
import type { ChatEvent } from "../../src/domain/Chat.ts"
import { finish, textDelta } from "../../src/domain/Chat.ts"
import type { TurnError } from "../../src/domain/ChatError.ts"
import * as Login from "../../src/domain/Login.ts"
import type { Model } from "../../src/domain/Model.ts"
import * as Turn from "../../src/domain/Turn.ts"
import type { Ask, TextBackend } from "../../src/textonly/TextBackend.ts"
import * as TextOnly from "../../src/textonly/TextOnly.ts"

export interface Scripted {
  readonly backend: Backend
  readonly asks: Array<Ask>
  /** Turns as they begin, for tests that play the upstream by hand. */
  readonly turns: Queue.Queue<Turn.Turn>
  readonly counts: { opened: number; closed: number; cancelled: number }
}

export type Script = (turn: Turn.Turn, ask: Ask) => Effect.Effect<void, TurnError, Scope.Scope>

export const models: ReadonlyArray<Model> = [
  { key: "auto", name: "Auto", scene: "chat", isDefault: true },
  { key: "org/qwen3 coder", name: "Qwen3 Coder", scene: "chat", isDefault: false, vision: true, contextLength: 131_072 }
]

/** Emits nothing by itself. */
export const silent: Script = () => Effect.void

export const emit =
  (...events: ReadonlyArray<ChatEvent>): Script =>
  (turn) =>
    Effect.sync(() => {
      for (const event of events) turn.emit(event)
    })

/** Says the pieces and finishes. */
export const say = (...pieces: ReadonlyArray<string>): Script => emit(...pieces.map(textDelta), finish("stop"))

/** Refuses the turn. */
export const refuse =
  (error: TurnError): Script =>
  () =>
    Effect.fail(error)

/** The status of one that is ready and has told no models. */
export const ready: BackendStatus = {
  state: "ready",
  loggedIn: true,
  restarts: 0,
  login: Login.signedIn,
  models: [],
  lastError: undefined
}

export interface Overrides extends Partial<TextBackend> {
  /** Its models, which it has told. */
  readonly offers?: ReadonlyArray<Model>
}

export const make = (script: Script = say("Hel", "lo"), overrides: Overrides = {}): Scripted => {
  const { offers, ...more } = overrides
  const known = offers ?? (more.models === undefined ? models : [])
  const counts = { opened: 0, closed: 0, cancelled: 0 }
  const asks: Array<Ask> = []
  const turns = Effect.runSync(Queue.sliding<Turn.Turn>(16))
  const id = overrides.id ?? "inst-0"
  const text: TextBackend = {
    id,
    provider: "Lingma",
    emulated: false,
    status: Effect.succeed({ ...ready, models: known }),
    ensureReady: Effect.void,
    models: Effect.succeed(known),
    chat: Effect.fnUntraced(function* (ask: Ask) {
      const turn = Turn.make({ instance: id })
      asks.push(ask)
      yield* Effect.acquireRelease(
        Effect.sync(() => {
          counts.opened++
        }),
        () =>
          Effect.sync(() => {
            counts.closed++
            if (turn.state() === "running") counts.cancelled++
          })
      )
      yield* script(turn, ask)
      turns.unsafeOffer(turn)
      return turn
    }),
    ...more
  }
  return { backend: TextOnly.over(text), asks, turns, counts }
}

/** Until a turn of it was cancelled; not for ever. */
export const cancelled = ({ counts }: Scripted): Effect.Effect<void> =>
  Effect.sync(() => counts.cancelled > 0).pipe(
    Effect.repeat({ until: (is) => is, schedule: Schedule.spaced("5 millis") }),
    Effect.timeoutFail({ duration: "10 seconds", onTimeout: () => new Error("no turn was cancelled") }),
    Effect.orDie,
    Effect.asVoid
  )

export interface Native {
  readonly backend: Backend
  readonly requests: Array<TurnRequest>
}

/** One whose models call tools by themselves: it is asked with messages and answers with events. */
export const native = (
  script: (turn: Turn.Turn, request: TurnRequest) => void,
  overrides: Partial<Backend> = {}
): Native => {
  const requests: Array<TurnRequest> = []
  const id = overrides.id ?? "native-0"
  const backend: Backend = {
    id,
    provider: "Native",
    emulated: false,
    status: Effect.succeed({ ...ready, models }),
    ensureReady: Effect.void,
    models: Effect.succeed(models),
    chat: (request) =>
      Effect.sync(() => {
        requests.push(request)
        const turn = Turn.make({ instance: id })
        script(turn, request)
        return turn
      }),
    ...overrides
  }
  return { backend, requests }
}
