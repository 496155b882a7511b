import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import * as HttpServer from "@effect/platform/HttpServer"
import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Layer, Redacted } from "effect"
import OpenAI from "openai"
import * as Client from "../../../../src/Client.ts"
import * as NodeServer from "../../../../src/http/NodeServer.ts"
import * as Server from "../../../../src/http/Server.ts"
import { Ledger } from "../../../../src/team/ledger/Ledger.ts"
import { UsageReport } from "../../../../src/team/ledger/UsageReport.ts"
import * as LedgerChats from "../../../support/LedgerChats.ts"
import * as TestBackend from "../../../support/TestBackend.ts"
import * as TestGateway from "../../../support/TestGateway.ts"

const keys = { apiKeys: [Redacted.make("a-key-of-clients-1")], adminKeys: [Redacted.make("a-key-of-admins-1")] }
const user = { authorization: "Bearer a-key-of-clients-1" }
const admin = { authorization: "Bearer a-key-of-admins-1" }

/** A gateway with a ledger in memory. */
const serve = Effect.gen(function* () {
  const scripted = TestBackend.make(TestBackend.say("Hel", "lo"))
  const context = yield* Server.layer.pipe(
    Layer.provideMerge(NodeServer.layerFromConfig),
    Layer.provideMerge(TestGateway.core(scripted, keys)),
    Layer.provideMerge(UsageReport.layerFromConfig),
    Layer.provideMerge(LedgerChats.layer()),
    Layer.provide(TestGateway.settingsOf(keys)),
    Layer.build
  )
  const { address } = Context.get(context, HttpServer.HttpServer)
  const base = `http://127.0.0.1:${address._tag === "TcpAddress" ? address.port : 0}`
  const get = (path: string, headers: Record<string, string> = admin) =>
    Effect.promise(async () => {
      const response = await fetch(base + path, { headers })
      return { status: response.status, json: (await response.json()) as TestGateway.Json }
    })
  const chat = Effect.promise(() =>
    fetch(`${base}/v1/chat/completions`, {
      method: "POST",
      headers: { "content-type": "application/json", "user-agent": "curl/8", ...user },
      body: JSON.stringify({ model: "auto", messages: [{ role: "user", content: "hi" }] })
    }).then((response) => response.text())
  )
  for (let i = 0; i < 3; i++) yield* chat
  yield* Context.get(context, Ledger).flush
  return { base, get }
})

