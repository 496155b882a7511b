import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import * as HttpServer from "@effect/platform/HttpServer"
import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Layer, Redacted } from "effect"
import * as Client from "../../../../src/Client.ts"
import type { Settings } from "../../../../src/config/Config.ts"
import { finish, textDelta } from "../../../../src/domain/Chat.ts"
import { BackendFailure } from "../../../../src/domain/ChatError.ts"
import * as NodeServer from "../../../../src/http/NodeServer.ts"
import * as Server from "../../../../src/http/Server.ts"
import { ChatHistory } from "../../../../src/team/ledger/ChatHistory.ts"
import { Ledger } from "../../../../src/team/ledger/Ledger.ts"
import * as LedgerChats from "../../../support/LedgerChats.ts"
import * as TestBackend from "../../../support/TestBackend.ts"
import * as TestGateway from "../../../support/TestGateway.ts"

const hello = { model: "auto", messages: [{ role: "user", content: "hi" }] }
const post = (headers: Record<string, string> = {}): RequestInit => ({
  method: "POST",
  headers: { "content-type": "application/json", ...headers }
})

/** The objects of a list. */
const list = (json: TestGateway.Json, field: string) => json[field] as ReadonlyArray<Record<string, unknown>>

/** Asks until the answer is as wanted. */
const wait = <A>(ask: Effect.Effect<A>, is: (answer: A) => boolean) =>
  ask.pipe(Effect.zipLeft(Effect.sleep("5 millis")), Effect.repeat({ until: is }), Effect.timeout("10 seconds"))

