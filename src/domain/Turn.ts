/**
 * The events of one running turn, on their way from the backend's callbacks to their only reader.
 *
 * A reader takes them either as a `Stream`, or by callbacks without a fiber step per token; both see the same
 * events and the same end. After a `Finish` or a failure nothing more is taken.
 */
import { Chunk, Deferred, Effect, Either, FiberId, Option, type Scope, Stream } from "effect"
import type { ChatEvent } from "./Chat.ts"
import { BackendFailure, type TurnError } from "./ChatError.ts"

/** Takes events by callback. */
export interface Reader {
  readonly onEvent: (event: ChatEvent) => void
  readonly onFailure: (error: TurnError) => void
}

/** `finished` after a `Finish`, `failed` after a failure; both are for ever. */
export type TurnState = "running" | "finished" | "failed"

/** An answer on its way; a backend feeds it by `emit` and `fail`. */
export interface Turn {
  readonly state: () => TurnState
  /** Why it failed, once it has. */
  readonly failure: () => TurnError | undefined
  /** How many events came so far, figures left out; a watchdog compares two readings. */
  readonly count: () => number
  /** It works, at something that is no event, such as a tool of its own. */
  readonly work: () => void
  /** How often it was said to work. */
  readonly worked: () => number
  /** Takes an event; false once the turn is over. */
  readonly emit: (event: ChatEvent) => boolean
  readonly fail: (error: TurnError) => void
  /** Tells of each event as it is taken, before its reader does, and now of what is buffered; one observer at most. */
  readonly observe: (onEvent: (event: ChatEvent) => void) => void
  /** Hands over what is buffered, then everything as it comes, synchronously. */
  readonly read: (reader: Reader) => void
  /** Resolves at the first event of the answer, fails when the turn failed before it. */
  readonly started: Effect.Effect<void, TurnError>
}

/** Whose turn it is, and what it may hold. */
export interface TurnOptions {
  readonly instance: string
  /** Most characters held for a reader that does not read; beyond it the turn fails. */
  readonly capacity?: number
}

/** An answer that was withheld (at most 8 Mi characters) comes at once, as does one frame of that size. */
const MOST_HELD = 16 << 20

const sizeOf = (event: ChatEvent): number => ("text" in event ? event.text.length : 64)

/** A turn that has not begun. */
export const make = (options: TurnOptions): Turn => {
  const capacity = options.capacity ?? MOST_HELD
  const started = Deferred.unsafeMake<void, TurnError>(FiberId.none)
  let state: TurnState = "running"
  let failure: TurnError | undefined
  let reader: Reader | undefined
  let observer: ((event: ChatEvent) => void) | undefined
  let buffer: Array<ChatEvent> = []
  let held = 0
  let count = 0
  let worked = 0
  const begin = (effect: Effect.Effect<void, TurnError>) => Deferred.unsafeDone(started, effect)

  const fail = (error: TurnError) => {
    if (state !== "running") return
    state = "failed"
    failure = error
    if (count === 0) begin(Effect.fail(error))
    reader?.onFailure(error)
  }

  /** False when the observer threw: that ends the turn, and is nothing that the backend's callback could handle. */
  const isObserved = (event: ChatEvent): boolean => {
    if (observer === undefined) return true
    try {
      observer(event)
      return true
    } catch (defect) {
      fail(new BackendFailure({ instance: options.instance, started: true, detail: String(defect) }))
      return false
    }
  }

  const emit = (event: ChatEvent): boolean => {
    if (state !== "running" || !isObserved(event)) return false
    if (event._tag === "Finish") state = "finished"
    // Figures alone are no answer: an error may still follow, and then be told as such.
    if (event._tag !== "Usage" && count++ === 0) begin(Effect.void)
    if (reader !== undefined) {
      reader.onEvent(event)
      return true
    }
    held += sizeOf(event)
    if (held > capacity) {
      state = "running"
      fail(new BackendFailure({ instance: options.instance, started: true, detail: "the reader fell behind" }))
      return false
    }
    buffer.push(event)
    return true
  }

  const observe = (onEvent: (event: ChatEvent) => void) => {
    observer = onEvent
    buffer.every(isObserved)
  }

  const read = (next: Reader) => {
    reader = next
    const waiting = buffer
    buffer = []
    held = 0
    for (const event of waiting) next.onEvent(event)
    if (failure !== undefined) next.onFailure(failure)
  }

  return {
    state: () => state,
    failure: () => failure,
    count: () => count,
    work: () => {
      worked++
    },
    worked: () => worked,
    emit,
    fail,
    observe,
    read,
    started: Deferred.await(started)
  }
}

/** The same turn, whose failure is told as this; `tell` gives the same for the same. */
export const mapFailure = (turn: Turn, tell: (error: TurnError) => TurnError): Turn => ({
  ...turn,
  failure: () => {
    const failure = turn.failure()
    return failure === undefined ? undefined : tell(failure)
  },
  read: ({ onEvent, onFailure }) => turn.read({ onEvent, onFailure: (error) => onFailure(tell(error)) }),
  started: Effect.mapError(turn.started, tell)
})

/** The portable reading: buffers no more than `capacity` characters between two pulls. */
export const toStream = (turn: Turn, capacity = MOST_HELD): Stream.Stream<ChatEvent, TurnError> =>
  Stream.unwrap(
    Effect.sync(() => {
      let buffer: Array<ChatEvent> = []
      let held = 0
      let end: Effect.Effect<never, Option.Option<TurnError>> | undefined
      let wake: (() => void) | undefined
      const poke = () => {
        const waiting = wake
        wake = undefined
        waiting?.()
      }
      turn.read({
        onEvent: (event) => {
          if (end !== undefined) return
          held += sizeOf(event)
          if (held > capacity) {
            const error = new BackendFailure({ instance: "", started: true, detail: "the reader fell behind" })
            // Told here: a turn that is finished by this very event takes no failure any more.
            end = Effect.fail(Option.some(error))
            turn.fail(error)
            poke()
            return
          }
          buffer.push(event)
          if (event._tag === "Finish") end = Effect.fail(Option.none())
          poke()
        },
        onFailure: (error) => {
          end ??= Effect.fail(Option.some(error))
          poke()
        }
      })
      const take: Effect.Effect<Chunk.Chunk<ChatEvent>, Option.Option<TurnError>> = Effect.suspend(() => {
        if (buffer.length > 0) {
          const chunk = Chunk.unsafeFromArray(buffer)
          buffer = []
          held = 0
          return Effect.succeed(chunk)
        }
        return (
          end ??
          Effect.async<Chunk.Chunk<ChatEvent>, Option.Option<TurnError>>((resume) => {
            wake = () => resume(take)
          })
        )
      })
      return Stream.repeatEffectChunkOption(take)
    })
  )

/** A turn fed by a stream, for backends that have one; a stream that ends without `Finish` is a failure. */
export const fromStream = Effect.fnUntraced(function* (
  stream: Stream.Stream<ChatEvent, TurnError>,
  options: TurnOptions
): Effect.fn.Return<Turn, never, Scope.Scope> {
  const turn = make(options)
  const broken = (detail: string) =>
    turn.fail(new BackendFailure({ instance: options.instance, started: true, detail }))
  yield* Stream.runForEach(stream, (event) => Effect.sync(() => turn.emit(event))).pipe(
    Effect.either,
    Effect.map((end) => (Either.isLeft(end) ? turn.fail(end.left) : broken("the answer ended without a finish"))),
    Effect.catchAllDefect((defect) => Effect.sync(() => broken(String(defect)))),
    Effect.forkScoped
  )
  return turn
})
