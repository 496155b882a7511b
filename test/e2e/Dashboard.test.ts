import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { chat, json, lingma, type Program, start, text } from "./support.ts"

type Loose = Readonly<Record<string, unknown>>

const get = (program: Program, path: string, init: RequestInit = {}): Effect.Effect<Loose> =>
  Effect.promise(async () => (await (await fetch(new URL(path, program.base), init)).json()) as Loose)
const post = (program: Program, path: string) => get(program, path, { method: "POST" })
const list = (json: Loose, field: string) => (json[field] ?? []) as ReadonlyArray<Loose>

/** Asks until it is so. */
const becomes = (is: Effect.Effect<boolean>, what: string) =>
  Effect.zipLeft(is, Effect.sleep("50 millis")).pipe(
    Effect.repeat({ until: (yes) => yes }),
    Effect.timeoutFail({ duration: "20 seconds", onTimeout: () => new Error(`never: ${what}`) })
  )

/** What comes of events, as one text. */
const events = (program: Program) =>
  Effect.map(
    Effect.acquireRelease(
      Effect.sync(() => new AbortController()),
      (controller) => Effect.sync(() => controller.abort())
    ),
    ({ signal }) => {
      const seen = { text: "" }
      const read = async () => {
        const response = await fetch(new URL("/internal/events", program.base), { signal })
        const decoder = new TextDecoder()
        for await (const part of response.body ?? []) seen.text += decoder.decode(part, { stream: true })
      }
      read().catch(() => {})
      return seen
    }
  )

describe("the dashboard of a running gateway", () => {
  it.scopedLive(
    "shows a stream live, stops it, tells its client, and has a Lingma that was killed try again",
    () =>
      Effect.gen(function* () {
        const program = yield* start()
        const seen = yield* events(program)
        yield* becomes(
          Effect.sync(() => seen.text.includes("event: overview\n")),
          "a state"
        )

        const response = yield* chat(program, "[[emu tokens=2000 interval=50]]", { stream: true })
        yield* becomes(
          Effect.sync(() => /"phase":"streaming"/.test(seen.text)),
          "the stream"
        )
        const [stream] = list(yield* get(program, "/internal/overview"), "streams")
        assert.deepInclude(stream, { client: "other", instance: "inst-0", stream: true })
        const id = String(stream?.["id"])
        assert.strictEqual((yield* post(program, `/internal/chats/${id}/stop`))["state"], "stopped")
        const answer = yield* text(response)
        assert.include(answer, '"code":"chat_stopped"')
        assert.notInclude(answer, "[DONE]")
        yield* becomes(
          Effect.sync(() => seen.text.includes(`event: chat\ndata: {"id":"${id}"`)),
          "its end"
        )
        assert.deepInclude(yield* get(program, `/internal/chats/${id}`), { outcome: "cancelled", key: "anonymous" })

        const before = lingma(program)
        process.kill(before, "SIGKILL")
        yield* becomes(
          Effect.sync(() => /"state":"restarting"|"restarts":1/.test(seen.text)),
          "the end of the Lingma"
        )
        assert.strictEqual((yield* post(program, "/internal/instances/inst-0/retry"))["state"], "trying")
        yield* becomes(
          Effect.map(get(program, "/internal/overview"), ({ ready }) => ready === 1),
          "ready again"
        )
        const [instance] = list(yield* get(program, "/internal/overview"), "instances")
        assert.deepInclude(instance, { state: "serving", restarts: 1 })
        assert.isNotNull(instance?.["last_error"])
        const whole = yield* json(yield* chat(program, '[[emu text="hi"]]'))
        assert.isDefined(whole)
        assert.strictEqual(list(yield* get(program, "/internal/chats?outcome=completed"), "data").length, 1)
      }),
    120_000
  )
})