describe("The state of the gateway over HTTP", () => {
  it.scopedLive("has whole numbers of tokens, whatever an upstream reports", () =>
    Effect.gen(function* () {
      const scripted = TestBackend.make(TestBackend.silent)
      const { chat, drained, request } = yield* TestGateway.serve(scripted)
      const running = yield* Effect.fork(chat({ ...hello, stream: true }))
      const turn = yield* scripted.turns.take
      turn.emit(textDelta("one"))
      turn.emit({ _tag: "Usage", usage: { inputTokens: 0.5, outputTokens: 1e308 } })
      const overview = Effect.map(request("/internal/overview"), ({ json }) => json)
      const during = yield* wait(overview, (json) => list(json, "streams")[0]?.["phase"] === "streaming")
      assert.strictEqual(list(during, "streams")[0]?.["tokens"], 1e12)
      turn.emit(finish("stop"))
      yield* running
      yield* drained
      const after = yield* wait(overview, (json) => list(json, "streams").length === 0)
      assert.strictEqual(list(after, "instances")[0]?.["tokens_today"], 1e12 + 1)
    })
  )

  it.scopedLive("tells instances, running chats and what is wrong, with hostile words as they are", () =>
    Effect.gen(function* () {
      const scripted = TestBackend.make(TestBackend.silent, {
        status: Effect.succeed({ ...TestBackend.ready, models: TestBackend.models, account: "<b>ann@example.com" })
      })
      const { chat, drained, request } = yield* TestGateway.serve(scripted)
      const running = yield* Effect.fork(chat({ ...hello, model: "auto", stream: true }))
      const turn = yield* scripted.turns.take
      turn.emit(textDelta("one two three"))
      const overview = Effect.map(request("/internal/overview"), ({ json }) => json)
      const json = yield* wait(overview, (json) => list(json, "streams")[0]?.["phase"] === "streaming")
      assert.deepInclude(json, { ready: 1, size: 1, in_flight: 1, queued: 0, oldest_wait_ms: null, problem: null })
      assert.approximately(Date.parse(String(json["now"])), Date.now(), 5000)
      const [instance] = list(json, "instances")
      assert.deepInclude(instance, { name: "inst-0", state: "serving", ready: true, in_flight: 1, chats_today: 0 })
      assert.notInclude(JSON.stringify(instance), "example.com")
      const [stream] = list(json, "streams")
      assert.deepInclude(stream, { key: "anonymous", model: "auto", model_asked: "auto", instance: "inst-0" })
      assert.isAbove(Number(stream?.["tokens"]), 0)
      turn.fail(
        new BackendFailure({ instance: "inst-0", started: true, detail: "<script>alert(1)</script> sk-12345678" })
      )
      yield* running
      yield* drained
      const after = yield* wait(overview, (json) => list(json, "streams").length === 0)
      const [failed] = list(after, "instances")
      assert.deepInclude(failed, { chats_today: 1, error_rate: 1 })
      assert.strictEqual(
        (failed?.["last_error"] as { readonly message: string } | undefined)?.message,
        "<script>alert(1)</script> …"
      )
      const chats = yield* request("/internal/chats")
      assert.match(chats.headers.get("content-type") ?? "", /^application\/json/)
      assert.deepInclude(list(chats.json, "data")[0], {
        outcome: "failed",
        error_code: "upstream_error",
        error: "Lingma: <script>alert(1)</script> …"
      })
    })
  )

  it.scopedLive("names who is signed out, as readiness does, and what mends it", () =>
    Effect.gen(function* () {
      const failed = { _tag: "Failed", reason: "bad_credentials", detail: "secret", until: 0 } as const
      const { request } = yield* TestGateway.serve(
        TestBackend.make(TestBackend.silent, {
          status: Effect.succeed({ ...TestBackend.ready, loggedIn: false, login: failed }),
          login: {
            automatic: true,
            state: Effect.succeed(failed),
            identity: Effect.succeed(undefined),
            start: Effect.succeed("running" as const),
            person: Effect.succeed({ url: "http://127.0.0.1/" }),
            callback: () => Effect.void
          }
        })
      )
      const { json } = yield* request("/internal/overview")
      assert.deepInclude(json["problem"], {
        code: "login_failed",
        instance: "inst-0",
        action: "sign_in",
        message: "No account is signed in at inst-0: the password was refused."
      })
      assert.deepInclude(list(json, "instances")[0], {
        state: "signed_out",
        ready: false,
        login: "login_failed:bad_credentials"
      })
      assert.strictEqual(json["ready"], 0)
      assert.strictEqual((yield* request("/healthz")).json["pool_ready"], 0)
      assert.strictEqual((yield* request("/readyz")).status, 503)
      const metrics = (yield* request("/metrics")).text
      assert.include(metrics, 'gateway_pool_instance_signed_in{name="inst-0"} 0')
      assert.include(metrics, 'gateway_pool_instance_ready{name="inst-0"} 0')
      assert.include(metrics, 'gateway_chats_total{dialect="messages",mode="none",model="none",outcome="failed"} 0')
    })
  )

  it.scopedLive("is for administrators, and for no page of another origin", () =>
    Effect.gen(function* () {
      const given: Partial<Settings> = {
        apiKeys: [Redacted.make("a-key-of-clients-1")],
        adminKeys: [Redacted.make("a-key-of-admins-1")]
      }
      const { base, request } = yield* TestGateway.serve(TestBackend.make(), given)
      const routes: ReadonlyArray<readonly [string, string]> = [
        ["GET", "/internal/overview"],
        ["GET", "/internal/events"],
        ["GET", "/internal/chats"],
        ["GET", "/internal/chats/x"],
        ["POST", "/internal/chats/x/stop"],
        ["POST", "/internal/instances/inst-0/retry"],
        ["GET", "/internal/plots"],
        ["GET", "/internal/usage/keys?key=a"]
      ]
      for (const [method, path] of routes) {
        assert.strictEqual((yield* request(path, { method })).status, 401, path)
        const wrong = { authorization: "Bearer made-up" }
        assert.strictEqual((yield* request(path, { method, headers: wrong })).status, 401, path)
        const client = { authorization: "Bearer a-key-of-clients-1" }
        assert.strictEqual(
          (yield* request(path, { method, headers: client })).json.error?.message,
          "This API key is not one of administrators: use one of ADMIN_KEYS, or a key that was made with --admin.",
          path
        )
        const foreign = { authorization: "Bearer a-key-of-admins-1", origin: "http://evil.example" }
        assert.strictEqual((yield* request(path, { method, headers: foreign })).status, 403, path)
      }
      // The gateway's own page, whose POSTs name their origin.
      const own = { authorization: "Bearer a-key-of-admins-1", origin: base }
      assert.strictEqual((yield* request("/internal/instances/inst-0/retry", post(own))).status, 200)
      assert.strictEqual((yield* request("/internal/overview", { headers: own })).status, 200)
    })
  )

  it.scopedLive("is read by the typed client", () =>
    Effect.gen(function* () {
      const { base, chat } = yield* TestGateway.serve(TestBackend.make())
      yield* chat(hello)
      const client = yield* Client.make({ baseUrl: base })
      const overview = yield* client.dashboard.overview()
      assert.strictEqual(overview.instances[0]?.name, "inst-0")
      const chats = yield* client.dashboard.chats({ urlParams: { limit: "1" } })
      assert.deepInclude(chats.data[0], { outcome: "completed", key: "anonymous", error: null })
      const one = yield* client.dashboard.chat({ path: { id: chats.data[0]?.id ?? "" } })
      assert.deepStrictEqual(one, chats.data[0])
      const plots = yield* client.dashboard.plots({ urlParams: {} })
      assert.strictEqual(plots.at.length, plots.series.completed.length)
      assert.strictEqual(
        plots.series.completed.reduce<number>((sum, n) => sum + (n ?? 0), 0),
        1
      )
    }).pipe(Effect.provide(FetchHttpClient.layer))
  )
})

