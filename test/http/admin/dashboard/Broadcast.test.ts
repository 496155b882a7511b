import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Layer, Option, TestClock } from "effect"
import * as Changes from "../../../../dashboard/state/Changes.ts"
import { GatewayConfig } from "../../../../src/config/Config.ts"
import { fixed, type Live, LiveSettings } from "../../../../src/config/LiveSettings.ts"
import * as Broadcast from "../../../../src/http/admin/dashboard/Broadcast.ts"
import type { Overview } from "../../../../src/http/admin/dashboard/Overview.ts"
import { Auth } from "../../../../src/http/edge/Auth.ts"
import { KeyRefused } from "../../../../src/http/edge/EdgeError.ts"
import { Drain } from "../../../../src/http/server/Drain.ts"
import { SseBody } from "../../../../src/http/server/Sse.ts"
import * as TestBackend from "../../../support/TestBackend.ts"
import { gateway, whole } from "../../../support/TestChat.ts"
import * as TestGateway from "../../../support/TestGateway.ts"

const state = {
  now: "",
  uptime_seconds: 0,
  oldest_wait_ms: null,
  version: "é",
  queued: 0,
  streams: []
} as unknown as Overview

/** A producer over a state that the test changes, and readers that say how far they are. */
const make = Effect.gen(function* () {
  let queued = 0
  let looks = 0
  let work = 0
  const overview = Effect.suspend(() => {
    looks++
    const streams = Array.from({ length: queued }, (_, i) => ({ id: `${i}`, phase: "streaming", tokens: queued }))
    const now = { ...state, uptime_seconds: looks, queued, streams } as unknown as Overview
    return work === 0 ? Effect.succeed(now) : Effect.as(Effect.sleep(work), now)
  })
  const broadcast = yield* Broadcast.make(overview)
  const join = (meanwhile: Effect.Effect<void> = Effect.void) =>
    Effect.gen(function* () {
      const texts: Array<string> = []
      const reader = { texts, isBehind: false, ended: false, leave: () => {} }
      const request = HttpServerRequest.fromWeb(new Request("http://127.0.0.1/internal/events"))
      const { body } = yield* Effect.provideService(broadcast.response, HttpServerRequest.HttpServerRequest, request)
      const sent = Option.fromNullable(body._tag === "Raw" && body.body instanceof SseBody ? body.body : undefined)
      yield* meanwhile
      reader.leave = Option.getOrThrow(sent).source({
        write: (text) => void texts.push(text),
        isBehind: () => reader.isBehind,
        end: () => {
          reader.ended = true
        },
        crash: () => {}
      })
      return reader
    })
  return {
    join,
    looks: () => looks,
    change: () => {
      queued++
    },
    takes: (millis: number) => {
      work = millis
    },
    readers: broadcast.readers
  }
})

const layer = Layer.mergeAll(
  gateway(TestBackend.make().backend),
  Drain.layer,
  Layer.succeed(Auth, Auth.make({ apiKeys: [], adminKeys: [], origins: [] })),
  TestGateway.settingsOf()
)
const second = TestClock.adjust("1 seconds")

