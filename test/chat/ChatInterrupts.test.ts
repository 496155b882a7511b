import { mkdtempSync, readdirSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, assert, beforeEach, describe, it, vi } from "@effect/vitest"
import { type Array as Arr, Clock, Context, Duration, Effect, Exit, Layer, Logger, Option, Redacted } from "effect"
import type { Backend } from "../../src/chat/Backend.ts"
import { Chat } from "../../src/chat/Chat.ts"
import { Guard } from "../../src/chat/Guard.ts"
import { Pool } from "../../src/chat/Pool.ts"
import { type ChatRequest, plain } from "../../src/domain/Chat.ts"
import * as Routing from "../../src/domain/Routing.ts"
import * as LingmaBackend from "../../src/lingma/LingmaBackend.ts"
import { AutoLogin } from "../../src/lingma/login/AutoLogin.ts"
import { Browser } from "../../src/lingma/login/Browser.ts"
import * as Endpoint from "../../src/lingma/process/Endpoint.ts"
import { LingmaRpc } from "../../src/lingma/rpc/LingmaRpc.ts"
import * as Protocol from "../../src/lingma/rpc/Protocol.ts"
import { Metrics } from "../../src/observe/Metrics.ts"
import * as TextOnly from "../../src/textonly/TextOnly.ts"
import * as ScriptedLingma from "../support/ScriptedLingma.ts"
import * as Steps from "../support/Steps.ts"

const message = { role: "user" as const, text: "hi", images: [], toolCalls: [], toolCallId: undefined }
const request: ChatRequest = {
  ...plain,
  model: "auto",
  messages: [message],
  affinity: Option.none(),
  origin: { dialect: "chat_completions", stream: true }
}
const picture = { mediaType: "image/png", data: "aGk=" }

/** Lets the sockets speak. */
const aMoment = Effect.async<void>((resume) => {
  setImmediate(() => resume(Effect.void))
})

/** The real time, which may be moved on. */
const makeTime = () => {
  const real = Clock.make()
  let ahead = 0n
  const millis = () => real.unsafeCurrentTimeMillis() + Number(ahead / 1_000_000n)
  const nanos = () => real.unsafeCurrentTimeNanos() + ahead
  const clock: Clock.Clock = {
    ...real,
    unsafeCurrentTimeMillis: millis,
    unsafeCurrentTimeNanos: nanos,
    currentTimeMillis: Effect.sync(millis),
    currentTimeNanos: Effect.sync(nanos),
    sleep: (duration) => real.sleep(duration)
  }
  /** Delays of less than a second are over at once: of reconnecting, of asking again. */
  const impatient: Clock.Clock = {
    ...clock,
    sleep: (duration) =>
      Duration.toMillis(duration) >= 1000
        ? real.sleep(duration)
        : Effect.async((resume) => {
            const timer = setImmediate(() => resume(Effect.void))
            return Effect.sync(() => clearImmediate(timer))
          })
  }
  const advance = (by: number) => {
    ahead += BigInt(by) * 1_000_000n
  }
  return { advance, clock, impatient }
}

const account = Option.some({ username: "ann", password: Redacted.make("secret") })

