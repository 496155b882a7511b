/**
 * The state of the gateway live: one producer for all readers, which makes each text once and writes the same to all.
 *
 * It rests while nobody reads, and 150 times as long as its own work took. A reader that has not taken what it got is left
 * out until it has, and then gets the newest state.
 */
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import { Duration, Effect } from "effect"
import { Chat } from "../../../chat/Chat.ts"
import { LiveSettings } from "../../../config/LiveSettings.ts"
import type { ChatRecord } from "../../../observe/Metrics.ts"
import * as Rows from "../../../team/ledger/Rows.ts"
import { failure } from "../../dialects/openai/OpenAiFailure.ts"
import { Auth } from "../../edge/Auth.ts"
import { Drain } from "../../server/Drain.ts"
import * as Sse from "../../server/Sse.ts"
import * as Changes from "./Changes.ts"
import type { Overview } from "./Overview.ts"
import { toRow } from "./ToRow.ts"

/** Most readers at once. */
export const MOST_READERS = 128
/** Shortest time between two texts. */
const INTERVAL = 1000
/** So many times as long as its work took, it rests: the sockets have some more work behind it. */
const REST = 150
/** Texts apart, it is looked whether the keys of readers are still good. */
const CHECK_EVERY = 5
/** Longest silence, whatever GATEWAY_KEEPALIVE_SEC says: the page takes a longer one for a connection that is lost. */
const LONGEST_SILENCE = 15_000
/** Most ended chats of one text. */
const MOST_CHATS = 100

interface Reader {
  readonly request: HttpServerRequest.HttpServerRequest
  readonly sink: Sse.Sink
  /** Chats that it was not told of. */
  missed: number
  /** It was left out, and has an older state. */
  isStale: boolean
}

/** In characters of one byte: a text with others is encoded anew for each reader. */
const ascii = (json: string) =>
  json.replace(/[\u0080-\uffff]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`)
const event = (name: string, json: string) => `event: ${name}\ndata: ${json}\n\n`

const tooMany = failure(
  429,
  "Too many pages are open already, please close some",
  { type: "rate_limit_error", code: "too_many_readers" },
  { "retry-after": "10", "retry-after-ms": "10000" }
)

export const make = Effect.fnUntraced(function* (overview: Effect.Effect<Overview>) {
  const { live } = yield* Chat
  const auth = yield* Auth
  const drain = yield* Drain
  const settings = yield* LiveSettings.get
  const clock = yield* Effect.clock
  const now = () => Number(clock.unsafeCurrentTimeNanos()) / 1e6
  const readers = new Set<Reader>()
  const busy = yield* Effect.makeLatch(false)
  let stopWatching = () => {}
  let chats: Array<ChatRecord> = []
  let lost = 0
  /** The last state, which every reader has that is not stale; and its text, without what differs each time. */
  let state: Overview | undefined
  let seen = ""
  let latest = ""
  let madeAt = Number.NEGATIVE_INFINITY
  let wroteAt = 0
  let texts = 0
  /** It was made for a new reader, and not told the others. */
  let isUntold = false

  /** Whether it differs from the one before. */
  const look = Effect.map(overview, (found) => {
    const { now: time, oldest_wait_ms, uptime_seconds, ...rest } = found
    const body = ascii(JSON.stringify(rest))
    const clocks = JSON.stringify({ now: time, uptime_seconds, oldest_wait_ms })
    madeAt = now()
    latest = event("overview", `${clocks.slice(0, -1)},${body.slice(1)}`)
    if (body === seen) return false
    seen = body
    state = found
    return true
  })

  const write = (reader: Reader, text: string, n: number) => {
    if (reader.sink.isBehind?.() === true) {
      reader.isStale = true
      reader.missed += n
      return
    }
    if (!reader.isStale) return reader.sink.write(text)
    const missed = reader.missed + n
    reader.isStale = false
    reader.missed = 0
    reader.sink.write((missed > 0 ? event("missed", JSON.stringify({ chats: missed })) : "") + latest)
  }

  const leave = (reader: Reader) => {
    if (!readers.delete(reader) || readers.size > 0) return
    busy.unsafeClose()
    stopWatching()
    stopWatching = () => {}
    chats = []
    lost = 0
  }

  /** A sink that is ended from here does not say that its reader has left. */
  const check = Effect.forEach(
    readers,
    (reader) =>
      Effect.catchAll(auth.admin(reader.request), () =>
        Effect.sync(() => {
          leave(reader)
          reader.sink.end()
        })
      ),
    { discard: true }
  )

  const tick = Effect.gen(function* () {
    const begun = now()
    if (++texts % CHECK_EVERY === 0) yield* check
    const known = state
    const hasChanged = (yield* look) || isUntold
    // One that joined has a state that the others have not, perhaps since this look began.
    const before = isUntold ? undefined : known
    isUntold = false
    const told = chats.map((chat) => event("chat", ascii(JSON.stringify(toRow(Rows.of(chat, ""))))))
    const n = told.length + lost
    if (lost > 0) told.push(event("missed", JSON.stringify({ chats: lost })))
    chats = []
    lost = 0
    const news =
      before === undefined || state === undefined
        ? latest
        : event("changes", ascii(JSON.stringify(Changes.between(before, state))))
    let text = told.join("") + (hasChanged ? news : "")
    const at = now()
    const isSilent =
      text === "" && at - wroteAt >= Math.min(Duration.toMillis(settings.current.keepAlive), LONGEST_SILENCE)
    if (isSilent) text = ":\n\n"
    for (const reader of readers) if (text !== "" || reader.isStale) write(reader, text, n)
    if (text !== "") wroteAt = at
    // What was written goes to the sockets in microtasks, and is the most of the work.
    yield* Effect.promise(() => Promise.resolve())
    return Math.max(INTERVAL, REST * (now() - begun))
  })
  yield* busy.await.pipe(
    Effect.zipRight(tick),
    Effect.catchAllCause((cause) => Effect.as(Effect.logWarning("no events for dashboards", cause), 10 * INTERVAL)),
    Effect.flatMap((millis) => Effect.sleep(millis)),
    Effect.forever,
    Effect.interruptible,
    Effect.forkScoped
  )

  const join = (reader: Reader) => {
    if (readers.size === 0) {
      stopWatching = live.watch((chat) => {
        if (chats.length < MOST_CHATS) chats.push(chat)
        else lost++
      })
    }
    readers.add(reader)
    busy.unsafeOpen()
  }
  const endAll = () => {
    for (const reader of readers) {
      leave(reader)
      reader.sink.end()
    }
  }
  yield* Effect.acquireRelease(
    Effect.sync(() => drain.onBegun(endAll)),
    (off) => Effect.sync(off)
  )

  const response = Effect.gen(function* () {
    if (readers.size >= MOST_READERS) return yield* tooMany
    const request = yield* HttpServerRequest.HttpServerRequest
    if (now() - madeAt >= INTERVAL && (yield* look)) isUntold = true
    return Sse.response((sink) => {
      const reader: Reader = { request, sink, missed: 0, isStale: false }
      if (readers.size >= MOST_READERS || drain.isDraining()) {
        sink.end()
        return () => {}
      }
      join(reader)
      // Of now: one that was made meanwhile has been told the others, and is not told again.
      sink.write(latest)
      return () => leave(reader)
    }, {})
  })
  return { response, readers: () => readers.size }
})
