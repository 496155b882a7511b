import * as HttpServer from "@effect/platform/HttpServer"
import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Fiber, Layer, Option, Redacted } from "effect"
import { Guard } from "../../../src/chat/Guard.ts"
import type { Settings } from "../../../src/config/Config.ts"
import { textDelta } from "../../../src/domain/Chat.ts"
import * as NodeServer from "../../../src/http/NodeServer.ts"
import * as Server from "../../../src/http/Server.ts"
import * as Database from "../../../src/team/database/Database.ts"
import * as Key from "../../../src/team/keys/Key.ts"
import { KeyRing } from "../../../src/team/keys/KeyRing.ts"
import { KeyStore } from "../../../src/team/keys/KeyStore.ts"
import { Limits } from "../../../src/team/limits/Limits.ts"
import * as DialectChat from "../../support/DialectChat.ts"
import * as EmbeddingsServer from "../../support/EmbeddingsServer.ts"
import * as LogLines from "../../support/LogLines.ts"
import * as TestBackend from "../../support/TestBackend.ts"
import * as TestGateway from "../../support/TestGateway.ts"

interface Told {
  readonly error?: { readonly type: string; readonly code: string; readonly message: string }
  readonly data?: ReadonlyArray<{ readonly id: string }>
  readonly [field: string]: unknown
}

/** A gateway with a database of its own, whose administrator's key is `sk-boss`. */
const serve = (scripted = TestBackend.make(), settings: Partial<Settings> = {}) =>
  Effect.gen(function* () {
    const { layer: logging, lines } = LogLines.listening()
    const team = Layer.merge(KeyRing.layer, Limits.layer).pipe(
      Layer.provideMerge(KeyStore.layer),
      Layer.provideMerge(Database.layer({ _tag: "Memory" }, { workDir: "", isServing: true }))
    )
    const context = yield* Layer.build(
      Server.layer.pipe(
        Layer.provideMerge(NodeServer.layerFromConfig),
        Layer.provideMerge(team),
        Layer.provideMerge(TestGateway.core(scripted, { ...settings, apiKeys: [Redacted.make("sk-boss")] })),
        Layer.provide(logging)
      )
    )
    const { address } = Context.get(context, HttpServer.HttpServer)
    const base = `http://127.0.0.1:${address._tag === "TcpAddress" ? address.port : 0}`
    const ask = (path: string, key: string, body?: unknown, method = body === undefined ? "GET" : "POST") =>
      Effect.promise(async (signal) => {
        const headers = { authorization: `Bearer ${key}`, "content-type": "application/json" }
        const response = await fetch(base + path, {
          method,
          headers,
          signal,
          ...(body === undefined ? {} : { body: JSON.stringify(body) })
        })
        const text = await response.text()
        const json = text.startsWith("{") ? (JSON.parse(text) as Told) : undefined
        return { status: response.status, headers: response.headers, text, json }
      })
    const store = Context.get(context, KeyStore)
    const ring = Context.get(context, KeyRing)
    const add = (name: string, grants: Partial<Key.Grants>) =>
      Effect.map(Effect.zipLeft(store.add(name, { ...Key.noLimits, ...grants }), ring.refresh), ({ secret }) =>
        Redacted.value(secret)
      )
    const chat = (key: string, more: object = {}) =>
      ask("/v1/chat/completions", key, { model: "auto", messages: [{ role: "user", content: "hi" }], ...more })
    return { add, ask, chat, guard: Context.get(context, Guard), lines }
  })

