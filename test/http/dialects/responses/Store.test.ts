import { assert, describe, it } from "@effect/vitest"
import { Effect, Either, Schema } from "effect"
import * as Conversations from "../../../../src/http/dialects/responses/Conversations.ts"
import * as Resource from "../../../../src/http/dialects/responses/Resource.ts"
import { ResponsesRequest } from "../../../../src/http/dialects/responses/request/Payload.ts"
import * as Store from "../../../../src/http/dialects/responses/Store.ts"
import type { Service as KeptResponses } from "../../../../src/team/responses/KeptResponses.ts"

const payload = Schema.decodeUnknownSync(ResponsesRequest)({ model: "auto", input: "hi" })
const tools = { toolset: { tools: [], choice: "none", parallel: true }, named: [], echoed: [], told: [] } as const
const response = (id: string): Resource.ResponseObject => ({
  ...Resource.toFixed({ id, created: 1, payload, tools, kept: true }),
  ...Resource.begun,
  model: "auto",
  output: [{ id: `msg_${id}`, type: "message", status: "completed", role: "assistant", content: [] }]
})

const big = (id: string, length: number) => [response(id), [{ text: "x".repeat(length) }]] as const
const held = (store: Store.Store, caller: string, ids: string) =>
  [...ids].filter((id) => store.of(caller).get(id) !== undefined).join("")

