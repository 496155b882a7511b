import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Redacted, Schema } from "effect"
import { BackendFailure } from "../../../../src/domain/ChatError.ts"
import { InspectRecord } from "../../../../src/http/admin/inspect/Api.ts"
import * as SocketClient from "../../../support/SocketClient.ts"
import * as TestBackend from "../../../support/TestBackend.ts"
import * as TestGateway from "../../../support/TestGateway.ts"

const ADMIN = "admin-key-of-this-test"
const ANN = "client-key-of-ann-1"
const BOB = "client-key-of-bob-2"
const settings = {
  adminKeys: [Redacted.make(ADMIN)],
  apiKeys: [ANN, BOB].map((key) => Redacted.make(key)),
  inspectHours: Duration.hours(2)
}
const by = (key: string) => ({ authorization: `Bearer ${key}` })
const hello = (content: string) => ({ model: "auto", messages: [{ role: "user", content }] })

interface Head {
  readonly id: string
  readonly key: string
  readonly outcome: string
  readonly status: number
}

const serve = Effect.fnUntraced(function* (script = TestBackend.say("hello ", "there")) {
  const gateway = yield* TestGateway.serve(TestBackend.make(script), settings)
  const admin = (path: string, method = "GET", body?: unknown, key = ADMIN) =>
    gateway.request(path, {
      method,
      headers: { ...by(key), "content-type": "application/json" },
      ...(body === undefined ? {} : { body: JSON.stringify(body) })
    })
  const heads = Effect.map(admin("/internal/inspect"), ({ json }) => json["data"] as ReadonlyArray<Head>)
  /** Once its request has let go of everything, which is after its last byte. */
  const record = (id: string) =>
    admin(`/internal/inspect/${id}`).pipe(
      Effect.zipLeft(Effect.sleep("5 millis")),
      Effect.repeat({ until: ({ status }) => status === 200 }),
      Effect.timeout("5 seconds")
    )
  return { ...gateway, admin, heads, record }
})

