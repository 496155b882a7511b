import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Exit, Layer, Option, Redacted, Schedule, Scope } from "effect"
import * as LingmaBackend from "../../../src/lingma/LingmaBackend.ts"
import { AutoLogin } from "../../../src/lingma/login/AutoLogin.ts"
import { Browser, SignInStopped } from "../../../src/lingma/login/Browser.ts"
import * as Endpoint from "../../../src/lingma/process/Endpoint.ts"
import { Metrics } from "../../../src/observe/Metrics.ts"
import { ask } from "../../support/Endings.ts"
import * as FakeLingma from "../../support/FakeLingma.ts"

const loginUrl = "https://login.example.com/login?state=s&port=1"

type At = "session/new" | "session/prompt"

/** A Lingma that says it is signed in, and refuses turns with the tokens that the test names. */
const make = (at: At, signIn: (world: World) => Effect.Effect<void, SignInStopped>, enabled = true) =>
  Effect.gen(function* () {
    const world: World = { token: "first", refused: new Set(["first"]), asked: 0 }
    const server = yield* FakeLingma.make((message, peer) => {
      const { id, method } = message
      if (method === undefined) return
      if (method === at && world.refused.has(world.token)) {
        peer.send({ jsonrpc: "2.0", id, error: { code: -32000, message: "Authentication required" } })
        return
      }
      const results: Record<string, unknown> = {
        "auth/status": { status: 2, id: "u", token: world.token },
        "config/queryModels": { chat: [{ key: "auto", displayName: "Auto" }] },
        "config/getEndpoint": { endpoint: "" },
        "login/generateUrl": { loginUrl, success: true },
        "session/new": { sessionId: "s1" }
      }
      peer.send({ jsonrpc: "2.0", id, result: results[method] ?? null })
    })
    const browser = Browser.of({
      path: Effect.succeed("/browser"),
      signIn: ({ onSubmit }) =>
        Effect.suspend(() => {
          world.asked++
          onSubmit()
          return signIn(world)
        })
    })
    const login = AutoLogin.layer({
      enabled,
      timeout: Duration.seconds(20),
      maxSubmissions: 1,
      hosts: ["login.example.com"],
      organization: undefined,
      endpoint: undefined,
      screenshots: false,
      patience: Duration.seconds(10)
    })
    const workDir = yield* Effect.acquireRelease(
      Effect.sync(() => mkdtempSync(join(tmpdir(), "lingma-refused-"))),
      (dir) => Effect.sync(() => rmSync(dir, { recursive: true, force: true }))
    )
    const backend = yield* LingmaBackend.make({
      id: "inst-0",
      emulated: false,
      account: Option.some({ username: "ann", password: Redacted.make("secret") }),
      find: Endpoint.at(server.url),
      workDir,
      gate: (start) => start,
      startupTimeout: Duration.seconds(10),
      rpcTimeout: Duration.seconds(10),
      version: "0"
    }).pipe(Effect.provide(Layer.merge(Layer.provide(login, Layer.succeed(Browser, browser)), Metrics.layer)))
    /** What a chat ends with before any event of it, if it does. */
    const chat = Effect.gen(function* () {
      yield* backend.ensureReady
      const scope = yield* Scope.make()
      const begun = yield* Effect.either(Scope.extend(backend.chat(ask), scope))
      const refused = begun._tag === "Left" ? begun.left : undefined
      // A refusal of the prompt itself comes after it was sent.
      if (begun._tag === "Right") yield* server.heard(({ method }) => method === "session/prompt")
      if (begun._tag === "Right")
        yield* Effect.repeat(
          Effect.sync(() => begun.right.failure()),
          { until: (failure) => failure !== undefined, schedule: Schedule.spaced("5 millis"), times: 20 }
        )
      const failure = refused ?? (begun._tag === "Right" ? begun.right.failure() : undefined)
      yield* Scope.close(scope, Exit.void)
      return failure
    })
    return { backend, chat, world }
  })

interface World {
  token: string
  refused: ReadonlySet<string>
  asked: number
}

const until = <A>(value: Effect.Effect<A>, holds: (value: A) => boolean) =>
  Effect.repeat(value, { until: holds, schedule: Schedule.spaced("20 millis") })

describe("a login that Lingma tells of but does not honour", () => {
  for (const at of ["session/new", "session/prompt"] as const) {
    it.scopedLive(`is made anew once when ${at} is refused, and chats wait for that`, () =>
      Effect.gen(function* () {
        const { backend, chat, world } = yield* make(at, (world) =>
          Effect.sync(() => {
            world.token = "second"
          })
        )
        assert.deepInclude(yield* chat, { _tag: "NotLoggedIn", retriable: true })
        assert.isUndefined(yield* chat, "the next one waits for the login")
        assert.strictEqual(world.asked, 1)
        world.refused = new Set(["second"])
        for (let n = 0; n < 3; n++) {
          assert.deepInclude(yield* chat, { _tag: "NotLoggedIn" })
          yield* until(backend.status, ({ loggedIn }) => loggedIn === true)
        }
        assert.strictEqual(world.asked, 1, "no loop")
      })
    )
  }

  it.scopedLive("is believed again when no other comes of it, and no further login is tried soon", () =>
    Effect.gen(function* () {
      const no = new SignInStopped({ reason: "bad_credentials", detail: "because", again: false })
      const { backend, chat, world } = yield* make("session/prompt", () => no)
      assert.deepInclude(yield* chat, { _tag: "NotLoggedIn" })
      yield* until(
        Effect.sync(() => world.asked),
        (asked) => asked > 0
      )
      yield* until(backend.status, ({ loggedIn }) => loggedIn === true)
      assert.deepInclude(yield* chat, { _tag: "NotLoggedIn" })
      yield* until(backend.status, ({ loggedIn }) => loggedIn === true)
      world.refused = new Set()
      assert.isUndefined(yield* chat)
      assert.strictEqual(world.asked, 1)
    })
  )

  it.scopedLive("stays as it is where nobody may sign in by himself", () =>
    Effect.gen(function* () {
      const { backend, chat, world } = yield* make("session/new", () => Effect.void, false)
      for (let n = 0; n < 2; n++) assert.deepInclude(yield* chat, { _tag: "NotLoggedIn", retriable: false })
      yield* until(backend.status, ({ loggedIn }) => loggedIn === true)
      assert.strictEqual(world.asked, 0)
    })
  )
})