describe("the store of responses", () => {
  it("keeps the last ones", () => {
    const store = Store.make({ capacity: 2 })
    for (const id of ["a", "b", "c"]) store.of("A").put(response(id), [])
    assert.strictEqual(held(store, "A", "abc"), "bc")
    assert.strictEqual(store.of("A").item("msg_c")?.["type"], "message")
    assert.isUndefined(store.of("A").item("msg_a"))
  })

  it("shows a caller its own and nothing of another's", () => {
    const store = Store.make({ capacity: 4 })
    store.of("A").put(response("a"), [])
    for (const caller of ["B", ""]) {
      assert.isUndefined(store.of(caller).get("a"))
      assert.isUndefined(store.of(caller).item("msg_a"))
      assert.isFalse(store.of(caller).remove("a"))
    }
    assert.isTrue(store.of("A").remove("a"))
    assert.isFalse(store.of("A").remove("a"))
    assert.isUndefined(store.of("A").item("msg_a"))
  })

  it("lets no caller push out what those have who hold less, by number", () => {
    const store = Store.make({ capacity: 4 })
    for (const id of ["a", "b"]) store.of("A").put(response(id), [])
    for (const id of "cdefghij") store.of("B").put(response(id), [])
    assert.strictEqual(held(store, "A", "ab"), "ab")
    assert.strictEqual(held(store, "B", "cdefghij"), "ij")
  })

  it("lets no caller push out what those have who hold less, by size", () => {
    const store = Store.make({ capacity: 100, size: 100_000 })
    store.of("A").put(...big("a", 10_000))
    for (const id of "cdefghij") store.of("B").put(...big(id, 20_000))
    assert.strictEqual(held(store, "A", "a"), "a")
    assert.strictEqual(held(store, "B", "cdefghij"), "j")
  })

  it.effect("brings back from the database what memory does not hold, with its items, for its own caller", () =>
    Effect.gen(function* () {
      const rows = new Map<
        string,
        { readonly id: string; readonly body: string; readonly items: ReadonlyArray<string> }
      >()
      const find = (keyId: string, isMeant: (row: { id: string; items: ReadonlyArray<string> }) => boolean) =>
        Effect.sync(() =>
          [...rows].flatMap(([name, row]) => (name === `${keyId} ${row.id}` && isMeant(row) ? [row] : []))
        )
      const kept: KeptResponses = {
        isShared: false,
        put: (keyId, { body, id }, items) => void rows.set(`${keyId} ${id}`, { id, body, items }),
        remove: (keyId, id) => void rows.delete(`${keyId} ${id}`),
        find: (keyId, ids) => find(keyId, ({ id }) => ids.includes(id)),
        removed: () => Effect.succeed([]),
        holding: (keyId, items) => find(keyId, (row) => items.some((item) => row.items.includes(item))),
        settled: () => Effect.void
      }
      Store.make({ capacity: 2, kept })
        .of("A")
        .put(response("a"), [{ type: "message", role: "user", content: "hi" }])
      const restarted = () => Store.make({ capacity: 2, kept })
      const own = restarted().of("A")
      assert.isUndefined(own.get("a"))
      yield* own.load({ responses: ["a", "b"] })
      assert.deepStrictEqual(
        own.get("a")?.items.map(({ type }) => type),
        ["message", "message"]
      )
      const byItem = restarted().of("A")
      yield* byItem.load({ items: ["msg_a"] })
      assert.strictEqual(byItem.item("msg_a")?.["type"], "message")
      const other = restarted().of("B")
      yield* other.load({ responses: ["a"], items: ["msg_a"] })
      assert.isUndefined(other.get("a"))
      assert.isUndefined(other.item("msg_a"))
      assert.isTrue(own.remove("a"))
      yield* byItem.load({ responses: ["a"] })
      assert.strictEqual(rows.size, 0)
    })
  )

  it.effect("forgets what another host has removed, and asks that of what memory holds as well", () =>
    Effect.gen(function* () {
      const asked: Array<string> = []
      const kept: KeptResponses = {
        isShared: true,
        put: () => {},
        remove: () => {},
        find: (_, ids) => Effect.succeed(ids.map((id) => ({ id, body: undefined }))),
        removed: (_, ids) =>
          Effect.sync(() => {
            asked.push(...ids)
            return ids.filter((id) => id === "a")
          }),
        holding: () => Effect.succeed([]),
        settled: () => Effect.void
      }
      const own = Store.make({ capacity: 9, kept }).of("A")
      for (const id of ["a", "b"]) own.put(response(id), [])
      own.conversations.put({ id: "c", created_at: 1, metadata: {}, items: [] })
      yield* own.load({ responses: ["a", "b"], conversations: ["c"] })
      assert.deepStrictEqual(asked, ["a", "b"])
      assert.deepStrictEqual(
        [own.get("a"), own.item("msg_a"), own.get("b")?.response.id, own.conversations.get("c")],
        [undefined, undefined, "b", undefined]
      )
    })
  )

  it("keeps no more than it may, and nothing that is too large by itself", () => {
    const store = Store.make({ capacity: 100, size: 100_000 })
    for (const id of "abc") store.of("A").put(...big(id, 20_000))
    assert.strictEqual(held(store, "A", "abc"), "bc")
    store.of("A").put(...big("d", 60_000))
    assert.strictEqual(held(store, "A", "bcd"), "bc")
  })

  it("refuses what is too large for a conversation and leaves it, but forgets one that an answer makes too large", () => {
    const own = Store.make({ capacity: 4, size: 10_000 }).of("A")
    const making = { newId: (prefix: string) => `${prefix}_1`, now: () => 1 }
    const said = (length: number) => [{ role: "user", content: "x".repeat(length) }]
    const { id } = Either.getOrThrow(Conversations.create(own, { items: said(9) }, making))
    const before = own.conversations.get(id)
    const added = Conversations.addItems(own, id, { items: said(6000) }, making)
    const updated = Conversations.update(own, id, { metadata: { a: "x".repeat(6000) } })
    assert.isTrue(Either.isLeft(added) && Either.isLeft(updated))
    assert.strictEqual(own.conversations.get(id), before)
    Conversations.append(own, id, said(9), making)
    assert.lengthOf(own.conversations.get(id)?.items ?? [], 2)
    Conversations.append(own, id, said(6000), making)
    assert.isUndefined(own.conversations.get(id))
  })

  it("has an item as long as a response or a conversation has it", () => {
    for (const [first, second] of ["ac", "ca"]) {
      const own = Store.make({ capacity: 4 }).of("A")
      own.put(response("a"), [])
      const items = [
        { id: "msg_a", type: "message" },
        { id: "msg_a", type: "local_shell_call_output" }
      ]
      for (const _ of "12") own.conversations.put({ id: "c", created_at: 1, metadata: {}, items })
      const remove = (id: string | undefined) => (id === "a" ? own.remove("a") : own.conversations.remove("c"))
      assert.isTrue(remove(first))
      assert.strictEqual(own.item("msg_a")?.["type"], "message")
      assert.isTrue(remove(second))
      assert.isUndefined(own.item("msg_a"))
    }
  })

  it("takes a conversation for no response, nor a response for a conversation, and bounds both together", () => {
    const store = Store.make({ capacity: 2 })
    const own = store.of("A")
    const conversation = (id: string) => ({ id, created_at: 1, metadata: {}, items: [{ id: `item_${id}` }] })
    assert.isTrue(own.conversations.put(conversation("c")))
    own.put(response("a"), [])
    assert.isUndefined(own.get("c"))
    assert.isUndefined(own.conversations.get("a"))
    assert.isFalse(own.remove("c") || own.conversations.remove("a"))
    assert.isDefined(own.item("item_c"))
    // What is said in it makes it new again.
    own.conversations.put(conversation("c"))
    own.put(response("b"), [])
    assert.strictEqual(held(store, "A", "ab"), "b")
    assert.isDefined(own.conversations.get("c"))
    assert.isFalse(Store.make({ capacity: 2, size: 10 }).of("A").conversations.put(conversation("c")))
  })

  it("keeps nothing when it is off", () => {
    const store = Store.make({ capacity: 0 })
    store.of("A").put(response("a"), [])
    assert.isFalse(store.isOn)
    assert.isUndefined(store.of("A").get("a"))
  })
})
