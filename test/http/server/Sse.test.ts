import * as HttpLayerRouter from "@effect/platform/HttpLayerRouter"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import { assert, describe, it } from "@effect/vitest"
import { Chunk, Context, Duration, Effect, Exit, Layer, Logger, Queue, Stream } from "effect"
import { Guard } from "../../../src/chat/Guard.ts"
import type { Settings } from "../../../src/config/Config.ts"
import { finish, textDelta, thoughtDelta, toolCall, usage } from "../../../src/domain/Chat.ts"
import { BackendFailure } from "../../../src/domain/ChatError.ts"
import type { Turn } from "../../../src/domain/Turn.ts"
import * as Server from "../../../src/http/Server.ts"
import { Drain } from "../../../src/http/server/Drain.ts"
import * as Sse from "../../../src/http/server/Sse.ts"
import * as RawHttp from "../../support/RawHttp.ts"
import * as TestBackend from "../../support/TestBackend.ts"
import * as TestGateway from "../../support/TestGateway.ts"

const body = {
  model: "auto",
  stream: true,
  stream_options: { include_usage: true },
  messages: [{ role: "user", content: "hi" }]
}

type Play = (turn: Turn) => Effect.Effect<void>

const normal = (text: string) =>
  text
    .replace(/chatcmpl-[0-9a-f]{32}/g, "chatcmpl-0")
    .replace(/"created":\d+/g, `"created":0`)
    .replace(/"(first_token|total)_ms":\d+/g, `"$1_ms":0`)
    // How many there are is a matter of time.
    .replace(/(: keep-alive\n\n)+/g, ": keep-alive\n\n")

const settle = (guard: typeof Guard.Service) =>
  guard.stats.pipe(
    Effect.zipLeft(Effect.sleep("1 millis")),
    Effect.repeat({ until: ({ inFlight }) => inFlight === 0 }),
    Effect.map(({ cancelled, completed, failed }) => ({ cancelled, completed, failed })),
    Effect.timeout("3 seconds"),
    Effect.orDie
  )

/** Over a socket, by the writer. */
const onNode = (script: TestBackend.Script, play: Play, settings: Partial<Settings>, leaveAt?: string) =>
  Effect.gen(function* () {
    const scripted = TestBackend.make(script)
    const { guard, port } = yield* TestGateway.serve(scripted, settings)
    const peer = yield* RawHttp.connect(port)
    // HTTP/1.0 has no chunks, so the body is what follows the head.
    yield* peer.send(RawHttp.post(body).replace("HTTP/1.1", "HTTP/1.0"))
    yield* Effect.fork(Effect.flatMap(Queue.take(scripted.turns), play))
    if (leaveAt !== undefined) {
      yield* peer.until(leaveAt)
      yield* Effect.sync(() => peer.socket.destroy())
    }
    const answer = yield* peer.closed
    const text = normal(answer.slice(answer.indexOf("\r\n\r\n") + 4))
    return { text, counts: scripted.counts, guard: yield* settle(guard) }
  }).pipe(Effect.scoped)

/** As a Fetch handler, by the portable stream. */
const onFetch = (script: TestBackend.Script, play: Play, settings: Partial<Settings>, leaveAt?: string) =>
  Effect.gen(function* () {
    const scripted = TestBackend.make(script)
    const core = yield* Layer.build(TestGateway.core(scripted, settings))
    const { dispose, handler } = HttpLayerRouter.toWebHandler(
      Server.routes.pipe(
        Layer.provide(Drain.layer),
        Layer.provide(Layer.succeedContext(core)),
        Layer.provide(NodeHttpServer.layerContext),
        Layer.provide(Logger.remove(Logger.defaultLogger))
      ),
      { disableLogger: true }
    )
    yield* Effect.addFinalizer(() => Effect.promise(dispose))
    yield* Effect.fork(Effect.flatMap(Queue.take(scripted.turns), play))
    const text = yield* Effect.promise(async () => {
      const response = await handler(
        new Request("http://127.0.0.1/v1/chat/completions", {
          method: "POST",
          headers: { "content-type": "application/json" },
          body: JSON.stringify(body)
        })
      )
      const reader = response.body!.getReader()
      const decoder = new TextDecoder()
      let received = ""
      try {
        for (;;) {
          const { done, value } = await reader.read()
          if (done) return received
          received += decoder.decode(value, { stream: true })
          if (leaveAt !== undefined && received.includes(leaveAt)) {
            await reader.cancel()
            return received
          }
        }
      } catch {
        return received
      }
    })
    return { text: normal(text), counts: scripted.counts, guard: yield* settle(Context.get(core, Guard)) }
  }).pipe(Effect.scoped)