/** Chats over real instances, whose Lingmas are scripted: one place in all, so that a place lost is the end. */
const gateway = Effect.fnUntraced(function* (
  lingmas: Arr.NonEmptyReadonlyArray<ScriptedLingma.ScriptedLingma>,
  dir: string,
  rpcs: ReadonlyArray<LingmaRpc["Type"]>
) {
  const { advance, clock, impatient } = makeTime()
  const signIn = Effect.sync(() => {
    for (const { manner, push } of lingmas) {
      manner.signedIn = true
      push("auth/report")
    }
  })
  const browser = Browser.of({ path: Effect.succeed("/browser"), signIn: () => signIn })
  const login = AutoLogin.layer({
    enabled: true,
    timeout: Duration.minutes(1),
    maxSubmissions: 9,
    hosts: ["login.example.com"],
    organization: undefined,
    endpoint: undefined,
    screenshots: false,
    patience: Duration.minutes(1)
  })
  const backends = yield* Effect.forEach(lingmas, ({ url }, i) =>
    Effect.map(
      LingmaBackend.make({
        id: `inst-${i}`,
        emulated: false,
        account,
        find: Endpoint.at(url),
        workDir: join(dir, `inst-${i}`),
        gate: (start) => start,
        startupTimeout: Duration.seconds(20),
        rpcTimeout: Duration.seconds(20),
        version: "0"
      }),
      TextOnly.over
    )
  ).pipe(
    Effect.provide(Layer.merge(Layer.provide(login, Layer.succeed(Browser, browser)), Metrics.layer)),
    Effect.withClock(impatient)
  )
  const context = yield* Chat.layer({
    aliases: [],
    defaultModel: "auto",
    fallback: "none",
    defaultAskMode: "chat",
    firstTokenTimeout: Duration.minutes(1),
    idleTimeout: Duration.minutes(1),
    totalTimeout: Duration.minutes(1)
  }).pipe(
    Layer.provideMerge(
      Layer.merge(Guard.layer({ maxInFlight: 1, queueMax: 4, queueTimeout: "20 seconds" }), Metrics.layer)
    ),
    Layer.provideMerge(Pool.layer(backends as Arr.NonEmptyArray<Backend>)),
    Layer.build,
    Effect.withClock(clock)
  )
  const chat = Context.get(context, Chat)
  const guard = Context.get(context, Guard)
  const pool = Context.get(context, Pool)

  /** Opens, reads to the end, closes. */
  const whole = (asked: ChatRequest = request) =>
    Effect.gen(function* () {
      const { servedBy, turn } = yield* chat.open(asked)
      let text = ""
      yield* Effect.async<void, unknown>((resume) =>
        turn.read({
          onEvent: (event) => {
            if (event._tag === "TextDelta") text += event.text
            if (event._tag === "Finish") resume(Effect.void)
          },
          onFailure: (error) => resume(Effect.fail(error))
        })
      )
      return { servedBy, text }
    }).pipe(Effect.scoped, Effect.withClock(clock))

  /** What was asked before has been answered by then. */
  const answered = Effect.forEach(rpcs, (rpc) => rpc.call(Protocol.getEndpoint, {}), { discard: true })

  const deaf = Effect.repeat(
    Effect.zipRight(
      aMoment,
      Effect.forEach(rpcs, (rpc) => rpc.stats)
    ),
    { until: (all) => all.every(({ turns }) => turns === 0) }
  )

  /** Nothing is held, here or there, and the next chat is answered. */
  const isWell = (where: string) =>
    Effect.gen(function* () {
      // A turn of the older dialect that was stopped listens on for the session that it must delete.
      if (lingmas.some(({ manner }) => manner.asksOnly)) yield* Effect.timeout(deaf, "3 seconds")
      const { inFlight, queued } = yield* guard.stats
      const leases = (yield* pool.snapshot).map((instance) => instance.inFlight)
      const turns = yield* Effect.forEach(rpcs, (rpc) => Effect.map(rpc.stats, (stats) => stats.turns))
      assert.deepStrictEqual(
        { inFlight, queued, leases, turns },
        { inFlight: 0, queued: 0, leases: leases.map(() => 0), turns: turns.map(() => 0) },
        where
      )
      const next = yield* Effect.timeout(Effect.exit(whole()), "5 seconds")
      assert.deepStrictEqual(
        Exit.map(next, ({ text }) => text),
        Exit.succeed(ScriptedLingma.answer),
        where
      )
      yield* answered
      for (const { idle } of lingmas) yield* Effect.timeout(idle, "5 seconds")
      yield* answered
      for (const rpc of rpcs) {
        const { pending, turns } = yield* rpc.stats
        assert.deepStrictEqual({ pending, turns }, { pending: 0, turns: 0 }, where)
      }
      for (const name of readdirSync(dir))
        assert.deepStrictEqual(readdirSync(join(dir, name, "turns")), ["idle"], where)
    }).pipe(Effect.mapError((error) => new Error(`${where}: ${error}`)))

  return { advance, backends, chat, clock, isWell, whole }
})
type Gateway = Effect.Effect.Success<ReturnType<typeof gateway>>

const temporary = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "lingma-sweep-"))),
  (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true }))
)

interface World extends Gateway {
  readonly lingmas: Arr.NonEmptyReadonlyArray<ScriptedLingma.ScriptedLingma>
}

interface Scenario {
  readonly name: string
  readonly instances?: number
  readonly manner?: Partial<ScriptedLingma.Manner>
  /** Every step is tried on instances that are just starting; else on ones that have served before. */
  readonly fresh?: boolean
  readonly before?: (world: World) => Effect.Effect<unknown, unknown>
  readonly run: (world: World) => Effect.Effect<unknown, unknown>
  readonly after?: (world: World) => Effect.Effect<unknown, unknown>
  /** So that a sweep that has lost its subject is noticed. */
  readonly atLeast: number
}

const until = (holds: () => Effect.Effect<boolean>) =>
  Effect.timeout(Effect.repeat(Effect.zipRight(aMoment, Effect.suspend(holds)), { until: (yes) => yes }), "5 seconds")
const stateOf = ({ backends }: World) => Effect.map(backends[0]!.status, ({ state }) => state)

/** Ranks the first instance before the second. */
const key = ["a", "b", "c", "d", "e", "f"].find((key) => Routing.rank(key, "inst-0") > Routing.rank(key, "inst-1"))
const keyed: ChatRequest = { ...request, affinity: Option.fromNullable(key) }