describe("Usage over HTTP", () => {
  it.scopedLive("is told to administrators in lines, with what chats were asked by", () =>
    Effect.gen(function* () {
      const { get } = yield* serve
      const byKey = yield* get("/internal/usage")
      assert.strictEqual(byKey.status, 200)
      assert.deepInclude(byKey.json, { object: "usage.table", by: "key", time_zone: "UTC" })
      assert.deepInclude((byKey.json["data"] as ReadonlyArray<object>)[0], { name: "key-1", requests: 3 })
      assert.deepInclude(byKey.json["total"], { requests: 3, completed: 3, estimated: 3 })
      const { json } = yield* get("/internal/usage?by=client&since=24h")
      assert.deepInclude((json["data"] as ReadonlyArray<object>)[0], { name: "curl", requests: 3 })
    })
  )

  it.scopedLive("is told to a key as far as it is its own", () =>
    Effect.gen(function* () {
      const { get } = yield* serve
      const { json, status } = yield* get("/v1/usage", user)
      assert.deepStrictEqual([status, json["object"]], [200, "usage"])
      assert.deepInclude(json["key"], { name: "key-1" })
      for (const time of ["today", "last_7_days", "last_30_days"]) assert.deepInclude(json[time], { requests: 3 })
    })
  )

  it.scopedLive("needs the right key", () =>
    Effect.gen(function* () {
      const { get } = yield* serve
      for (const path of ["/internal/usage", "/v1/organization/usage/completions?start_time=0"])
        assert.strictEqual((yield* get(path, user)).status, 401, path)
      assert.strictEqual((yield* get("/v1/usage", {})).status, 401)
    })
  )

  it.scopedLive("has OpenAI's shape, as its own client reads it", () =>
    Effect.gen(function* () {
      const { base } = yield* serve
      const client = new OpenAI({ baseURL: `${base}/v1`, apiKey: "unused", adminAPIKey: "a-key-of-admins-1" })
      const hour = Math.floor(Date.now() / 3_600_000) * 3600
      const page = yield* Effect.promise(() =>
        client.admin.organization.usage.completions({
          start_time: hour - 3600,
          bucket_width: "1h",
          group_by: ["model", "api_key_id"],
          models: ["auto"],
          limit: 5
        })
      )
      assert.deepStrictEqual([page.object, page.has_more, page.next_page], ["page", false, null])
      assert.deepInclude(page.data[0], { object: "bucket", start_time: hour - 3600, end_time: hour, results: [] })
      const result = page.data.flatMap(({ results }) => results)[0]
      assert.deepInclude(result, {
        object: "organization.usage.completions.result",
        num_model_requests: 3,
        model: "auto",
        project_id: null
      })
      assert.isAbove((result as { readonly output_tokens: number }).output_tokens, 0)
    })
  )

  it.scopedLive("comes in pages, each bucket on one of them", () =>
    Effect.gen(function* () {
      const { get } = yield* serve
      const start = Math.floor(Date.now() / 1000) - 9 * 86_400
      const path = `/v1/organization/usage/completions?start_time=${start}&limit=4`
      const first = (yield* get(path)).json
      assert.isTrue(first["has_more"])
      const second = (yield* get(`${path}&page=${first["next_page"]}`)).json
      const third = (yield* get(`${path}&page=${second["next_page"]}`)).json
      const buckets = [first, second, third].flatMap(
        ({ data }) => data as ReadonlyArray<{ readonly start_time: number; readonly end_time: number }>
      )
      assert.lengthOf(buckets, 10)
      for (const [i, { start_time }] of buckets.entries())
        if (i > 0) assert.strictEqual(start_time, buckets[i - 1]?.end_time)
      assert.isNull(third["next_page"])
    })
  )

  it.scopedLive("refuses by name what makes no sense", () =>
    Effect.gen(function* () {
      const { get } = yield* serve
      const path = "/v1/organization/usage/completions"
      const rows: ReadonlyArray<readonly [string, string]> = [
        [path, "start_time"],
        [`${path}?start_time=x`, "start_time"],
        [`${path}?start_time=10&end_time=10`, "end_time"],
        [`${path}?start_time=10&bucket_width=1w`, "bucket_width"],
        [`${path}?start_time=10&limit=32`, "limit"],
        [`${path}?start_time=10&page=x`, "page"],
        [`${path}?start_time=10&group_by=color`, "group_by"],
        [`${path}?start_time=10&project_ids[]=p`, "project_ids"],
        [`${path}?start_time=10&${"models=m&".repeat(101)}`, "models"],
        // In memory hours are kept for two days.
        [`${path}?start_time=${Math.floor(Date.now() / 1000) - 2 * 86_400 - 60}&bucket_width=1h`, "start_time"],
        [`${path}?start_time=${Math.floor(Date.now() / 1000) - 2 * 86_400 - 60}&bucket_width=1m`, "start_time"],
        ["/internal/usage?since=49h", "since"],
        ["/internal/usage?by=color", "by"],
        ["/internal/usage?since=yesterday", "since"]
      ]
      for (const [url, param] of rows) {
        const { json, status } = yield* get(url)
        assert.deepStrictEqual([status, json.error?.param], [400, param], url)
      }
    })
  )

  it.scopedLive("is read by the typed client", () =>
    Effect.gen(function* () {
      const { base } = yield* serve
      const client = yield* Client.make({ baseUrl: base, apiKey: Redacted.make("a-key-of-admins-1") })
      const table = yield* client.usage.table({ urlParams: { by: "model" } })
      assert.deepInclude(table.data[0], { name: "auto", requests: 3 })
      const page = yield* client.usage.completions({ urlParams: { start_time: "0", limit: "1" } })
      assert.lengthOf(page.data, 1)
    }).pipe(Effect.provide(FetchHttpClient.layer))
  )

  it.scopedLive("is not there where no ledger is kept", () =>
    Effect.gen(function* () {
      const gateway = yield* TestGateway.serve(TestBackend.make())
      assert.deepInclude((yield* gateway.request("/v1/usage")).json, { object: "usage", key: null, today: null })
      for (const path of ["/internal/usage", "/v1/organization/usage/completions?start_time=1"]) {
        const { json, status } = yield* gateway.request(path)
        assert.deepStrictEqual([status, json.error?.code], [404, "usage_not_kept"], path)
      }
    })
  )
})
