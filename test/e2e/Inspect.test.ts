import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { chat, eventually, json, lingmas, start, text } from "./support.ts"

const env = { ADMIN_KEYS: "admin-key-of-this-test", API_KEYS: "client-key-of-ann-1,client-key-of-bob-2" }
const by = (key: string, id?: string): RequestInit => ({
  headers: {
    "content-type": "application/json",
    authorization: `Bearer ${key}`,
    ...(id === undefined ? {} : { "x-request-id": id })
  }
})
const ANN = "client-key-of-ann-1"
const BOB = "client-key-of-bob-2"
const ADMIN = env.ADMIN_KEYS
const good = '[[emu interval=0 text="all is well"]]'
const bad = "[[emu finish_error=430]]"

interface Record {
  readonly id: string
  readonly outcome: string
  readonly questions: ReadonlyArray<{
    readonly instance: string
    readonly prompt: string
    readonly pushes: ReadonlyArray<{ readonly kind: string; readonly text: string; readonly pieces: number }>
  }>
  readonly answer: { readonly text: string; readonly body: string; readonly status: number }
  readonly request: { readonly runnable: boolean; readonly body: { readonly model: string } }
}

describe("a gateway that looks into requests", () => {
  it.scopedLive(
    "keeps all, those that fail, or those of one key, until it is switched off; and never a secret",
    () =>
      Effect.gen(function* () {
        const program = yield* start(env)
        const admin = (path: string, method = "GET", body?: unknown) =>
          Effect.promise(() =>
            fetch(program.base + path, {
              ...by(ADMIN),
              method,
              ...(body === undefined ? {} : { body: JSON.stringify(body) })
            })
          )
        const put = (body: unknown) => Effect.flatMap(admin("/internal/inspect", "PUT", body), json)
        const ask = (prompt: string, key: string, id: string, more: object = {}) =>
          Effect.flatMap(chat(program, prompt, { ...more }, by(key, id)), text)
        const ids = Effect.map(Effect.flatMap(admin("/internal/inspect"), json), ({ data }) =>
          (data as ReadonlyArray<Record>).map(({ id }) => id)
        )
        /** A record is there once its request has let go of everything, which is after its last byte. */
        const one = (id: string) =>
          Effect.flatMap(admin(`/internal/inspect/${id}`), json).pipe(
            Effect.map((body) => body as unknown as Record),
            Effect.zipLeft(Effect.sleep("20 millis")),
            Effect.repeat({ until: ({ id }) => id !== undefined }),
            Effect.timeout("10 seconds")
          )

        yield* ask(good, ANN, "before")
        yield* put({ mode: "all", minutes: 5 })
        const streamed = yield* ask(`${good} and my key is ${ANN}`, ANN, "all-1", { stream: true })
        const first = yield* one("all-1")
        assert.strictEqual(first.outcome, "completed")
        assert.isTrue(first.request.runnable)
        const [question] = first.questions
        assert.include(question?.prompt, "[[emu interval=0")
        assert.include(question?.prompt, "and my key is …")
        assert.isAbove(lingmas(program).length, 0)
        const said = question?.pushes.filter(({ kind }) => kind === "text") ?? []
        assert.strictEqual(
          said
            .map(({ text }) => text)
            .join("")
            .trim(),
          first.answer.text
        )
        assert.include(first.answer.text, "all is well")
        assert.isTrue(
          question?.pushes.some(({ kind }) => kind !== "text"),
          "the end of the turn is there as it was pushed"
        )
        assert.strictEqual(first.answer.body, streamed)

        yield* put({ mode: "errors", minutes: 5 })
        yield* ask(good, ANN, "errors-good")
        yield* ask(bad, ANN, "errors-bad")
        const failed = yield* one("errors-bad")
        assert.strictEqual(failed.outcome, "failed")
        assert.include(JSON.stringify(failed.questions), "430")

        const { data } = yield* Effect.flatMap(admin("/internal/chats"), json)
        const ann = (data as ReadonlyArray<{ readonly key: string }>)[0]?.key
        yield* put({ mode: "all", key: ann, minutes: 5 })
        yield* ask(good, BOB, "of-bob")
        yield* ask(good, ANN, "of-ann")
        yield* one("of-ann")
        yield* put({ mode: "off" })
        yield* ask(good, ANN, "after")
        yield* eventually(() => program.stdout().includes("looking into requests switched") || undefined, "who did it")
        assert.deepStrictEqual(yield* ids, ["of-ann", "errors-bad", "all-1"])
        // What was kept stays in memory: neither log nor files have a word of it.
        assert.notInclude(program.stdout(), "all is well")
        yield* admin("/internal/inspect", "DELETE")
        assert.deepStrictEqual(yield* ids, [])
      }),
    { timeout: 60_000 }
  )
})