const failure = new BackendFailure({ instance: "inst-0", started: true, detail: "" })
const call = { id: "call-1", name: "look", arguments: `{"at":"é"}` }
const nothing: Play = () => Effect.void
const tick = Effect.sleep("2 millis")
const emit = (turn: Turn, ...events: ReadonlyArray<Parameters<Turn["emit"]>[0]>) =>
  Effect.forEach(
    events,
    (event) =>
      Effect.zipRight(
        tick,
        Effect.sync(() => turn.emit(event))
      ),
    { discard: true }
  )

describe("SseWriter and toStream", () => {
  const cases: ReadonlyArray<{
    readonly name: string
    readonly script: TestBackend.Script
    readonly play?: Play
    readonly settings?: Partial<Settings>
    readonly leaveAt?: string
  }> = [
    { name: "a burst", script: TestBackend.say("Hel", "lo", " ", "wörld 🌍") },
    { name: "a burst of megabytes", script: TestBackend.say(...Array<string>(40).fill("x".repeat(1 << 16))) },
    {
      name: "events one by one",
      script: TestBackend.silent,
      play: (turn) =>
        emit(
          turn,
          thoughtDelta("hm"),
          textDelta("one\ud83c"),
          textDelta("\udf0d two"),
          toolCall(call),
          usage({ outputTokens: 7 }),
          finish("tool_calls")
        )
    },
    { name: "nothing but an end", script: TestBackend.emit(finish("length")) },
    {
      name: "a failure after the first token",
      script: TestBackend.emit(textDelta("half")),
      play: (turn) =>
        Effect.zipRight(
          tick,
          Effect.sync(() => turn.fail(failure))
        )
    },
    {
      name: "a failure after the first keep-alive",
      script: TestBackend.silent,
      play: (turn) =>
        Effect.zipRight(
          Effect.sleep("60 millis"),
          Effect.sync(() => turn.fail(failure))
        ),
      settings: { keepAlive: Duration.millis(40) }
    },
    {
      name: "a bug in the middle",
      script: TestBackend.emit(textDelta("half")),
      play: (turn) =>
        Effect.zipRight(
          Effect.sleep("30 millis"),
          Effect.sync(() => turn.emit({ _tag: "TextDelta", text: { length: 0 } } as never))
        )
    },
    {
      name: "a reader that leaves",
      script: TestBackend.emit(textDelta("half")),
      leaveAt: `"content":"half"}`
    }
  ]
  for (const { name, play = nothing, script, settings = {}, leaveAt } of cases) {
    it.scopedLive(`agree on ${name}`, () =>
      Effect.gen(function* () {
        const node = yield* onNode(script, play, settings, leaveAt)
        const fetched = yield* onFetch(script, play, settings, leaveAt)
        assert.deepStrictEqual(fetched, node)
        assert.strictEqual(node.counts.opened, 1)
        assert.strictEqual(node.counts.closed, 1)
        assert.isNotEmpty(node.text)
      })
    )
  }
})

describe("toStream", () => {
  it.scopedLive("accepts a burst of any size, and fails for a reader that has not taken it when more arrives", () =>
    Effect.gen(function* () {
      let sink: Sse.Sink | undefined
      const pull = yield* Stream.toPull(
        Sse.toStream((given) => {
          sink = given
          given.write("begins")
          return () => {}
        })
      )
      const next = Effect.map(pull, (chunk) =>
        Chunk.toReadonlyArray(chunk).reduce((sum, { length }) => sum + length, 0)
      )
      assert.strictEqual(yield* next, 6)
      const burst = "x".repeat(Sse.CAPACITY)
      for (let n = 0; n < 4; n++) sink!.write(burst)
      assert.strictEqual(yield* next, 4 * Sse.CAPACITY)
      for (let n = 0; n < 2; n++) sink!.write(burst)
      yield* Effect.sleep("5 millis")
      sink!.write("too late")
      assert.isTrue(Exit.isFailure(yield* Effect.exit(next)))
    })
  )
})
