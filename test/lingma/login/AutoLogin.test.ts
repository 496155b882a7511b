import { assert, describe, it } from "@effect/vitest"
import { Deferred, Duration, Effect, Fiber, Layer, MetricState, Option, Redacted, TestClock } from "effect"
import { GatewayConfig } from "../../../src/config/Config.ts"
import { fixed, type Live, LiveSettings } from "../../../src/config/LiveSettings.ts"
import { BackendUnavailable } from "../../../src/domain/ChatError.ts"
import * as Login from "../../../src/domain/Login.ts"
import { AutoLogin, type AutoLoginOptions } from "../../../src/lingma/login/AutoLogin.ts"
import { Browser, type SignIn, SignInStopped } from "../../../src/lingma/login/Browser.ts"
import { LingmaRpc } from "../../../src/lingma/rpc/LingmaRpc.ts"
import * as MetricKeys from "../../../src/observe/MetricKeys.ts"
import { Metrics } from "../../../src/observe/Metrics.ts"
import * as FakeLingma from "../../support/FakeLingma.ts"

const options: AutoLoginOptions = {
  enabled: true,
  timeout: Duration.seconds(60),
  maxSubmissions: 2,
  hosts: ["login.example.com"],
  organization: undefined,
  endpoint: undefined,
  screenshots: false,
  patience: Duration.seconds(5)
}
const account = Option.some({ username: "ann", password: Redacted.make("secret") })

/** A Lingma that names an address, and a browser that does what the test says. */
const make = (
  act: (ask: SignIn) => Effect.Effect<void, SignInStopped>,
  more: Partial<AutoLoginOptions> = {},
  url = "https://login.example.com/login?state=s&port=1",
  metrics?: Metrics["Type"]
) =>
  Effect.gen(function* () {
    const asks: Array<SignIn> = []
    const world = { signedIn: false }
    const server = yield* FakeLingma.make((message, peer) => {
      const results: Record<string, unknown> = {
        "login/generateUrl": { loginUrl: url, success: true },
        "config/getEndpoint": { endpoint: "" },
        "config/updateEndpoint": { success: true }
      }
      if (message.method !== undefined)
        peer.send({ jsonrpc: "2.0", id: message.id, result: results[message.method] ?? null })
    })
    const connect = LingmaRpc.make({ url: server.url, timeout: "5 seconds", initialize: {} })
    const rpc = yield* Effect.provide(connect, Metrics.layer)
    yield* rpc.ready
    const browser = Browser.of({
      path: Effect.succeed("/browser"),
      signIn: (ask) =>
        Effect.suspend(() => {
          asks.push(ask)
          ask.onSubmit()
          return act(ask)
        })
    })
    const { of } = yield* AutoLogin.make({ ...options, ...more }).pipe(
      Effect.provideService(Browser, browser),
      Effect.provide(metrics === undefined ? Metrics.layer : Layer.succeed(Metrics, metrics))
    )
    const client = {
      id: "inst-0",
      account,
      workDir: "/nowhere",
      rpc: Effect.succeed(rpc),
      check: Effect.sync(() => world.signedIn)
    }
    return { asks, client, login: yield* of(client), of, server, world }
  })

const stopped = (reason: Login.LoginReason, again = false) => new SignInStopped({ reason, detail: "because", again })