describe("/internal/inspect", () => {
  it.scopedLive("is for administrators alone: no other key reads, switches or forgets", () =>
    Effect.gen(function* () {
      const gateway = yield* serve()
      yield* gateway.admin("/internal/inspect", "PUT", { mode: "all" })
      const { headers } = yield* gateway.chat(hello("mine"), by(ANN))
      const id = headers.get("x-request-id") ?? ""
      yield* gateway.record(id)
      for (const [method, path] of [
        ["GET", "/internal/inspect"],
        ["GET", `/internal/inspect/${id}`],
        ["PUT", "/internal/inspect"],
        ["DELETE", "/internal/inspect"]
      ] as const) {
        const body = method === "PUT" ? { mode: "off" } : undefined
        // Also to the key's own requests.
        for (const key of [ANN, BOB, "nonsense", ""]) {
          const { status, text } = yield* gateway.admin(path, method, body, key)
          assert.strictEqual(status, 401, `${method} ${path}`)
          assert.notInclude(text, "mine")
        }
      }
      assert.strictEqual((yield* gateway.admin(`/internal/inspect/${id}`)).status, 200)
    })
  )

  it.scopedLive("tells where there is no record why not, and what to do", () =>
    Effect.gen(function* () {
      const gateway = yield* serve()
      yield* gateway.chat(hello("x"), { ...by(ANN), "x-request-id": "r-1" })
      const off = yield* gateway.admin("/internal/inspect/r-1")
      assert.strictEqual(off.status, 404)
      assert.deepInclude(off.json.error, { code: "not_inspected", type: "invalid_request_error" })
      assert.match(off.json.error?.message ?? "", /looking into requests is off\. Switch it on/)
      yield* gateway.admin("/internal/inspect", "PUT", { mode: "errors" })
      const on = yield* gateway.admin("/internal/inspect/r-1")
      assert.match(on.json.error?.message ?? "", /it did not fail, .*its record has gone \(INSPECT_HOURS/)
    })
  )

  it.scopedLive("keeps the request as it came and the answer as it went, with secrets masked", () =>
    Effect.gen(function* () {
      const gateway = yield* serve()
      yield* gateway.admin("/internal/inspect", "PUT", { mode: "all" })
      const body = { ...hello(`my key is ${ANN}, theirs sk-0123456789abcdefghij`), stream: true }
      const headers = { ...by(ANN), "x-request-id": "r-1", cookie: "session=abc", "user-agent": "tests/1" }
      const sent = yield* gateway.chat(body, headers)
      const { json, text } = yield* gateway.record("r-1")
      for (const secret of [ANN, "sk-0123456789abcdefghij", "session=abc"]) assert.notInclude(text, secret)
      assert.strictEqual(Schema.decodeUnknownSync(InspectRecord)(json).id, "r-1", "it is as the API says")
      assert.deepInclude(json, { id: "r-1", outcome: "completed", status: 200, path: "/v1/chat/completions" })
      const request = json["request"] as Record<string, Record<string, unknown>>
      assert.deepStrictEqual(request["body"], { ...hello("my key is …, theirs …"), stream: true })
      assert.deepInclude(request["headers"], { authorization: "…", cookie: "…", "user-agent": "tests/1" })
      const answer = json["answer"] as Record<string, unknown>
      assert.strictEqual(answer["body"], sent.text)
      assert.strictEqual(answer["text"], "hello there")
      assert.strictEqual(yield* Effect.map(gateway.heads, ([head]) => JSON.stringify(head).includes("theirs")), false)
    })
  )

  it.scopedLive("keeps what was refused before there was a chat, and one whose answer broke", () =>
    Effect.gen(function* () {
      const failing = new BackendFailure({ instance: "inst-0", started: true, detail: "boom" })
      const gateway = yield* serve(TestBackend.refuse(failing))
      yield* gateway.admin("/internal/inspect", "PUT", { mode: "errors" })
      yield* gateway.chat({ messages: 5 }, { ...by(BOB), "x-request-id": "r-1" })
      yield* gateway.chat("{", { ...by(BOB), "x-request-id": "r-2" })
      yield* gateway.chat(hello("x"), { ...by(BOB), "x-request-id": "r-3" })
      yield* gateway.record("r-3")
      const heads = (yield* gateway.heads).map(({ id, outcome, status }) => [id, outcome, status])
      assert.deepStrictEqual(heads, [
        ["r-3", "failed", 502],
        ["r-2", "failed", 400],
        ["r-1", "failed", 400]
      ])
      const request = (yield* gateway.admin("/internal/inspect/r-1")).json["request"] as Record<string, unknown>
      assert.deepStrictEqual(request["body"], { messages: 5 })
    })
  )

  it.scopedLive("is switched for a time and for a key there is, which is logged with who did it; and forgets all", () =>
    Effect.gen(function* () {
      const gateway = yield* serve()
      const put = (body: unknown) => gateway.admin("/internal/inspect", "PUT", body)
      const wrong: ReadonlyArray<readonly [unknown, string | null]> = [
        [{ mode: "some" }, "mode"],
        [{}, "mode"],
        [{ mode: "all", key: "nobody's" }, "key"],
        [{ mode: "all", minutes: 0 }, "minutes"],
        [{ mode: "all", minutes: 121 }, "minutes"]
      ]
      for (const [body, param] of wrong) {
        const { json, status } = yield* put(body)
        assert.deepStrictEqual([status, json.error?.param], [400, param], JSON.stringify(body))
      }
      yield* gateway.chat(hello("x"), by(ANN))
      yield* gateway.drained
      const chats = (yield* gateway.admin("/internal/chats")).json["data"] as ReadonlyArray<Head>
      const key = chats[0]?.key ?? ""
      const on = yield* put({ mode: "all", key, minutes: 30 })
      assert.deepInclude(on.json, { mode: "all", key, by: "a key of ADMIN_KEYS" })
      assert.approximately(Date.parse(on.json["until"] as string) - Date.now(), 30 * 60_000, 60_000)
      assert.deepStrictEqual((yield* gateway.admin("/internal/overview")).json["inspect"], on.json)
      yield* gateway.chat(hello("x"), { ...by(ANN), "x-request-id": "of-ann" })
      yield* gateway.chat(hello("x"), { ...by(BOB), "x-request-id": "of-bob" })
      yield* gateway.record("of-ann")
      assert.deepStrictEqual(
        (yield* gateway.heads).map(({ id }) => id),
        ["of-ann"]
      )
      assert.strictEqual((yield* gateway.admin("/internal/inspect?id=of-bob")).json["total"], 1)
      const gone = yield* gateway.admin("/internal/inspect", "DELETE")
      assert.deepInclude(gone.json, { ok: true, forgotten: 1 })
      assert.deepInclude((yield* gateway.admin("/internal/inspect")).json, { data: [], bytes: 0 })
      const switched = gateway.lines.filter(({ message }) => message === "looking into requests switched")
      assert.deepStrictEqual(
        switched.map(({ annotations, level }) => [
          level,
          annotations["mode"],
          annotations["by"],
          annotations["address"]
        ]),
        [
          ["WARN", "all", "a key of ADMIN_KEYS", "127.0.0.1"],
          ["INFO", "off", "a key of ADMIN_KEYS", "127.0.0.1"]
        ]
      )
    })
  )

  it.scopedLive("keeps each request of a WebSocket as one of its own, as it came and as it was answered", () =>
    Effect.gen(function* () {
      const gateway = yield* serve()
      yield* gateway.admin("/internal/inspect", "PUT", { mode: "all" })
      const client = yield* SocketClient.connect(gateway.base, { headers: by(ANN) })
      for (const input of ["first question", "second question"]) {
        yield* client.send(SocketClient.create({ input }))
        yield* client.answer
      }
      const heads = yield* gateway.heads.pipe(
        Effect.zipLeft(Effect.sleep("5 millis")),
        Effect.repeat({ until: ({ length }) => length === 2 }),
        Effect.timeout("5 seconds")
      )
      assert.lengthOf(new Set(heads.map(({ id }) => id)), 2)
      for (const [at, input] of ["second question", "first question"].entries()) {
        const { id = "", key = "" } = heads[at] ?? {}
        const { json } = yield* gateway.record(id)
        const record = yield* Schema.decodeUnknown(InspectRecord)(json)
        assert.deepInclude(record.request.body, { model: "auto", input })
        assert.deepInclude(record, { outcome: "completed", key })
        assert.strictEqual(record.answer.text, "hello there")
        assert.include(record.answer.body, "response.completed")
        assert.notInclude(JSON.stringify(record), ANN)
      }
    })
  )
})
