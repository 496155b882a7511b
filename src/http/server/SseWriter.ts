/**
 * The Node reading of a source: from the callback to the socket, joined per microtask, no fiber step per token.
 */
import type { ServerResponse } from "node:http"
import { Effect } from "effect"
import * as ChunkedBody from "./ChunkedBody.ts"
import * as ClientGone from "./ClientGone.ts"
import * as Eviction from "./Eviction.ts"
import { ignore } from "./NodeRequest.ts"
import * as PeerProbe from "./PeerProbe.ts"
import type { Source } from "./Sse.ts"
import * as Unread from "./Unread.ts"

const wait = (response: ServerResponse, patience: number) =>
  response.socket?.setTimeout(Unread.patienceFor(response.writableLength, patience))

/** Shortest of all comments. */
const COMMENT = ":\n\n"

/** A microtask, without what `queueMicrotask` keeps for those who trace it. */
const soon = Promise.resolve()

/** Once ended, the socket alone holds what is left, and not for ever. Node sets its own time when all is sent. */
export const linger = (response: ServerResponse, patience = Unread.PATIENCE): void => {
  if (response.writableFinished) return
  wait(response, patience)
  Eviction.markUnread(response)
}

/** Ends when the last byte was handed over; the head must be written already. */
export const write = (
  response: ServerResponse,
  source: Source,
  all: Unread.Backlog,
  patience = Unread.PATIENCE
): Effect.Effect<void> =>
  Effect.async<void>((resume) => {
    let buffer = ""
    let over = false
    let stalled = false
    let scheduled = false
    let stop = () => {}
    const { held, hold, isTooMuch } = Unread.part(all)

    const cut = (exit: Effect.Effect<void>) => {
      over = true
      response.off(PeerProbe.PROBE, onProbe)
      buffer = ""
      hold(0)
      body.stop()
      response.destroy()
      // Platform takes a response that has ended for one that is answered.
      response.end()
      resume(exit)
    }
    const finish = (last: string, exit: Effect.Effect<void>) => {
      over = true
      response.off(PeerProbe.PROBE, onProbe)
      body.stop()
      if (response.destroyed) response.end()
      else body.end(buffer + last)
      hold(response.writableFinished ? 0 : response.writableLength)
      if (held() > 0) response.once("close", () => hold(0))
      linger(response, patience)
      resume(exit)
    }
    const flush = () => {
      scheduled = false
      if (over || stalled || buffer === "" || response.destroyed) return
      const text = buffer
      buffer = ""
      if (body.write(text)) return
      stalled = true
      wait(response, patience)
    }
    const onDrain = () => {
      stalled = false
      hold(0)
      response.socket?.setTimeout(0)
      flush()
    }
    const body = ChunkedBody.make(response, onDrain)
    // Nothing was said for a while, and nobody knows whether the client is still there.
    const onProbe = () => {
      if (buffer === "") buffer = COMMENT
      flush()
    }
    response.on(PeerProbe.PROBE, onProbe)
    // A write that loses the race against a close must not end the process.
    response.on("error", ignore)
    stop = source({
      write: (text) => {
        if (over) return
        buffer += text
        if (stalled) {
          hold(buffer.length + response.writableLength)
          if (isTooMuch()) {
            stop()
            cut(ClientGone.leave)
          }
        } else if (!scheduled) {
          scheduled = true
          void soon.then(flush)
        }
      },
      end: () => {
        if (!over) finish("", Effect.void)
      },
      crash: (defect, last) => {
        if (over) return
        if (last === undefined) cut(Effect.die(defect))
        else finish(last, Effect.die(defect))
      }
    })
    flush()
    return Effect.sync(() => {
      stop()
      if (!over) cut(Effect.void)
    })
  }).pipe(Effect.interruptible)