describe("The producer of events", () => {
  it.scoped("makes each text once for all readers, and none that says nothing new", () =>
    Effect.gen(function* () {
      const { change, join, looks } = yield* make
      const a = yield* join()
      const b = yield* join()
      yield* second
      const before = looks()
      change()
      yield* second
      assert.strictEqual(looks(), before + 1)
      assert.strictEqual(a.texts.at(-1), b.texts.at(-1))
      assert.include(a.texts.at(-1), '"queued":1')
      // In characters of one byte, so that no reader costs an encoding.
      assert.match(a.texts.at(-1) ?? "", /^[\0-\x7f]+$/)
      const told = a.texts.length
      for (let i = 0; i < 5; i++) yield* second
      assert.strictEqual(a.texts.length, told)
      for (let i = 0; i < 15; i++) yield* second
      assert.strictEqual(a.texts.at(-1), ":\n\n")
    }).pipe(Effect.provide(layer))
  )

  it.scoped("is silent for no longer than its page waits, whatever the setting says", () =>
    Effect.gen(function* () {
      const { join } = yield* make
      const reader = yield* join()
      yield* second
      for (let i = 0; i < 30; i++) yield* second
      assert.isAtLeast(reader.texts.filter((text) => text === ":\n\n").length, 1)
    }).pipe(Effect.provide(Layer.merge(layer, TestGateway.settingsOf({ keepAlive: Duration.minutes(30) }))))
  )

  it.scoped("breaks a silence as often as the settings say now", () =>
    Effect.gen(function* () {
      let current = yield* GatewayConfig
      const live: Live = {
        ...fixed(current),
        get current() {
          return current
        }
      }
      const { join } = yield* Effect.provideService(make, LiveSettings, live)
      const { texts } = yield* join()
      yield* second
      const told = texts.length
      for (let i = 0; i < 5; i++) yield* second
      assert.strictEqual(texts.length, told)
      current = { ...current, keepAlive: Duration.seconds(2) }
      for (let i = 0; i < 2; i++) yield* second
      assert.strictEqual(texts.at(-1), ":\n\n")
    }).pipe(Effect.provide(layer))
  )

  it.scoped("rests while nobody reads, and remembers nothing for nobody", () =>
    Effect.gen(function* () {
      const { join, looks, readers } = yield* make
      for (let i = 0; i < 5; i++) yield* second
      assert.strictEqual(looks(), 0)
      const a = yield* join()
      a.leave()
      assert.strictEqual(readers(), 0)
      yield* second
      const before = looks()
      yield* whole()
      for (let i = 0; i < 5; i++) yield* second
      assert.strictEqual(looks(), before)
      const b = yield* join()
      yield* second
      yield* second
      assert.isFalse(b.texts.some((text) => text.includes("event: chat")))
      assert.lengthOf(a.texts, 1)
    }).pipe(Effect.provide(layer))
  )

  it.scoped("tells what differs from a state that each reader has, whenever it came and however slow it was", () =>
    Effect.gen(function* () {
      const { change, join } = yield* make
      /** The state of a page that has heard these texts. */
      const stateOf = (texts: ReadonlyArray<string>) => {
        let now: Overview | undefined
        for (const [, name, data = ""] of texts.join("").matchAll(/event: (\w+)\ndata: (.*)\n/g)) {
          if (name === "overview") now = JSON.parse(data) as Overview
          else if (name === "changes" && now !== undefined)
            now = Changes.after(now, JSON.parse(data) as Changes.Changes)
        }
        return now
      }
      const readers = [yield* join()]
      for (let i = 0; i < 12; i++) {
        change()
        if (i % 3 === 2) readers.push(yield* join())
        readers[1] = Object.assign(readers[1] ?? (yield* join()), { isBehind: i % 4 === 1 })
        yield* second
      }
      for (const reader of readers) reader.isBehind = false
      for (let i = 0; i < 2; i++) yield* second
      const [first, ...others] = readers.map(({ texts }) => stateOf(texts))
      assert.lengthOf(first?.streams ?? [], 12)
      for (const other of others) assert.deepStrictEqual(other, first)
      assert.isAbove(readers[0]?.texts.filter((text) => text.startsWith("event: changes")).length ?? 0, 4)
    }).pipe(Effect.provide(layer))
  )

  it.scoped("leaves a slow reader out, tells it of how many chats, and gives it the newest state then", () =>
    Effect.gen(function* () {
      const { change, join } = yield* make
      const slow = yield* join()
      const quick = yield* join()
      yield* second
      slow.isBehind = true
      const told = slow.texts.length
      for (let i = 0; i < 3; i++) {
        yield* whole()
        change()
        yield* second
      }
      assert.strictEqual(slow.texts.length, told)
      assert.strictEqual(quick.texts.join("").match(/event: chat\n/g)?.length, 3)
      slow.isBehind = false
      yield* second
      assert.match(slow.texts.at(-1) ?? "", /^event: missed\ndata: \{"chats":3\}\n\nevent: overview\n/)
      assert.include(slow.texts.at(-1), '"queued":3')
    }).pipe(Effect.provide(layer))
  )

  it.scoped("tells a state that was made for a new reader to those who were there before", () =>
    Effect.gen(function* () {
      const { change, join, looks, takes } = yield* make
      const first = yield* join()
      yield* second
      takes(20)
      yield* second
      yield* TestClock.adjust("20 millis")
      takes(0)
      // It rests a hundred and fifty times as long as its work took.
      const before = looks()
      yield* TestClock.adjust("2500 millis")
      assert.strictEqual(looks(), before)
      change()
      yield* join()
      yield* second
      assert.match(first.texts.at(-1) ?? "", /^event: overview\n.*"queued":1,.*"id":"0"/)
    }).pipe(Effect.provide(layer))
  )

  it.scoped(
    "ends a reader whose key is good no more, rests if it was the last, and tells the next one each chat once",
    () => {
      let isGood = true
      const auth = Auth.make({ apiKeys: [], adminKeys: [], origins: [] })
      const checked = Layer.succeed(Auth, {
        ...auth,
        admin: () => (isGood ? Effect.void : new KeyRefused({ reason: "wrong" }))
      })
      return Effect.gen(function* () {
        const { join, looks, readers } = yield* make
        const one = yield* join()
        isGood = false
        for (let i = 0; i < 6; i++) yield* second
        assert.isTrue(one.ended)
        assert.strictEqual(readers(), 0)
        const before = looks()
        yield* whole()
        for (let i = 0; i < 5; i++) yield* second
        assert.strictEqual(looks(), before)
        isGood = true
        const next = yield* join()
        yield* whole()
        yield* second
        yield* second
        assert.strictEqual(next.texts.join("").match(/event: chat\n/g)?.length, 1)
      }).pipe(Effect.provide(Layer.merge(layer, checked)))
    }
  )

  it.scoped("begins with the newest state, also when another was made before the first byte was sent", () =>
    Effect.gen(function* () {
      const { change, join } = yield* make
      yield* join()
      yield* second
      const late = yield* join(Effect.zipRight(Effect.sync(change), second))
      assert.include(late.texts[0], '"queued":1')
    }).pipe(Effect.provide(layer))
  )

  it.scoped("ends all readers when the gateway drains", () =>
    Effect.gen(function* () {
      const { join, readers } = yield* make
      const a = yield* join()
      const drain = yield* Drain
      yield* Effect.fork(drain.run(1000 as never))
      yield* Effect.yieldNow()
      assert.isTrue(a.ended)
      assert.strictEqual(readers(), 0)
    }).pipe(Effect.provide(layer))
  )
})
