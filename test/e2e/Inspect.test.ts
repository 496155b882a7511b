import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { chat, eventually, json, lingmas, runToEnd, start, text } from "./support.ts"

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

interface Kept {
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
          (data as ReadonlyArray<Kept>).map(({ id }) => id)
        )
        /** A record is there once its request has let go of everything, which is after its last byte. */
        const one = (id: string) =>
          Effect.flatMap(admin(`/internal/inspect/${id}`), json).pipe(
            Effect.map((body) => body as unknown as Kept),
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

        const messages = [{ role: "user", content: good }]
        const others = {
          "/v1/messages": { model: "auto", max_tokens: 100, stream: true, messages },
          "/v1/responses": { model: "auto", stream: true, store: false, input: good }
        }
        for (const [path, body] of Object.entries(others)) {
          const init = { ...by(ANN, path.slice(4)), method: "POST", body: JSON.stringify(body) }
          yield* Effect.flatMap(
            Effect.promise(() => fetch(program.base + path, init)),
            text
          )
          const record = yield* one(path.slice(4))
          assert.strictEqual(record.answer.text, "all is well", path)
          assert.include(record.questions[0]?.prompt, good, path)
        }

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
        assert.deepStrictEqual(yield* ids, ["of-ann", "errors-bad", "responses", "messages", "all-1"])
        // What was kept stays in memory: neither log nor files have a word of it.
        assert.notInclude(program.stdout(), "all is well")
        yield* admin("/internal/inspect", "DELETE")
        assert.deepStrictEqual(yield* ids, [])
      }),
    { timeout: 60_000 }
  )

  it.scopedLive(
    "has a recorded request sent again by replay, which prints both answers, or says why it cannot",
    () =>
      Effect.gen(function* () {
        const program = yield* start({ ...env, INSPECT: "all" })
        const settings = { ...env, GATEWAY_PORT: new URL(program.base).port }
        const replay = (...args: ReadonlyArray<string>) => runToEnd(["replay", ...args], settings)
        const ask = (prompt: string, id: string, more: object = {}, init = by(ANN, id)) =>
          Effect.flatMap(chat(program, prompt, { ...more }, init), text)
        const isKept = (id: string) =>
          Effect.promise(() => fetch(`${program.base}/internal/inspect/${id}`, by(ADMIN))).pipe(
            Effect.tap(text),
            Effect.zipLeft(Effect.sleep("20 millis")),
            Effect.repeat({ until: ({ status }) => status === 200 }),
            Effect.timeout("10 seconds")
          )

        yield* ask(good, "first-1", { stream: true })
        yield* isKept("first-1")
        const shown = yield* replay("first-1")
        assert.strictEqual(shown.code, 0, shown.stderr)
        assert.match(shown.stdout, /first-1 {2}\/v1\/chat\/completions .* sent again as replay-[0-9a-f]{8}-first-1/)
        assert.match(
          shown.stdout,
          /first {3}completed {2}200 .*tokens\n {2}all is well\n\nagain {3}completed {2}200 .*tokens\n {2}all is well/
        )
        const other = yield* replay("first-1", "--model", "no-such-model", "--json")
        assert.strictEqual(other.code, 1)
        const told = JSON.parse(other.stdout) as { readonly again: Record<string, unknown>; readonly ok: boolean }
        assert.isFalse(told.ok)
        assert.deepInclude(told.again, { status: 404, outcome: "failed", model_asked: "no-such-model" })
        assert.include(told.again["text"], "no-such-model")

        const url =
          "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
        yield* ask("", "pictured-1", {
          messages: [{ role: "user", content: [{ type: "image_url", image_url: { url } }] }]
        })
        yield* isKept("pictured-1")
        const { GATEWAY_PORT } = settings
        const [pictured, missing, misused, wrong, unkeyed, report] = yield* Effect.all(
          [
            replay("pictured-1"),
            replay("nobody", "--json"),
            replay(),
            runToEnd(["replay", "x"], { GATEWAY_PORT: "many" }),
            runToEnd(["replay", "first-1"], { ADMIN_KEYS: ADMIN, GATEWAY_PORT }),
            runToEnd(["report"], settings)
          ],
          { concurrency: 3 }
        )
        assert.deepStrictEqual(
          [pictured, missing, misused, wrong, unkeyed, report].map(({ code }) => code),
          [1, 1, 2, 78, 1, 0]
        )
        assert.include(
          pictured.stderr,
          "pictured-1 cannot be sent again: the pictures or documents in its body were not kept"
        )
        assert.match(missing.stdout, /"error": "Nothing is kept of this request/)
        assert.include(unkeyed.stderr, "set API_KEYS")
        assert.notInclude(report.stdout, "all is well", "nothing that was looked into is in a report")
      }),
    { timeout: 90_000 }
  )
})