describe("a chat of a named key", () => {
  it.scopedLive("is refused above the requests of a minute, in its dialect's shape, and told what is left", () =>
    Effect.gen(function* () {
      const { add, ask, chat } = yield* serve()
      const key = yield* add("alice", { requestsPerMinute: 3 })
      const first = yield* chat(key)
      assert.strictEqual(first.status, 200)
      assert.strictEqual(first.headers.get("x-ratelimit-limit-requests"), "3")
      assert.strictEqual(first.headers.get("x-ratelimit-remaining-requests"), "2")
      assert.match(first.headers.get("x-ratelimit-reset-requests") ?? "", /^(?:\d\ds|1m0s)$/)
      assert.isNull(first.headers.get("x-ratelimit-limit-tokens"))
      const stream = yield* chat(key, { stream: true })
      assert.include(stream.text, "[DONE]")
      assert.strictEqual(stream.headers.get("x-ratelimit-remaining-requests"), "1")
      const messages = { model: "auto", max_tokens: 9, messages: [{ role: "user", content: "hi" }] }
      const third = yield* ask("/v1/messages", key, messages)
      assert.strictEqual(third.status, 200)
      assert.strictEqual(third.headers.get("anthropic-ratelimit-requests-remaining"), "0")
      assert.match(third.headers.get("anthropic-ratelimit-requests-reset") ?? "", /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/)
      const over = yield* chat(key)
      assert.strictEqual(over.status, 429)
      assert.deepInclude(over.json?.error, { type: "rate_limit_error", code: "rate_limit_exceeded" })
      assert.isAtLeast(Number(over.headers.get("retry-after")), 50)
      assert.strictEqual(over.headers.get("x-ratelimit-remaining-requests"), "0")
      const refused = yield* ask("/v1/messages", key, messages)
      assert.strictEqual(refused.status, 429)
      assert.strictEqual(refused.json?.error?.type, "rate_limit_error")
      assert.isAtLeast(Number(refused.headers.get("retry-after")), 50)
      // Keys without limits are not told of any.
      const boss = yield* chat("sk-boss")
      assert.strictEqual(boss.status, 200)
      assert.isNull(boss.headers.get("x-ratelimit-limit-requests"))
    })
  )

  for (const { body, name, path } of [...DialectChat.all, DialectChat.completions]) {
    const hello = (model: string, more: object = {}) => body({ model, messages: [{ role: "user", text: "hi" }], more })
    const standing = (headers: Headers) =>
      ["requests", "tokens"].flatMap((what) =>
        ["limit", "remaining", "reset"].map((figure) =>
          headers.get(name === "messages" ? `anthropic-ratelimit-${what}-${figure}` : `x-ratelimit-${figure}-${what}`)
        )
      )

    it.scopedLive(`is told its limits in ${name}, whole, streamed and refused, and which models it may not use`, () =>
      Effect.gen(function* () {
        const { add, ask } = yield* serve()
        const key = yield* add("alice", { requestsPerMinute: 2, tokensPerDay: 1_000_000, models: ["auto"] })
        const other = yield* ask(path, key, hello("agent"))
        assert.strictEqual(other.status, 403)
        assert.strictEqual(other.json?.error?.type, "permission_error")
        assert.include(other.json?.error?.message ?? "", "agent")
        if (name !== "messages") assert.strictEqual(other.json?.error?.code, "model_not_allowed")
        // It was not counted.
        const answers = [
          yield* ask(path, key, hello("auto")),
          yield* ask(path, key, hello("auto", { stream: true })),
          yield* ask(path, key, hello("auto")),
          yield* ask(path, key, hello("auto", { stream: true }))
        ]
        assert.deepStrictEqual(
          answers.map(({ headers, status }) => [status, standing(headers)[1], headers.has("retry-after")]),
          [
            [200, "1", false],
            [200, "0", false],
            [429, "0", true],
            [429, "0", true]
          ]
        )
        for (const { headers, json, status } of answers) {
          const [limit, , reset, tokens, left, resetTokens] = standing(headers)
          assert.deepStrictEqual([limit, tokens], ["2", "1000000"])
          assert.isAtMost(Number(left), 1_000_000)
          const time = name === "messages" ? /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/ : /^(?:\d+h)?(?:\d+m)?\d+m?s$/
          assert.match(reset ?? "", time)
          assert.match(resetTokens ?? "", time)
          if (status === 429) {
            assert.strictEqual(json?.error?.type, "rate_limit_error")
            if (name !== "messages") assert.strictEqual(json?.error?.code, "rate_limit_exceeded")
          }
        }
      })
    )
  }

  it.scopedLive("that is refused a model is told once in the log which of its patterns match none", () =>
    Effect.gen(function* () {
      const { add, chat, lines } = yield* serve()
      const key = yield* add("alice", { models: ["auto", "nothing-*"] })
      assert.strictEqual((yield* chat(key)).status, 200)
      for (const model of ["agent", "agent"]) assert.strictEqual((yield* chat(key, { model })).status, 403)
      assert.deepStrictEqual(
        lines.flatMap(({ message }) => (message.includes("no model matches") ? [message] : [])),
        ["no model matches nothing-* of the key alice: lingma-gateway keys set alice --models"]
      )
    })
  )

  it.scopedLive("is charged the tokens of its answer at the end, which is not cut for them", () =>
    Effect.gen(function* () {
      const { add, ask, chat } = yield* serve()
      const key = yield* add("alice", { tokensPerDay: 2 })
      assert.strictEqual((yield* chat(key)).status, 200)
      const over = yield* chat(key, { stream: true })
      assert.strictEqual(over.status, 429)
      assert.include(over.json?.error?.message ?? "", "tokens per day: Limit 2")
      const usage = yield* ask("/v1/usage", key)
      assert.deepInclude(usage.json?.["key"], { name: "alice" })
      const limits = usage.json?.["limits"] as Record<string, object> | undefined
      assert.deepInclude(limits?.["tokens_per_day"], {
        limit: 2,
        remaining: 0
      })
    })
  )

  it.scopedLive("may ask for embeddings as often as for chats", () =>
    Effect.gen(function* () {
      const upstream = yield* EmbeddingsServer.serve(EmbeddingsServer.embed)
      const { add, ask, chat } = yield* serve(TestBackend.make(), { embeddingsUrl: Option.some(upstream.url) })
      const key = yield* add("alice", { requestsPerMinute: 2 })
      const embed = ask("/v1/embeddings", key, { model: "e", input: "hi" })
      assert.deepStrictEqual([(yield* embed).status, (yield* chat(key)).status], [200, 200])
      const over = yield* embed
      assert.deepStrictEqual([over.status, over.json?.error?.code], [429, "rate_limit_exceeded"])
      assert.isNotNull(over.headers.get("retry-after"))
    })
  )

  it.scopedLive("has only the models that its patterns name", () =>
    Effect.gen(function* () {
      const { add, ask, chat } = yield* serve()
      const every = (yield* ask("/v1/models", "sk-boss")).json?.data?.map(({ id }) => id) ?? []
      const own = every.find((id) => id !== "auto" && id !== "agent") ?? ""
      const key = yield* add("alice", { models: [own] })
      const listed = (yield* ask("/v1/models", key)).json?.data?.map(({ id }) => id) ?? []
      assert.include(listed, own)
      assert.isBelow(listed.length, every.length)
      assert.strictEqual((yield* chat(key, { model: own })).status, 200)
      const agent = yield* chat(key, { model: "agent" })
      assert.strictEqual(agent.status, 403)
      assert.deepInclude(agent.json?.error, { type: "permission_error", code: "model_not_allowed" })
      assert.strictEqual((yield* ask("/v1/models/agent", key)).status, 404)
      assert.strictEqual((yield* ask("/v1/models/agent", "sk-boss")).status, 200)
    })
  )

  it.scopedLive("ends with an error event in its dialect when the key is revoked", () =>
    Effect.gen(function* () {
      const { add, ask, chat, guard } = yield* serve(TestBackend.make(TestBackend.emit(textDelta("a"))))
      const key = yield* add("alice", {})
      const body = { model: "auto", max_tokens: 9, stream: true, messages: [{ role: "user", content: "hi" }] }
      const streams = yield* Effect.fork(
        Effect.all([chat(key, { stream: true }), ask("/v1/messages", key, body)], { concurrency: "unbounded" })
      )
      yield* Effect.repeat(Effect.zipLeft(guard.stats, Effect.sleep("5 millis")), {
        until: ({ inFlight }) => inFlight === 2
      })
      assert.strictEqual((yield* ask("/internal/keys/alice", "sk-boss", undefined, "DELETE")).status, 200)
      const [openai, anthropic] = yield* Fiber.join(streams)
      assert.include(openai.text, '"code":"invalid_api_key"')
      assert.include(openai.text, "This API key has been revoked.")
      assert.notInclude(openai.text, "[DONE]")
      assert.include(anthropic.text, "event: error")
      assert.include(anthropic.text, '"type":"authentication_error"')
    })
  )

  it.scopedLive("runs beside as many as its key may have at once", () =>
    Effect.gen(function* () {
      const { add, chat, guard } = yield* serve(TestBackend.make(TestBackend.silent))
      const key = yield* add("alice", { maxInFlight: 1 })
      const running = yield* Effect.fork(chat(key, { stream: true }))
      yield* Effect.repeat(Effect.zipLeft(guard.stats, Effect.sleep("5 millis")), {
        until: ({ inFlight }) => inFlight === 1
      })
      const over = yield* chat(key)
      assert.strictEqual(over.status, 429)
      assert.include(over.json?.error?.message ?? "", "chats at once: Limit 1. Please try again in 1s.")
      yield* Fiber.interrupt(running)
      // Once it has left, its place is free.
      const next = yield* Effect.fork(
        Effect.repeat(chat(key, { stream: true }), { while: ({ status }) => status === 429 })
      )
      yield* Effect.repeat(Effect.zipLeft(guard.stats, Effect.sleep("5 millis")), {
        until: ({ accepted, inFlight }) => inFlight === 1 && accepted === 2
      })
      yield* Fiber.interrupt(next)
    })
  )
})

