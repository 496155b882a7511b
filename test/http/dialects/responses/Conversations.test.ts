import { assert, describe, it } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import OpenAI from "openai"
import type { Settings } from "../../../../src/config/Config.ts"
import * as TestBackend from "../../../support/TestBackend.ts"
import * as TestGateway from "../../../support/TestGateway.ts"

const serve = Effect.fnUntraced(function* (settings: Partial<Settings> = {}) {
  const scripted = TestBackend.make(TestBackend.say("blue"))
  const { base, request } = yield* TestGateway.serve(scripted, settings)
  const client = (apiKey: string) => new OpenAI({ baseURL: `${base}/v1`, apiKey, maxRetries: 0 })
  const post = (path: string, body: unknown) =>
    request(path, {
      method: "POST",
      headers: { "content-type": "application/json", authorization: "Bearer sk-a" },
      body: JSON.stringify(body)
    })
  return { client, post, request, scripted, prompt: () => scripted.asks.at(-1)?.prompt ?? "" }
})

const refused = (run: () => Promise<unknown>) =>
  Effect.promise(() =>
    run().then(
      () => assert.fail("it was not refused"),
      (error: unknown) => {
        assert.instanceOf(error, OpenAI.APIError)
        return [error.status, error.code, error.param]
      }
    )
  )

const message = (content: string) => ({ role: "user" as const, content })

