import { assert, describe, it } from "@effect/vitest"
import { Effect, Redacted, type Scope } from "effect"
import { finish, textDelta } from "../../../../src/domain/Chat.ts"
import { MOST_READERS } from "../../../../src/http/admin/dashboard/Broadcast.ts"
import * as TestBackend from "../../../support/TestBackend.ts"
import * as TestGateway from "../../../support/TestGateway.ts"

interface Event {
  readonly name: string
  readonly data: Readonly<Record<string, unknown>>
}

/** A page that reads events; they are taken one by one. */
const reader = (
  base: string,
  headers: Record<string, string> = {}
): Effect.Effect<
  {
    readonly status: number
    readonly next: (name: string) => Effect.Effect<Event>
    readonly ended: Effect.Effect<void>
  },
  never,
  Scope.Scope
> =>
  Effect.gen(function* () {
    const abort = yield* Effect.acquireRelease(
      Effect.sync(() => new AbortController()),
      (controller) => Effect.sync(() => controller.abort())
    )
    const response = yield* Effect.promise(() => fetch(`${base}/internal/events`, { headers, signal: abort.signal }))
    const body = response.body!.getReader()
    const decoder = new TextDecoder()
    let text = ""
    const more = Effect.promise(async () => {
      const { done, value } = await body.read()
      text += decoder.decode(value, { stream: true })
      return done
    })
    const take = (): Event | undefined => {
      const end = text.indexOf("\n\n")
      if (end < 0) return undefined
      const [, name, data] = /^event: (\w+)\ndata: (.*)$/.exec(text.slice(0, end)) ?? []
      text = text.slice(end + 2)
      return name === undefined ? { name: "comment", data: {} } : { name, data: JSON.parse(data ?? "") }
    }
    const next = (name: string): Effect.Effect<Event> =>
      Effect.suspend(() => {
        for (let event = take(); event !== undefined; event = take())
          if (event.name === name) return Effect.succeed(event)
        return Effect.flatMap(more, (isDone) => (isDone ? Effect.dieMessage("the events ended") : next(name)))
      })
    const ended = Effect.asVoid(Effect.repeat(more, { until: (isDone) => isDone }))
    return { status: response.status, next, ended }
  })

const hello = { model: "auto", messages: [{ role: "user", content: "hi" }], stream: true }

describe("Events of the dashboard", () => {
  it.scopedLive("tell the state at once and when it changes, and each chat that has ended", () =>
    Effect.gen(function* () {
      const scripted = TestBackend.make(TestBackend.say("Hel", "lo"))
      const { base, chat } = yield* TestGateway.serve(scripted)
      const [a, b] = yield* Effect.all([reader(base), reader(base)])
      for (const { next } of [a, b]) assert.deepInclude((yield* next("overview")).data, { size: 1, streams_total: 0 })
      yield* chat(hello)
      for (const { next } of [a, b]) {
        const { data } = yield* next("chat")
        assert.deepInclude(data, { outcome: "completed", model: "auto", key: "anonymous" })
        const { data: state } = yield* next("changes")
        assert.deepInclude((state["instances"] as ReadonlyArray<object>)[0], { chats_today: 1 })
      }
    })
  )

  it.scopedLive("show a chat while it runs", () =>
    Effect.gen(function* () {
      const scripted = TestBackend.make(TestBackend.silent)
      const { base, chat } = yield* TestGateway.serve(scripted)
      const { next } = yield* reader(base)
      yield* next("overview")
      const running = yield* Effect.fork(chat(hello))
      const turn = yield* scripted.turns.take
      const streams = Effect.map(next("changes"), ({ data }) => data["streams"] as ReadonlyArray<object>)
      const [stream] = yield* Effect.repeat(streams, { until: ({ length }) => length > 0 })
      assert.deepInclude(stream, { phase: "waiting", instance: "inst-0", key: "anonymous" })
      turn.emit(textDelta("Hello"))
      turn.emit(finish("stop"))
      yield* running
    })
  )

  it.scopedLive("end when the gateway drains, and do not hold it up", () =>
    Effect.gen(function* () {
      const { base, close } = yield* TestGateway.serve(TestBackend.make())
      const { ended, next } = yield* reader(base)
      yield* next("overview")
      yield* Effect.fork(close)
      yield* Effect.timeout(ended, "3 seconds")
    })
  )

  it.scopedLive("are refused to more readers than there may be, until one leaves", () =>
    Effect.gen(function* () {
      const { base, request } = yield* TestGateway.serve(TestBackend.make())
      yield* Effect.scoped(
        Effect.gen(function* () {
          const readers = yield* Effect.all(
            Array.from({ length: MOST_READERS }, () => reader(base)),
            { concurrency: 16 }
          )
          assert.isTrue(readers.every(({ status }) => status === 200))
          const refused = yield* request("/internal/events")
          assert.deepStrictEqual([refused.status, refused.json.error?.code], [429, "too_many_readers"])
        })
      )
      yield* reader(base).pipe(
        Effect.scoped,
        Effect.zipLeft(Effect.sleep("10 millis")),
        Effect.repeat({ until: ({ status }) => status === 200 }),
        Effect.timeout("10 seconds")
      )
    })
  )

  it.scopedLive("need an admin key", () =>
    Effect.gen(function* () {
      const { base } = yield* TestGateway.serve(TestBackend.make(), { apiKeys: [Redacted.make("a-key-of-clients-1")] })
      assert.strictEqual((yield* reader(base)).status, 401)
      assert.strictEqual((yield* reader(base, { "x-api-key": "a-key-of-clients-1" })).status, 200)
    })
  )
})