const scenarios: ReadonlyArray<Scenario> = [
  { name: "a chat", run: ({ whole }) => whole(), atLeast: 400 },
  { name: "the first chat after a start", fresh: true, run: ({ whole }) => whole(), atLeast: 450 },
  {
    name: "the first chat after a reconnect",
    before: (world) => {
      world.lingmas[0].drop()
      return until(() => Effect.map(stateOf(world), (state) => state === "reconnecting"))
    },
    run: ({ whole }) => whole(),
    atLeast: 450
  },
  {
    name: "a chat that waits for a login",
    fresh: true,
    manner: { signedIn: false },
    run: ({ whole }) => whole(),
    atLeast: 550
  },
  {
    name: "a chat on an instance that does not say whether anybody is signed in",
    manner: { signedIn: undefined },
    before: ({ advance }) => Effect.sync(() => advance(1500)),
    run: ({ whole }) => whole(),
    atLeast: 400
  },
  {
    name: "a chat with pictures",
    run: ({ whole }) => whole({ ...request, messages: [{ ...message, images: [picture, picture] }] }),
    atLeast: 450
  },
  {
    name: "a chat that is tried again elsewhere",
    instances: 2,
    before: ({ advance, lingmas }) =>
      Effect.sync(() => {
        advance(11_000)
        lingmas[0].manner.refuses = true
      }),
    run: ({ whole }) => Effect.tap(whole(keyed), ({ servedBy }) => assert.strictEqual(servedBy, "inst-1")),
    after: ({ lingmas, whole }) => {
      lingmas[0].manner.refuses = false
      return whole(keyed)
    },
    atLeast: 650
  },
  {
    name: "a chat in the older wire dialect",
    manner: { asksOnly: true },
    run: ({ whole }) => whole(),
    atLeast: 400
  },
  {
    name: "the first chat after a start in the older wire dialect",
    fresh: true,
    manner: { asksOnly: true },
    run: ({ whole }) => whole(),
    atLeast: 450
  },
  {
    name: "ensureReady on an instance that starts",
    fresh: true,
    run: ({ backends }) => backends[0]!.ensureReady,
    atLeast: 80
  },
  {
    name: "ensureReady that waits for a login",
    fresh: true,
    manner: { signedIn: false },
    run: ({ backends }) => backends[0]!.ensureReady,
    atLeast: 180
  },
  { name: "a list of models from an instance that starts", fresh: true, run: ({ chat }) => chat.models, atLeast: 200 },
  { name: "a list of models", run: ({ chat }) => chat.models, atLeast: 120 },
  { name: "a count of tokens", run: ({ chat }) => chat.count(request), atLeast: 20 }
]

describe("Chat, interrupted after every step", () => {
  const { make } = LingmaRpc
  /** The connections of the world that was made last. */
  let rpcs: Array<LingmaRpc["Type"]> = []
  beforeEach(() => {
    vi.spyOn(LingmaRpc, "make").mockImplementation((options) =>
      Effect.tap(make(options), (rpc) => Effect.sync(() => rpcs.push(rpc)))
    )
  })
  afterEach(() => {
    vi.restoreAllMocks()
  })

  const worlds = ({ instances = 1, manner }: Scenario) =>
    Effect.gen(function* () {
      const dir = yield* temporary
      const lingmas = yield* Effect.replicateEffect(ScriptedLingma.make(manner), instances)
      const some = lingmas as unknown as Arr.NonEmptyReadonlyArray<ScriptedLingma.ScriptedLingma>
      /** Another gateway over the same Lingmas. */
      return Effect.suspend(() => {
        for (const lingma of lingmas) lingma.manner.signedIn = { signedIn: true, ...manner }.signedIn
        rpcs = []
        return Effect.map(gateway(some, dir, rpcs), (made): World => ({ ...made, lingmas: some }))
      })
    })

  for (const scenario of scenarios) {
    it.scopedLive(
      `leaves nothing behind and harms nobody: ${scenario.name}`,
      () =>
        Effect.gen(function* () {
          const one = (made: World, k: number, when: Steps.When) =>
            Effect.gen(function* () {
              yield* scenario.before?.(made) ?? Effect.void
              const end = yield* Steps.interruptAfter(Effect.withClock(scenario.run(made), made.clock), k, when)
              const where = `${when}, step ${end.interruptedAt ?? "none"}`
              if (end.interruptedAt === undefined) assert.isTrue(Exit.isSuccess(end.exit), `${where}: ${end.exit}`)
              yield* scenario.after?.(made) ?? Effect.void
              yield* made.isWell(where)
              return end
            })
          const world = yield* worlds(scenario)
          const old = scenario.fresh === true ? undefined : yield* world
          yield* old?.isWell("before") ?? Effect.void
          const swept = yield* Steps.sweep((k, when) =>
            old === undefined ? Effect.scoped(Effect.flatMap(world, (made) => one(made, k, when))) : one(old, k, when)
          )
          assert.isAtLeast(swept, scenario.atLeast)
        }).pipe(Effect.provide(Logger.remove(Logger.defaultLogger))),
      { timeout: 240_000 }
    )
  }
})