describe("AutoLogin", () => {
  it.scopedLive("signs in once for all who ask, and again only when asked again", () =>
    Effect.gen(function* () {
      const gate = yield* Deferred.make<void>()
      const shown = yield* Deferred.make<void>()
      const { asks, login, world } = yield* make(() =>
        Effect.zipRight(
          Effect.zipRight(Deferred.succeed(shown, undefined), Deferred.await(gate)),
          Effect.sync(() => {
            world.signedIn = true
          })
        )
      )
      const callers = yield* Effect.forEach(Array.from({ length: 60 }), () => Effect.fork(login.signedIn))
      yield* Deferred.await(shown)
      assert.strictEqual(Login.word(yield* login.state), "running")
      yield* Deferred.succeed(gate, undefined)
      yield* Effect.forEach(callers, Fiber.join)
      assert.strictEqual(asks.length, 1)
      assert.strictEqual(Login.word(yield* login.state), "idle")
    })
  )

  it.scopedLive(
    "has a counter of 0 for each end of a login before there is one, also of an instance that comes later",
    () =>
      Effect.gen(function* () {
        const metrics = yield* Metrics
        const { client, of } = yield* make(() => stopped("bad_credentials"), {}, undefined, metrics)
        const later = yield* of({ ...client, id: "inst-1" })
        const series = Effect.map(metrics.snapshot, (pairs) =>
          pairs.flatMap(({ metricKey, metricState }) =>
            metricKey.name === MetricKeys.logins.name && MetricState.isCounterState(metricState)
              ? [[...metricKey.tags.map(({ value }) => value).sort(), Number(metricState.count)].join(" ")]
              : []
          )
        )
        const ends = ["succeeded", ...Login.loginReasons]
        assert.deepStrictEqual(
          (yield* series).sort(),
          ["inst-0", "inst-1"].flatMap((id) => ends.map((end) => [...[id, end].sort(), 0].join(" "))).sort()
        )
        yield* Effect.flip(later.signedIn)
        assert.include(yield* series, [...["inst-1", "bad_credentials"].sort(), 1].join(" "))
      }).pipe(Effect.provide(Metrics.layer))
  )

  it.scopedLive("rests after a failure, with its reason, and starts at once when an administrator asks", () =>
    Effect.gen(function* () {
      const { asks, login } = yield* make(() => stopped("bad_credentials"))
      const first = yield* Effect.flip(login.signedIn)
      assert.deepInclude(first, { _tag: "LoginFailed", reason: "bad_credentials" })
      assert.strictEqual(Login.word(yield* login.state), "login_failed:bad_credentials")
      for (let i = 0; i < 5; i++) {
        assert.strictEqual((yield* Effect.flip(login.signedIn))._tag, "LoginFailed")
        yield* login.begin
      }
      assert.strictEqual(asks.length, 1)
      assert.strictEqual(yield* login.start, "running")
      yield* Effect.flip(login.signedIn)
      assert.strictEqual(asks.length, 2)
    })
  )

  it.scopedLive(
    "tries a page again that could not be worked with, within the submissions",
    () =>
      Effect.gen(function* () {
        const { asks, login } = yield* make(() => stopped("timed_out", true))
        assert.strictEqual((yield* Effect.flip(login.signedIn))._tag, "LoginFailed")
        assert.deepStrictEqual(
          asks.map(({ submissions }) => submissions),
          [2, 1]
        )
      }),
    20_000
  )

  it.scopedLive("lets callers go when the login takes longer than they may wait", () =>
    Effect.gen(function* () {
      const { asks, login } = yield* make(() => Effect.never, { patience: Duration.millis(50) })
      assert.strictEqual((yield* Effect.flip(login.signedIn))._tag, "LoginInProgress")
      assert.strictEqual((yield* Effect.flip(login.signedIn))._tag, "LoginInProgress")
      assert.strictEqual(yield* login.start, "already_running")
      assert.strictEqual(asks.length, 1)
    })
  )

  it.scopedLive("lets callers wait as long as the settings say now", () =>
    Effect.gen(function* () {
      const { client } = yield* make(() => Effect.never)
      const first = yield* Effect.provide(GatewayConfig, GatewayConfig.layer())
      let current = first
      const live: Live = {
        ...fixed(first),
        get current() {
          return current
        }
      }
      const { of } = yield* Effect.provide(AutoLogin, AutoLogin.layerFromConfig).pipe(
        Effect.provide(Browser.layerNoop),
        Effect.provideService(GatewayConfig, first),
        Effect.provideService(LiveSettings, live)
      )
      const login = yield* of({ ...client, check: Effect.never })
      yield* login.person
      current = { ...first, firstTokenTimeout: Duration.millis(50) }
      const refused = yield* Effect.timeout(Effect.flip(login.signedIn), "10 seconds")
      assert.strictEqual(refused._tag, "LoginInProgress")
    })
  )

  it.scopedLive("opens no browser for an address on a host that is not listed", () =>
    Effect.gen(function* () {
      const { asks, login } = yield* make(() => Effect.void, {}, "https://evil.example/login?state=s&port=1")
      assert.deepInclude(yield* Effect.flip(login.signedIn), { reason: "refused_host" })
      assert.strictEqual(asks.length, 0)
    })
  )

  it.scopedLive("does nothing by itself when it is off or has no account, and gives an address all the same", () =>
    Effect.gen(function* () {
      const { asks, client, login, of } = yield* make(() => Effect.void, { enabled: false })
      assert.isFalse(login.automatic)
      yield* login.begin
      const bare = yield* of({ ...client, account: Option.none() })
      yield* bare.begin
      assert.deepInclude(yield* Effect.flip(bare.start), { _tag: "LoginFailed", reason: "human_needed" })
      assert.strictEqual(asks.length, 0)
      assert.include((yield* bare.person).url, "state=s")
      assert.strictEqual(Login.word(yield* bare.state), "waiting_for_person")
    })
  )

  it.scopedLive("switches to the enterprise endpoint first, when that differs", () =>
    Effect.gen(function* () {
      const { login, server, world } = yield* make(
        () =>
          Effect.sync(() => {
            world.signedIn = true
          }),
        { endpoint: "https://lingma.corp.example" }
      )
      yield* login.signedIn
      const methods = server.received.map(({ method }) => method)
      assert.deepStrictEqual(methods, [
        "initialize",
        "config/getEndpoint",
        "config/updateEndpoint",
        "login/generateUrl"
      ])
      assert.deepStrictEqual(server.received[2]?.params, { endpoint: "https://lingma.corp.example" })
    })
  )

  it.scoped("lets the account try again after a quarter of an hour, and sooner when Lingma was not there", () =>
    Effect.gen(function* () {
      let tries = 0
      const count = Effect.sync(() => {
        tries++
      })
      const browser = Browser.of({
        path: Effect.succeed("/browser"),
        signIn: () => Effect.zipRight(count, stopped("bad_credentials"))
      })
      const url = { loginUrl: "https://login.example.com/login?state=s&port=1" }
      const rpc = { call: () => Effect.succeed(url) } as unknown as LingmaRpc["Type"]
      const { of } = yield* AutoLogin.make(options).pipe(
        Effect.provideService(Browser, browser),
        Effect.provide(Metrics.layer)
      )
      const client = { id: "inst-0", account, workDir: "/nowhere", check: Effect.succeed(false) }
      const passes = (login: { readonly begin: Effect.Effect<void> }, time: Duration.DurationInput) =>
        Effect.zipRight(TestClock.adjust(time), Effect.zipRight(login.begin, TestClock.adjust("1 second")))

      const login = yield* of({ ...client, rpc: Effect.succeed(rpc) })
      yield* passes(login, 0)
      assert.strictEqual(tries, 1)
      yield* passes(login, "14 minutes")
      assert.strictEqual(tries, 1)
      yield* passes(login, "1 minute")
      assert.strictEqual(tries, 2)

      const down = new BackendUnavailable({ instance: "inst-0", detail: "down" })
      const absent = yield* of({ ...client, rpc: Effect.zipRight(count, down) })
      yield* passes(absent, 0)
      yield* TestClock.adjust("1 minute")
      const before = tries
      yield* passes(absent, "30 seconds")
      assert.isAbove(tries, before)
    })
  )
})
