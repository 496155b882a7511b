/**
 * Server-sent events as a body that pushes: text goes to a sink as it comes, joined by whoever owns the sink.
 *
 * Both readings, `SseWriter` on Node and `toStream` elsewhere, sit on the same source, so they cannot differ.
 */
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import { Cause, Chunk, Effect, Option, Stream } from "effect"

/** Most characters that may wait for a reader. */
export const CAPACITY = 1 << 20

export interface Sink {
  readonly write: (text: string) => void
  /** After the last write. */
  readonly end: () => void
  /** For bugs: what was sent must not look whole. It ends with `last`, or without an end where nothing can be said. */
  readonly crash: (defect: unknown, last?: string) => void
}

/** Begins to push, possibly at once; the answer stops it. Never pushes after `end`, `crash` or a stop. */
export type Source = (sink: Sink) => () => void

/** A response whose body is a source. `Send` knows how to deliver it. */
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
 * The portable reading: what came since the last pull, as one piece. A burst may be larger than `CAPACITY`, as after an
 * answer that was withheld; a reader that still leaves it there when more comes has fallen behind.
 */
export const toStream = (source: Source): Stream.Stream<Uint8Array> =>
  Stream.suspend(() => {
    const encoder = new TextEncoder()
    let buffer = ""
    let end: Effect.Effect<never, Option.Option<never>> | undefined
    let wake: (() => void) | undefined
    /** Too much has waited since an earlier turn of the event loop. */
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
      // Whoever sends has no way to end well what failed: it is logged here.
      finish(Effect.zipRight(Effect.logError("request broken", Cause.die(defect)), Effect.fail(Option.none())))
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
