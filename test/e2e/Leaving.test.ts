/**
 * Clients that leave in mid-answer, over upstreams that hear different forms of the cancel: little more is said upstream,
 * and nothing is left running two seconds later.
 */
import { assert, layer } from "@effect/vitest"
import { Context, Effect, Layer } from "effect"
import * as Dialects from "./dialects.ts"
import { control, lingmas, type Program, settled, start, told } from "./support.ts"

class Gateway extends Context.Tag("test/Gateway")<Gateway, Program>() {}

/** Milliseconds between two tokens; most that may be said in two seconds, after the client left. */
const PACE = 10
const MOST = 2_000 / PACE

const totals = (program: Program) => told(lingmas(program)[0]!)

/** Begins a chat, and leaves when it has said something upstream. */
const leave = (program: Program, dialect: Dialects.Dialect, stream: boolean) =>
  Effect.gen(function* () {
    const before = (yield* totals(program))["tokens"] ?? 0
    const aborter = new AbortController()
    const init = {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ ...dialect.body(`[[emu tokens=3000 first=0 interval=${PACE}]]`), stream }),
      signal: aborter.signal
    }
    const answer = fetch(program.base + dialect.path, init).then(
      (response) => response.text().catch(() => undefined),
      () => undefined
    )
    yield* Effect.repeat(totals(program), { until: ({ tokens = 0 }) => tokens >= before + 5 })
    aborter.abort()
    yield* Effect.promise(() => answer)
  })

const forms = ["any", "request", "unanswered", "deaf", "notification"] as const
const requests = { any: 1, request: 1, unanswered: 1, deaf: 1, notification: 0 }

const options = { timeout: "60 seconds", excludeTestServices: true } as const
layer(Layer.scoped(Gateway, start()), options)("a client that leaves", (it) => {
  // In this order: a Lingma that refuses the request is known from then on.
  for (const form of forms) {
    it.effect(
      `ends its turn within two seconds, whole and streamed, where the cancel is heard by ${form}`,
      () =>
        Effect.gen(function* () {
          const program = yield* Gateway
          yield* control(lingmas(program)[0]!, "script", { cancel: form })
          let cancels: Readonly<Record<string, number>> = {}
          for (const dialect of Dialects.all)
            for (const stream of [true, false]) {
              const before = yield* totals(program)
              yield* leave(program, dialect, stream)
              const left = yield* totals(program)
              const concurrency = yield* settled(program, "2 seconds")
              const after = yield* totals(program)
              const where = JSON.stringify({ dialect: dialect.name, stream })
              const spoken = (after["tokens"] ?? 0) - (left["tokens"] ?? 0)
              assert.isAtMost(spoken, MOST, where)
              assert.strictEqual(concurrency.failed_total, 0, where)
              const more = (field: string) => (after[field] ?? 0) - (before[field] ?? 0)
              assert.strictEqual(more("prompts"), 1, where)
              assert.strictEqual(more("turnsFinished"), 0, where)
              if (form !== "deaf") assert.isAtLeast(more("cancels"), 1, `heard: ${where}`)
              cancels = { asked: more("cancelRequests"), notified: more("cancelNotifications"), spoken }
            }
          yield* Effect.logInfo(form, cancels)
          assert.strictEqual(cancels["asked"], requests[form], "what works is remembered")
          if (form === "notification") assert.isAtMost(cancels["spoken"] ?? 0, 50, "at once")
          yield* control(lingmas(program)[0]!, "reset")
        }),
      60_000
    )
  }

  it.effect(
    "costs nothing of anybody when its chat has ended by itself: no cancel is sent",
    () =>
      Effect.gen(function* () {
        const program = yield* Gateway
        const before = yield* totals(program)
        for (const dialect of Dialects.all)
          for (const stream of [true, false])
            yield* Dialects.ask(program, dialect, "[[emu interval=0 tokens=3]]", { stream })
        yield* settled(program)
        const after = yield* totals(program)
        for (const field of ["cancelRequests", "cancelNotifications"]) assert.strictEqual(after[field], before[field])
      }),
    60_000
  )
})

layer(Layer.scoped(Gateway, start({ LINGMA_EMULATOR_DIALECT: "ask" })), options)(
  "a client that leaves chat/ask",
  (it) => {
    it.effect(
      "ends its turn within two seconds, whole and streamed",
      () =>
        Effect.gen(function* () {
          const program = yield* Gateway
          for (const dialect of Dialects.all)
            for (const stream of [true, false]) {
              yield* leave(program, dialect, stream)
              const left = yield* totals(program)
              yield* settled(program, "2 seconds")
              const after = yield* totals(program)
              assert.isAtMost((after["tokens"] ?? 0) - (left["tokens"] ?? 0), MOST, dialect.name)
            }
        }),
      60_000
    )
  }
)
