/**
 * Turns a running chat into an HTTP response for any dialect: whole, or as an SSE stream with keep-alives.
 *
 * Events go by callback from the turn to the encoder, so no fiber runs per token.
 */
import type * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import { Cause, Clock, Duration, Effect, Either, ExecutionStrategy, Exit, Fiber, Option, Scope } from "effect"
import type { ChatRun } from "../../chat/Chat.ts"
import type { ChatEvent } from "../../domain/Chat.ts"
import { type ChatError, ShuttingDown } from "../../domain/ChatError.ts"
import * as Scoped from "../../runtime/Scoped.ts"
import { Broken, KeyRefused } from "../edge/EdgeError.ts"
import * as RequestLog from "../edge/RequestLog.ts"
import type { Drain } from "../server/Drain.ts"
import * as Sse from "../server/Sse.ts"

export type Open = Effect.Effect<ChatRun, ChatError, Scope.Scope>

export interface AnswerOptions {
  readonly drain: Pick<typeof Drain.Service, "onForced">
}

export interface StreamOptions {
  readonly open: Open
  readonly headers: (run: ChatRun) => Readonly<Record<string, string>>
  /** Called once per response; encodes each event as text. */
  readonly encode: (run: ChatRun) => (event: ChatEvent) => string
  /** Encodes the last frame of a stream that breaks. */
  readonly failure: (error: ChatError | Broken | KeyRefused) => string
  /** Calls `stop` if the key of the request is revoked; the result ends that. */
  readonly onRevoked?: ((stop: () => void) => () => void) | undefined
  /** Silence after which a keep-alive is sent, from the request's arrival. */
  readonly silence: Duration.Duration
  /** Keep-alive event in place of a comment, for clients that ignore comments. */
  readonly keepAlive?: () => string
}

export interface Fold {
  readonly add: (event: ChatEvent) => void
}

/** Names the answering instance. */
export const headersOf = (run: ChatRun): Readonly<Record<string, string>> => ({
  "x-lingma-instance": run.servedBy,
  ...(run.emulated ? { "x-lingma-emulated": "true" } : {})
})

const COMMENT = ": keep-alive\n\n"
/** The keep-alive is checked at a fifth of its interval, so that tokens re-arm no timer. */
const LOOKS = 5

/** The error encoder itself may have been what failed. */
const lastWords = ({ failure }: StreamOptions): string | undefined => {
  try {
    return failure(new Broken())
  } catch {
    return undefined
  }
}

interface Opening {
  readonly fiber: Fiber.RuntimeFiber<ChatRun, ChatError>
  /** Owns what the chat acquires. */
  readonly scope: Scope.CloseableScope
  /** How a stream broke, if it did; once the response has started, the request itself succeeds. */
  broken: Exit.Exit<never, unknown> | undefined
}

const stop = ({ fiber }: Opening) =>
  Effect.suspend(() => (fiber.unsafePoll() === null ? Fiber.interrupt(fiber) : Effect.void))

/** Closes the chat's scope with its outcome. */
const giveBack = (opening: Opening, exit: Exit.Exit<unknown, unknown>) =>
  Effect.zipRight(stop(opening), Scoped.close(opening.scope, exit))

/** The same once the response is decided: a failing finalizer is only logged. */
const giveBackQuietly = (opening: Opening, exit: Exit.Exit<unknown, unknown>) =>
  Effect.catchAllCause(giveBack(opening, exit), (cause) => Effect.logError("internal error", cause))

/** Forks a fiber in a child of the request's scope; it is interrupted before that scope closes. */
const fork = Effect.fnUntraced(function* (open: Open): Effect.fn.Return<Opening, never, Scope.Scope> {
  const outer = yield* Effect.scope
  const scope = yield* Scope.fork(outer, ExecutionStrategy.sequential)
  const fiber = yield* Effect.forkDaemon(
    Effect.interruptible(Scoped.extendFiber(Effect.tap(open, RequestLog.answeredBy), scope))
  )
  const opening: Opening = { fiber, scope, broken: undefined }
  yield* Scope.addFinalizerExit(outer, (exit) => giveBackQuietly(opening, opening.broken ?? exit))
  return opening
}, Effect.uninterruptible)