describe("/internal/keys", () => {
  it.scopedLive("makes, changes, rotates and revokes keys for administrators, at once", () =>
    Effect.gen(function* () {
      const { ask, chat } = yield* serve()
      const made = yield* ask("/internal/keys", "sk-boss", {
        name: "alice",
        requests_per_minute: 1,
        models: ["auto", "nothing-*"]
      })
      assert.strictEqual(made.status, 200)
      const secret = String(made.json?.["key"])
      assert.match(secret, /^sk-lgw-/)
      assert.deepStrictEqual(made.json?.["warnings"], ["no model matches nothing-*"])
      assert.strictEqual((yield* chat(secret)).status, 200)
      assert.strictEqual((yield* chat(secret)).status, 429)
      // It is no administrator.
      assert.strictEqual((yield* ask("/internal/keys", secret)).status, 401)
      assert.strictEqual((yield* ask("/internal/keys", "sk-boss", { name: "alice" })).status, 409)
      const wrong = yield* ask("/internal/keys", "sk-boss", { name: "bob", weight: 0 })
      assert.strictEqual(wrong.status, 400)
      assert.strictEqual(wrong.json?.error?.message, "weight must be a number from 0.01 to 1000")
      const changed = yield* ask("/internal/keys/alice", "sk-boss", { requests_per_minute: null, admin: true })
      assert.deepInclude(changed.json, { requests_per_minute: null, admin: true, models: ["auto", "nothing-*"] })
      assert.strictEqual((yield* chat(secret)).status, 200)
      const list = yield* ask("/internal/keys", secret)
      assert.strictEqual(list.status, 200)
      assert.notInclude(list.text, secret)
      const rotated = yield* ask("/internal/keys/alice/rotate", "sk-boss", { grace_seconds: 60 })
      assert.strictEqual((yield* chat(secret)).status, 200)
      assert.strictEqual((yield* chat(String(rotated.json?.["key"]))).status, 200)
      assert.strictEqual((yield* ask("/internal/keys/key-1", "sk-boss", undefined, "DELETE")).status, 409)
      assert.strictEqual((yield* ask("/internal/keys/alice", "sk-boss", undefined, "DELETE")).status, 200)
      assert.strictEqual((yield* chat(secret)).status, 401)
      assert.strictEqual((yield* ask("/internal/keys/alice", "sk-boss")).status, 404)
    })
  )
})
