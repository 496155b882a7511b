/**
 * An answer over a socket: a stream as one message for each of its events, anything else as one message.
 */
import type * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import { Effect } from "effect"
import type { Source } from "../server/Sse.ts"
import type { Protocol } from "./Protocol.ts"

const DATA = "data: "

/** What the frames of a piece of a stream hold; a piece has whole frames. */
const events = (text: string): ReadonlyArray<string> =>
  text.split("\n").flatMap((line) => (line.startsWith(DATA) ? [line.slice(DATA.length)] : []))

const textOf = ({ body }: HttpServerResponse.HttpServerResponse): string =>
  body._tag === "Uint8Array" ? Buffer.from(body.body).toString() : ""

export interface DeliverOptions {
  readonly send: (text: string) => void
  /** What was sent must not look whole. */
  readonly terminate: () => void
}

/** Sends the first text changed, and the others as they are. */
const onFirst = (send: DeliverOptions["send"], change: (text: string) => string): DeliverOptions["send"] => {
  let isFirst = true
  return (text) => {
    send(isFirst ? change(text) : text)
    isFirst = false
  }
}

const stream = (source: Source, { send, terminate }: DeliverOptions): Effect.Effect<void> =>
  Effect.async<void>((resume) => {
    let isOver = false
    const write = (text: string) => events(text).forEach(send)
    const finish = (exit: Effect.Effect<void>) => {
      isOver = true
      resume(exit)
    }
    const stop = source({
      write: (text) => {
        if (!isOver) write(text)
      },
      end: () => finish(Effect.void),
      crash: (defect, last) => {
        if (last === undefined) terminate()
        else write(last)
        finish(Effect.die(defect))
      }
    })
    return Effect.sync(() => {
      isOver = true
      stop()
    })
  }).pipe(Effect.interruptible)

export const deliver = (
  response: HttpServerResponse.HttpServerResponse,
  source: Source | undefined,
  { fromAnswer, headed }: Pick<Protocol, "fromAnswer" | "headed">,
  options: DeliverOptions
): Effect.Effect<void> =>
  source === undefined
    ? Effect.sync(() => {
        const { headers, status } = response
        options.send(fromAnswer({ status, headers, body: textOf(response) }))
      })
    : stream(source, { ...options, send: onFirst(options.send, (text) => headed(text, response.headers)) })