describe("a conversation that is held", () => {
  it.scopedLive("grows by each turn, whole or streamed, kept or not, and is asked with all that was said in it", () =>
    Effect.gen(function* () {
      const { client, prompt } = yield* serve()
      const openai = client("any")
      const items = [message("which colour?")]
      const { created_at, id, object } = yield* Effect.promise(() => openai.conversations.create({ items }))
      assert.match(id, /^conv_/)
      assert.deepStrictEqual([object, Number.isInteger(created_at)], ["conversation", true])
      const first = yield* Effect.promise(() =>
        openai.responses.create({ model: "auto", conversation: id, input: "of the sky", store: false })
      )
      assert.deepStrictEqual(first.conversation, { id })
      for (const text of ["which colour?", "of the sky"]) assert.include(prompt(), text)
      const ids: ReadonlyArray<string | undefined> = yield* Effect.promise(async () => {
        const seen: Array<string> = []
        const body = { model: "auto", conversation: { id }, input: "and why?", stream: true } as const
        for await (const event of await openai.responses.create(body)) {
          if (event.type === "response.completed") seen.push(event.response.conversation?.id ?? "")
        }
        return seen
      })
      assert.deepStrictEqual(ids, [id])
      for (const text of ["which colour?", "of the sky", "blue", "and why?"]) assert.include(prompt(), text)
      const listed = yield* Effect.promise(async () => {
        const all: Array<string> = []
        const pages = openai.conversations.items.list(id, { order: "asc", limit: 2 })
        for await (const item of pages) if (item.type === "message") all.push(JSON.stringify(item.content[0]))
        return all
      })
      const texts = ["which colour?", "of the sky", "blue", "and why?", "blue"]
      assert.lengthOf(listed, texts.length)
      for (const [i, text] of texts.entries()) assert.include(listed[i], text)
    })
  )

  it.scopedLive("has metadata and items that can be added, found and forgotten", () =>
    Effect.gen(function* () {
      const { client, post } = yield* serve()
      const openai = client("any")
      const { id } = yield* Effect.promise(() => openai.conversations.create({ metadata: { a: "b" } }))
      const changed = yield* Effect.promise(() => openai.conversations.update(id, { metadata: { c: "d" } }))
      assert.deepStrictEqual(changed, yield* Effect.promise(() => openai.conversations.retrieve(id)))
      assert.deepStrictEqual(changed.metadata, { c: "d" })
      const items = [message("one"), { type: "function_call" as const, call_id: "c", name: "look", arguments: "{}" }]
      const added = yield* Effect.promise(() => openai.conversations.items.create(id, { items }))
      const newest = (yield* Effect.promise(() => openai.conversations.items.list(id))).data
      assert.deepStrictEqual(newest, added.data.toReversed())
      const where = { conversation_id: id }
      const one = yield* Effect.promise(() => openai.conversations.items.retrieve(added.first_id, where))
      assert.deepStrictEqual(one, added.data[0])
      yield* Effect.promise(() => openai.conversations.items.delete(added.first_id, where))
      assert.deepStrictEqual(yield* refused(() => openai.conversations.items.retrieve(added.first_id, where)), [
        404,
        "item_not_found",
        "item_id"
      ])
      const wrong = yield* post(`/v1/conversations/${id}/items`, { items: [message("x"), { type: "ghost", id: "g" }] })
      assert.deepStrictEqual([wrong.status, wrong.json.error?.param], [400, "items[1].type"])
      const bad = yield* post(`/v1/conversations/${id}/items`, { items: [{ role: "user", content: 7 }] })
      assert.deepStrictEqual([bad.status, bad.json.error?.param], [400, "items[0].content"])
      const named = yield* post("/v1/conversations", { title: "x" })
      assert.strictEqual(named.headers.get("x-lingma-ignored-params"), "title")
      const gone = yield* Effect.promise(() => openai.conversations.delete(id))
      assert.deepStrictEqual(gone, { id, object: "conversation.deleted", deleted: true })
      assert.deepStrictEqual(
        yield* refused(() => openai.responses.create({ model: "auto", conversation: id, input: "hi" })),
        [404, "conversation_not_found", "conversation"]
      )
    })
  )

  it.scopedLive("keeps what a reference stood for, also when what it was taken from is gone", () =>
    Effect.gen(function* () {
      const { client, prompt } = yield* serve()
      const openai = client("any")
      const ask = (body: Partial<OpenAI.Responses.ResponseCreateParamsNonStreaming>) =>
        Effect.promise(() => openai.responses.create({ model: "auto", ...body }))
      const { id } = yield* Effect.promise(() => openai.conversations.create({}))
      const first = yield* ask({ input: "which colour?" })
      const input = [{ type: "item_reference" as const, id: first.output[0]?.id ?? "" }, message("why?")]
      yield* ask({ conversation: id, input, store: false })
      const beside = yield* ask({ input })
      yield* Effect.promise(() => openai.responses.delete(first.id))
      for (const goesOn of [{ conversation: id }, { previous_response_id: beside.id }]) {
        yield* ask({ ...goesOn, input: "and then?" })
        assert.match(prompt(), /blue.*why\?.*blue.*and then\?/s)
      }
      // What is in it already can be said again: each has its own id.
      const { data } = yield* Effect.promise(() => openai.conversations.items.list(id, { order: "asc" }))
      const again = [{ type: "item_reference" as const, id: data[0]?.id ?? "" }]
      yield* ask({ conversation: id, input: again })
      yield* Effect.promise(() => openai.conversations.items.create(id, { items: again }))
      const listed = (yield* Effect.promise(() => openai.conversations.items.list(id))).data.map((item) => item.id)
      assert.lengthOf(listed, data.length + 3)
      assert.strictEqual(new Set(listed).size, listed.length)
    })
  )

  it.scopedLive("takes nothing that no response could go on from", () =>
    Effect.gen(function* () {
      const { post } = yield* serve()
      const good = message("hi")
      const picture = { type: "input_image", image_url: "data:image/png;base64,aGk=" }
      for (const [item, param] of [
        [{ role: "user", content: [{ type: "input_file", file_id: "f" }] }, "items[1].content[0]"],
        [{ role: "user", content: [{ type: "input_image", file_id: "f" }] }, "items[1].content[0].image_url"],
        [{ role: "user", content: [{ type: "input_text" }] }, "items[1].content[0].text"],
        [{ type: "compaction", encrypted_content: "x" }, "items[1].encrypted_content"],
        [{ type: "local_shell_call_output", output: "x" }, "items[1].call_id"],
        [{ type: "tool_search_output", tools: [{ type: "function" }] }, "items[1].tools[0].name"],
        [{ role: "user", content: [picture] }, undefined]
      ] as const) {
        const { json } = yield* post("/v1/conversations", { items: [good, item] })
        assert.strictEqual(json.error?.param, param)
      }
    })
  )

  it.scopedLive("is its key's: to another it is not there, by whatever route", () =>
    Effect.gen(function* () {
      const { client, scripted } = yield* serve({ apiKeys: [Redacted.make("sk-a"), Redacted.make("sk-b")] })
      const [a, b] = [client("sk-a"), client("sk-b")] as const
      const { id } = yield* Effect.promise(() => a.conversations.create({ items: [message("secret")] }))
      const { data } = yield* Effect.promise(() => a.conversations.items.list(id))
      const item = data[0]?.id ?? ""
      const where = { conversation_id: id }
      const absent = [404, "conversation_not_found", "conversation_id"]
      for (const run of [
        () => b.conversations.retrieve(id),
        () => b.conversations.update(id, { metadata: {} }),
        () => b.conversations.delete(id),
        () => b.conversations.items.list(id),
        () => b.conversations.items.create(id, { items: [message("x")] }),
        () => b.conversations.items.retrieve(item, where),
        () => b.conversations.items.delete(item, where)
      ])
        assert.deepStrictEqual(yield* refused(run), absent)
      assert.deepStrictEqual(
        yield* refused(() => b.responses.create({ model: "auto", conversation: id, input: "hi" })),
        [404, "conversation_not_found", "conversation"]
      )
      const input = [{ type: "item_reference" as const, id: item }]
      assert.deepStrictEqual(yield* refused(() => b.responses.create({ model: "auto", input })), [
        404,
        "item_not_found",
        "input[0].id"
      ])
      assert.isEmpty(scripted.asks)
      assert.strictEqual((yield* Effect.promise(() => a.conversations.retrieve(id))).id, id)
    })
  )

  it.scopedLive("is refused where nothing is kept, and beside a previous response", () =>
    Effect.gen(function* () {
      const { client, post } = yield* serve({ responsesStore: 0 })
      assert.strictEqual((yield* refused(() => client("any").conversations.create({})))[0], 400)
      const both = { model: "auto", input: "x", conversation: "conv_1", previous_response_id: "resp_1" }
      const { json, status } = yield* post("/v1/responses", both)
      assert.deepStrictEqual([status, json.error?.param], [400, "previous_response_id"])
    })
  )
})
