/**
 * Server-sent events as a push source: text is written to a sink, which may join writes.
 *
 * `SseWriter` (Node) and `toStream` (elsewhere) consume the same source, so their output is the same.
 */
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import { Cause, Chunk, Effect, Option, Stream } from "effect"

/** Max buffered characters per reader. */
export const CAPACITY = 1 << 20

export interface Sink {
  readonly write: (text: string) => void
  /** Whether something of what was written has not been taken yet, for a source that may leave out the next text. */
  readonly isBehind?: () => boolean
  /** Must be called after the last write. */
  readonly end: () => void
  /** On a defect: ends with `last` if possible, else aborts, so that the response does not look complete. */
  readonly crash: (defect: unknown, last?: string) => void
}

/** Starts pushing, possibly synchronously; returns a function that stops it. Nothing is pushed afterwards. */
export type Source = (sink: Sink) => () => void

/** A response body that is a source; sent by `Send`. */
export class SseBody {
  readonly source: Source
  constructor(source: Source) {
    this.source = source
  }
}

const HEADERS = {
  "content-type": "text/event-stream; charset=utf-8",
  "cache-control": "no-cache, no-transform",
  "x-accel-buffering": "no"
}

export const response = (
  source: Source,
  headers: Readonly<Record<string, string>>
): HttpServerResponse.HttpServerResponse =>
  HttpServerResponse.raw(new SseBody(source), {
    status: 200,
    headers: { ...HEADERS, ...headers },
    contentType: HEADERS["content-type"]
  })

/**
 * The source as a stream: each pull returns everything since the last one. A single burst may exceed `CAPACITY`, as
 * after a withheld answer; a reader that has not taken it when more arrives is too slow.
 */
export const toStream = (source: Source): Stream.Stream<Uint8Array> =>
  Stream.suspend(() => {
    const encoder = new TextEncoder()
    let buffer = ""
    let end: Effect.Effect<never, Option.Option<never>> | undefined
    let wake: (() => void) | undefined
    /** The buffer has been over capacity since an earlier turn of the event loop. */
    let isLate = false
    let timer: ReturnType<typeof setTimeout> | undefined
    const poke = () => {
      const waiting = wake
      wake = undefined
      waiting?.()
    }
    const finish = (how: NonNullable<typeof end>) => {
      end ??= how
      poke()
    }
    const look = () => {
      timer = undefined
      isLate = buffer.length > CAPACITY
    }
    const crash = (defect: unknown, last?: string) => {
      if (last === undefined) {
        buffer = ""
        return finish(Effect.die(defect))
      }
      buffer += last
      // The sender cannot handle the error, so it is logged here.
      finish(Effect.zipRight(Effect.logError("internal error", Cause.die(defect)), Effect.fail(Option.none())))
    }
    const stop = source({
      write: (text) => {
        if (end !== undefined) return
        if (isLate) return crash(new Error("the reader fell behind"))
        buffer += text
        // The next turn of the event loop, not a time.
        if (buffer.length > CAPACITY) timer ??= setTimeout(look)
        poke()
      },
      end: () => finish(Effect.fail(Option.none())),
      isBehind: () => buffer !== "",
      crash
    })
    const take: Effect.Effect<Chunk.Chunk<Uint8Array>, Option.Option<never>> = Effect.suspend(() => {
      if (buffer !== "") {
        const text = buffer
        buffer = ""
        isLate = false
        return Effect.succeed(Chunk.of(encoder.encode(text)))
      }
      return (
        end ??
        Effect.async<Chunk.Chunk<Uint8Array>, Option.Option<never>>((resume) => {
          wake = () => resume(take)
        })
      )
    })
    return Stream.ensuring(
      Stream.repeatEffectChunkOption(take),
      Effect.sync(() => {
        clearTimeout(timer)
        stop()
      })
    )
  })