export const make = ({ drain }: AnswerOptions) => {
  const source =
    (opened: Opening, options: StreamOptions): Sse.Source =>
    (sink) => {
      const { fiber: opening } = opened
      let over = false
      const close = () => {
        over = true
        clearInterval(timer)
        release()
        unwatch?.()
        opening.removeObserver(onExit)
      }
      let silent = 0
      // Node's timer, not a fiber: one for each stream.
      const timer = setInterval(() => {
        if (++silent < LOOKS) return
        silent = 0
        sink.write(options.keepAlive?.() ?? COMMENT)
      }, Duration.toMillis(options.silence) / LOOKS)
      const fail = (error: ChatError | KeyRefused) => {
        if (over) return
        close()
        sink.write(options.failure(error))
        sink.end()
      }
      const crash = (defect: unknown) => {
        if (over) return
        close()
        opened.broken = Exit.die(defect)
        sink.crash(defect, lastWords(options))
      }
      const end = (error: ChatError | KeyRefused) => {
        if (!over) opened.broken = Exit.fail(error)
        fail(error)
      }
      const release = drain.onForced(() => end(new ShuttingDown()))
      const unwatch = options.onRevoked?.(() => end(new KeyRefused({ reason: "revoked" })))
      const attach = (run: ChatRun) => {
        const encode = options.encode(run)
        run.turn.read({
          onEvent: (event) => {
            if (over) return
            // An exception would reach the backend's own callback.
            try {
              const text = encode(event)
              if (text !== "") {
                silent = 0
                sink.write(text)
              }
            } catch (defect) {
              return crash(defect)
            }
            if (event._tag === "Finish") {
              close()
              sink.end()
            }
          },
          onFailure: fail
        })
      }
      const onExit = (exit: Exit.Exit<ChatRun, ChatError>) => {
        if (Exit.isSuccess(exit)) attach(exit.value)
        else
          Either.match(Cause.failureOrCause(exit.cause), {
            onLeft: fail,
            onRight: (cause) => crash(Cause.squash(cause))
          })
      }
      if (opening.unsafePoll() === null) sink.write(options.keepAlive?.() ?? COMMENT)
      opening.addObserver(onExit)
      return () => {
        if (!over) close()
      }
    }

  /** The result of `open`, or none if `patience` ends first. */
  const outcome = ({ fiber: opening }: Opening, patience?: number) =>
    Effect.async<Option.Option<ChatRun>, ChatError>((resume) => {
      const done = (result: Effect.Effect<Option.Option<ChatRun>, ChatError>) => {
        stop()
        resume(result)
      }
      const onExit = (exit: Exit.Exit<ChatRun, ChatError>) => done(Exit.map(exit, Option.some))
      // Node's timer: `Effect.timeout` costs two fibers per chat.
      const timer = patience === undefined ? undefined : setTimeout(() => done(Effect.succeedNone), patience)
      const release = drain.onForced(() => done(new ShuttingDown()))
      const stop = () => {
        clearTimeout(timer)
        release()
        opening.removeObserver(onExit)
      }
      opening.addObserver(onExit)
      return Effect.sync(stop)
    })

  /**
   * Status and headers are sent with the first event or keep-alive, so an early failure has a real status. What `open`
   * acquires is owned by the request's scope until the last byte was written.
   */
  const stream = Effect.fnUntraced(function* (
    options: StreamOptions
  ): Effect.fn.Return<HttpServerResponse.HttpServerResponse, ChatError, Scope.Scope> {
    const opening = yield* fork(options.open)
    const run = yield* Effect.onError(outcome(opening, Duration.toMillis(options.silence)), (cause) =>
      giveBackQuietly(opening, Exit.failCause(cause))
    )
    const headers = Option.match(run, { onNone: () => ({}), onSome: options.headers })
    return Sse.response(source(opening, options), headers)
  })

  const finished = (run: ChatRun, add: (event: ChatEvent) => void) =>
    Effect.async<void, ChatError>((resume) => {
      const done = (result: Effect.Effect<void, ChatError>) => {
        release()
        resume(result)
      }
      const release = drain.onForced(() => done(new ShuttingDown()))
      run.turn.read({
        onEvent: (event) => {
          try {
            add(event)
          } catch (defect) {
            return done(Effect.die(defect))
          }
          if (event._tag === "Finish") done(Effect.void)
        },
        onFailure: done
      })
      return Effect.sync(release)
    })

  /** Folds the events as they arrive. Everything is released before the response is written. */
  const whole = <F extends Fold>(open: Open, make: (run: ChatRun) => F) =>
    Effect.flatMap(Effect.zip(Clock.currentTimeNanos, fork(open)), ([began, opening]) =>
      outcome(opening).pipe(
        Effect.flatMap(Option.match({ onNone: () => Effect.dieMessage("no outcome"), onSome: Effect.succeed })),
        Effect.flatMap((run) => {
          const fold = make(run)
          return Effect.as(finished(run, fold.add), { run, fold })
        }),
        Effect.onExit((exit) => (Exit.isSuccess(exit) ? giveBack(opening, exit) : giveBackQuietly(opening, exit))),
        Effect.zipWith(Clock.currentTimeNanos, (answer, now) => ({ ...answer, millis: Number(now - began) / 1e6 }))
      )
    )

  return { stream, whole }
}
