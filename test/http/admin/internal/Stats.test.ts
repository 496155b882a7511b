import { assert, describe, it } from "@effect/vitest"
import { Effect, Queue, Redacted } from "effect"
import { finish, textDelta } from "../../../../src/domain/Chat.ts"
import { BackendFailure, QuotaExhausted } from "../../../../src/domain/ChatError.ts"
import * as TestBackend from "../../../support/TestBackend.ts"
import * as TestGateway from "../../../support/TestGateway.ts"

const hello = { model: "auto", messages: [{ role: "user", content: "hi" }] }
const post = (body: unknown) => ({
  method: "POST",
  headers: { "content-type": "application/json" },
  body: JSON.stringify(body)
})

describe("/internal/stats", () => {
  it.scopedLive("reports chats, queue and instances exactly", () =>
    Effect.gen(function* () {
      const scripted = TestBackend.make(TestBackend.silent)
      const gateway = yield* TestGateway.serve(scripted, { maxInFlight: 2, queueMax: 0 })
      const nextTurn = Queue.take(scripted.turns)
      const begin = (body: unknown, signal?: AbortSignal) =>
        Effect.sync(() =>
          fetch(`${gateway.base}/v1/chat/completions`, { ...post(body), ...(signal === undefined ? {} : { signal }) })
        )

      const whole = yield* begin(hello)
      const a = yield* nextTurn
      const aborter = new AbortController()
      const leaving = yield* begin({ ...hello, stream: true }, aborter.signal)
      const b = yield* nextTurn
      b.emit(textDelta("x"))
      yield* Effect.promise(() => leaving)
      assert.strictEqual((yield* gateway.chat(hello)).status, 429)
      aborter.abort()
      a.emit(textDelta("four words of text"))
      a.emit(finish("stop"))
      const answer = yield* Effect.promise(async () => (await whole).json() as Promise<TestGateway.Json>)
      yield* gateway.drained

      const failing = yield* begin(hello)
      ;(yield* nextTurn).fail(new BackendFailure({ instance: "inst-0", started: true, detail: "boom" }))
      assert.strictEqual((yield* Effect.promise(() => failing)).status, 502)
      yield* gateway.request("/v1/models")
      yield* gateway.drained

      const { json, status } = yield* gateway.request("/internal/stats")
      assert.strictEqual(status, 200)
      const usage = answer["usage"] as { readonly prompt_tokens: number; readonly completion_tokens: number }
      assert.deepInclude(json["stats"], {
        chats_total: 4,
        chats_stream_total: 1,
        chats_completed_total: 1,
        chats_failed_total: 1,
        chats_cancelled_total: 1,
        chats_rejected_total: 1,
        prompt_tokens_total: usage.prompt_tokens * 2,
        completion_tokens_total: usage.completion_tokens + 1,
        models_requests_total: 1
      })
      assert.deepStrictEqual(json["keys"], [
        {
          key: "anonymous",
          chats_completed_total: 1,
          chats_failed_total: 1,
          chats_cancelled_total: 1,
          chats_rejected_total: 1,
          prompt_tokens_total: usage.prompt_tokens * 2,
          completion_tokens_total: usage.completion_tokens + 1
        }
      ])
      assert.deepStrictEqual(json["concurrency"], {
        max_in_flight: 2,
        in_flight: 0,
        queued: 0,
        accepted_total: 3,
        rejected_total: 1,
        abandoned_total: 0,
        completed_total: 1,
        failed_total: 1,
        cancelled_total: 1
      })
      assert.deepStrictEqual(json["pool"], {
        size: 1,
        ready: 1,
        instances: [
          {
            name: "inst-0",
            state: "ready",
            ready: true,
            reason: null,
            in_flight: 0,
            logged_in: true,
            login: "signed_in",
            restarts: 0,
            ejected: false,
            ejections_total: 0,
            consecutive_failures: 1,
            spent: [],
            last_error: "BackendFailure: boom"
          }
        ]
      })
    })
  )

  it.scopedLive("reports which quota of an account is used up, of a model or of all, and until when", () =>
    Effect.gen(function* () {
      const until = Date.UTC(2100, 0, 1)
      const soon = Date.now() + 3_600_000
      const models = ["x", "y"].map((key) => ({ key, name: key, scene: "chat" as const, isDefault: false }))
      const scripted = TestBackend.make(
        (turn, ask) =>
          TestBackend.refuse(
            new QuotaExhausted({
              instance: "inst-0",
              until: ask.model === "x" ? soon : until,
              ...(ask.model === "x" ? { model: "x" } : {})
            })
          )(turn, ask),
        { offers: models }
      )
      const gateway = yield* TestGateway.serve(scripted)
      const spent = Effect.map(gateway.request("/internal/stats"), ({ json }) => {
        const { instances } = json["pool"] as { readonly instances: ReadonlyArray<{ readonly spent: unknown }> }
        return instances[0]?.spent
      })
      assert.deepStrictEqual(yield* spent, [])
      yield* gateway.chat({ ...hello, model: "x" })
      const ofModel = { model: "x", until: new Date(soon).toISOString() }
      assert.deepStrictEqual(yield* spent, [ofModel])
      const before = Date.now()
      yield* gateway.chat({ ...hello, model: "y" })
      const [account, ...others] = (yield* spent) as ReadonlyArray<{
        readonly model: string | null
        readonly until: string
      }>
      assert.deepStrictEqual(others, [ofModel])
      assert.isNull(account?.model)
      assert.approximately(Date.parse(account?.until ?? ""), before + 24 * 3_600_000, 10_000, "a day at most")
    })
  )

  it.scopedLive("requires an admin key if there are any, and rejects pages of other sites", () =>
    Effect.gen(function* () {
      const keys = { apiKeys: [Redacted.make("sk-user")], adminKeys: [Redacted.make("sk-admin")] }
      const { request } = yield* TestGateway.serve(TestBackend.make(), keys)
      const ask = (headers: Record<string, string>) => request("/internal/stats", { headers })
      assert.strictEqual((yield* ask({})).status, 401)
      assert.strictEqual((yield* ask({ authorization: "Bearer sk-user" })).json.error?.code, "invalid_api_key")
      assert.strictEqual((yield* ask({ authorization: "Bearer sk-admin" })).status, 200)
      assert.strictEqual((yield* ask({ "x-api-key": "sk-admin" })).status, 200)
      const foreign = yield* ask({ authorization: "Bearer sk-admin", origin: "https://evil.example" })
      assert.strictEqual(foreign.status, 403)
      assert.strictEqual(foreign.json.error?.code, "origin_not_allowed")
    })
  )
})
