import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Layer, TestClock } from "effect"
import { GatewayConfig, type Settings } from "../../../../src/config/Config.ts"
import { type Live, LiveSettings, make as makeLive } from "../../../../src/config/LiveSettings.ts"
import { Inspector } from "../../../../src/http/chat/inspect/Inspector.ts"
import * as RequestContext from "../../../../src/observe/RequestContext.ts"

const layer = (settings: Partial<Settings> = {}) => Inspector.layer.pipe(Layer.provide(GatewayConfig.layer(settings)))

/** One request, looked into or not, and what became of it. */
const ask = Effect.fnUntraced(function* (
  id: string,
  options: { readonly status?: number; readonly key?: string } = {}
) {
  const { over } = yield* Inspector
  const { key = "ann", status = 200 } = options
  const context: RequestContext.RequestContext = {
    id,
    client: "none",
    isStarted: false,
    isOfHost: false,
    tap: undefined
  }
  let isTapped = false
  const app = Effect.sync(() => {
    isTapped = context.tap !== undefined
    context.tap?.read({ model: "auto" })
    return HttpServerResponse.unsafeJson({ answer: id }, { status })
  })
  const request = HttpServerRequest.fromWeb(new Request("http://127.0.0.1/v1/chat/completions", { method: "POST" }))
  const served = Effect.zipRight(
    RequestContext.set(context),
    over({ caller: () => ({ id: key, name: key, weight: 1 }) })(app)
  )
  yield* Effect.scoped(Effect.provideService(served, HttpServerRequest.HttpServerRequest, request))
  assert.isUndefined(context.tap, "a record that has ended is not held by its request")
  return isTapped
})

const kept = Effect.map(Inspector, ({ heads }) => heads().map(({ id }) => id))
const minutes = (n: number) => n * 60_000
const byAnn = { key: undefined, by: "ann" }

describe("Looking into requests", () => {
  it.scoped("is off, and then nothing of a request is touched", () =>
    Effect.gen(function* () {
      const { over, state } = yield* Inspector
      assert.strictEqual(state().mode, "off")
      assert.isFalse(yield* ask("r1"))
      assert.deepStrictEqual(yield* kept, [])
      const app = Effect.succeed(HttpServerResponse.empty())
      // The very effect: no step is added.
      const seen = yield* Effect.flatMap(
        over({ caller: () => assert.fail("asked who calls") })(app),
        Effect.succeed
      ).pipe(
        Effect.scoped,
        Effect.provideService(HttpServerRequest.HttpServerRequest, HttpServerRequest.fromWeb(new Request("http://a/")))
      )
      assert.strictEqual(seen, yield* app)
    }).pipe(Effect.provide(layer()))
  )

  it.scoped("keeps all, those that fail, or those of one key, as it was switched", () =>
    Effect.gen(function* () {
      const { change } = yield* Inspector
      change({ ...byAnn, mode: "all", millis: minutes(5) })
      yield* ask("good")
      change({ ...byAnn, mode: "errors", millis: minutes(5) })
      assert.isTrue(yield* ask("good, too"))
      yield* ask("bad", { status: 502 })
      yield* ask("too many", { status: 429 })
      change({ ...byAnn, mode: "all", key: "bob", millis: minutes(5) })
      assert.isFalse(yield* ask("of ann"))
      yield* ask("of bob", { key: "bob" })
      change({ ...byAnn, mode: "off", millis: undefined })
      yield* ask("later")
      assert.deepStrictEqual(yield* kept, ["of bob", "too many", "bad", "good"])
    }).pipe(Effect.provide(layer()))
  )

  it.scoped("ends by itself, and records go when they are too old", () =>
    Effect.gen(function* () {
      const { change, find, state } = yield* Inspector
      change({ ...byAnn, mode: "all", millis: minutes(30) })
      assert.strictEqual(state().until, minutes(30))
      yield* TestClock.adjust("20 minutes")
      assert.strictEqual(state().until, minutes(30))
      yield* ask("a")
      yield* TestClock.adjust(Duration.millis(minutes(10) - 1))
      yield* ask("b")
      yield* TestClock.adjust("1 millis")
      // At that moment, although nobody has looked since.
      assert.isFalse(yield* ask("c"))
      assert.strictEqual(state().mode, "off")
      assert.deepStrictEqual(yield* kept, ["b", "a"])
      yield* TestClock.adjust("50 minutes")
      assert.deepStrictEqual(yield* kept, ["b"])
      assert.isUndefined(find("a"))
      yield* TestClock.adjust("11 minutes")
      assert.strictEqual(state().bytes, 0, "nobody needs to ask for them to go")
    }).pipe(Effect.provide(layer({ inspectHours: Duration.hours(1) })))
  )

  it.scoped(
    "goes by INSPECT where nobody has switched it, and again once that has ended or the setting was changed",
    () =>
      Effect.gen(function* () {
        const settings = yield* GatewayConfig
        let next = settings
        const live: Live = makeLive(
          settings,
          Effect.suspend(() => Effect.succeed(next))
        )
        yield* Effect.gen(function* () {
          const { change, state } = yield* Inspector
          assert.deepInclude(state(), { mode: "errors", by: "INSPECT", until: undefined })
          change({ ...byAnn, mode: "all", millis: minutes(1) })
          yield* TestClock.adjust("1 minutes")
          assert.deepInclude(state(), { mode: "errors", by: "INSPECT" })
          change({ ...byAnn, mode: "off", millis: undefined })
          assert.isFalse(yield* ask("r1"))
          next = { ...settings, inspect: "all" }
          yield* live.reload
          assert.isTrue(yield* ask("r2"))
          next = { ...settings, inspect: "off" }
          yield* live.reload
          assert.isFalse(yield* ask("r3"))
        }).pipe(Effect.provide(Layer.provide(Inspector.layer, Layer.succeed(LiveSettings, live))))
      }).pipe(Effect.provide(GatewayConfig.layer({ inspect: "errors" })))
  )
})