describe("A chat that is stopped over HTTP", () => {
  const dialects = [
    ["/v1/chat/completions", hello, /"code":"chat_stopped"/, "data: [DONE]"],
    ["/v1/messages", { ...hello, max_tokens: 10 }, /"type":"permission_error"/, "message_stop"],
    ["/v1/responses", { model: "auto", input: "hi" }, /"chat_stopped"/, "response.completed"]
  ] as const
  for (const [path, body, told, end] of dialects) {
    it.scopedLive(`is told to the client of ${path} as its errors are, before its answer and in the middle of it`, () =>
      Effect.gen(function* () {
        const scripted = TestBackend.make(TestBackend.silent)
        const { drained, lines, request } = yield* TestGateway.serve(scripted)
        const running = Effect.map(request("/internal/overview"), ({ json }) => list(json, "streams"))
        const stop = (phase: string) =>
          Effect.gen(function* () {
            const streams = yield* wait(running, (streams) => streams[0]?.["phase"] === phase)
            const id = String(streams[0]?.["id"])
            const stopped = yield* request(`/internal/chats/${id}/stop`, post())
            assert.deepStrictEqual([stopped.status, stopped.json["state"]], [200, "stopped"])
            return id
          })
        const ask = (stream: boolean) => request(path, { ...post(), body: JSON.stringify({ ...body, stream }) })

        const before = yield* Effect.fork(ask(false))
        yield* scripted.turns.take
        const id = yield* stop("waiting")
        const refused = yield* before
        assert.strictEqual(refused.status, 403)
        assert.strictEqual(refused.headers.get("x-should-retry"), "false")
        assert.match(refused.text, told)
        assert.include(refused.text, "stopped by an administrator")

        const middle = yield* Effect.fork(ask(true))
        const turn = yield* scripted.turns.take
        turn.emit(textDelta("Hello"))
        yield* stop("streaming")
        const streamed = yield* middle
        assert.strictEqual(streamed.status, 200)
        assert.include(streamed.text, "Hello")
        assert.match(streamed.text, told)
        assert.notInclude(streamed.text, end)

        yield* drained
        const again = yield* request(`/internal/chats/${id}/stop`, post())
        assert.strictEqual(again.status, 404)
        const { json } = yield* request(`/internal/chats/${id}`)
        assert.deepInclude(json, { id, outcome: "cancelled", error_code: "chat_stopped" })
        assert.isTrue(lines.some((line) => JSON.stringify(line).includes("chat stopped")))
      })
    )
  }
})

describe("Ended chats over HTTP", () => {
  it.scopedLive("go on in the ledger, and are refused by name where they make no sense", () =>
    Effect.gen(function* () {
      const context = yield* Server.layer.pipe(
        Layer.provideMerge(NodeServer.layerFromConfig),
        Layer.provideMerge(TestGateway.core(TestBackend.make())),
        Layer.provideMerge(ChatHistory.layer),
        Layer.provideMerge(LedgerChats.layer()),
        Layer.provide(TestGateway.settingsOf()),
        Layer.build
      )
      const { address } = Context.get(context, HttpServer.HttpServer)
      const base = `http://127.0.0.1:${address._tag === "TcpAddress" ? address.port : 0}`
      const get = (path: string) =>
        Effect.promise(async () => {
          const response = await fetch(base + path)
          return { status: response.status, json: (await response.json()) as TestGateway.Json }
        })
      const ledger = Context.get(context, Ledger)
      for (let i = 0; i < 30; i++) {
        const failed = {
          outcome: "failed",
          error: "Lingma: boom",
          errorCode: "upstream_error",
          answer: undefined
        } as const
        ledger.record(
          LedgerChats.chat({ id: `old-${i}`, endedAt: Date.now() - 100_000 - i * 1000, ...(i % 3 === 0 ? failed : {}) })
        )
      }
      yield* ledger.flush
      yield* Effect.promise(() => fetch(`${base}/v1/chat/completions`, { ...post(), body: JSON.stringify(hello) }))
      const seen: Array<unknown> = []
      let next: unknown = ""
      while (next !== null) {
        const { json } = yield* get(`/internal/chats?limit=7&before=${String(next)}`)
        assert.strictEqual(json["ledger"], "memory")
        seen.push(...list(json, "data").map(({ id }) => id))
        next = json["next"]
      }
      assert.lengthOf(new Set(seen), 31)
      assert.lengthOf(seen, 31)
      assert.strictEqual(seen[30], "old-29")
      const failed = (yield* get("/internal/chats?outcome=failed&id=REQ-1")).json
      assert.lengthOf(list(failed, "data"), 10)
      const old: Readonly<Record<string, unknown>> = (yield* get("/internal/chats/old-3")).json
      assert.deepInclude(old, { error: "Lingma: boom", outcome: "failed" })
      assert.strictEqual((yield* get("/internal/chats/made-up")).status, 404)
      assert.strictEqual((yield* get("/internal/chats?limit=9999")).status, 400)
      assert.strictEqual((yield* get("/internal/plots?range=1y")).status, 400)
    })
  )
})
