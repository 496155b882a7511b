/**
 * Writes a source to a Node response: straight from the callback, joined per microtask, no fiber step per token.
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

/** The shortest SSE comment. */
const COMMENT = ":\n\n"

/** Like `queueMicrotask`, without its overhead for async hooks. */
const soon = Promise.resolve()

/** Sets a timeout for the unsent rest of an ended response. Node sets its own once everything is sent. */
export const linger = (response: ServerResponse, patience = Unread.PATIENCE): void => {
  if (response.writableFinished) return
  wait(response, patience)
  Eviction.markUnread(response)
}

/** Completes when the last byte was passed to the socket; the headers must have been written. */
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
      // The platform considers an ended response as answered.
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
    // Nothing was sent for a while: probe whether the client is still connected.
    const onProbe = () => {
      if (buffer === "") buffer = COMMENT
      flush()
    }
    response.on(PeerProbe.PROBE, onProbe)
    // A write after the close must not crash the process.
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
      isBehind: () => stalled || buffer !== "",
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
