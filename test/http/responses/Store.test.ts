import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { ResponsesRequest } from "../../../src/http/responses/Payload.ts"
import * as Resource from "../../../src/http/responses/Resource.ts"
import * as Store from "../../../src/http/responses/Store.ts"

const payload = Schema.decodeUnknownSync(ResponsesRequest)({ model: "auto", input: "hi" })
const tools = { toolset: { tools: [], choice: "none", parallel: true }, named: [], echoed: [] } as const
const response = (id: string): Resource.ResponseObject => ({
  ...Resource.toFixed({ id, created: 1, payload, tools, kept: true }),
  ...Resource.begun,
  model: "auto",
  output: [{ id: `msg_${id}`, type: "message", status: "completed", role: "assistant", content: [] }]
})

describe("the store of responses", () => {
  it("keeps the last ones", () => {
    const store = Store.make({ capacity: 2 })
    for (const id of ["a", "b", "c"]) store.put(response(id), [])
    assert.deepStrictEqual(
      ["a", "b", "c"].map((id) => store.get(id) !== undefined),
      [false, true, true]
    )
    assert.strictEqual(store.item("msg_c")?.["type"], "message")
    assert.isUndefined(store.item("msg_a"))
  })

  it("keeps no more text than it may, and nothing that is too large by itself", () => {
    const own = JSON.stringify(response("a")).length + JSON.stringify(response("a").output).length
    const store = Store.make({ capacity: 100, size: own * 2 + 10 })
    for (const id of ["a", "b", "c"]) store.put(response(id), [])
    assert.isUndefined(store.get("a"))
    assert.isDefined(store.get("c"))
    store.put(response("d"), [{ text: "x".repeat(own * 3) }])
    assert.isUndefined(store.get("d"))
    assert.isDefined(store.get("c"))
    assert.isTrue(store.remove("c"))
    assert.isFalse(store.remove("c"))
  })

  it("keeps nothing when it is off", () => {
    const store = Store.make({ capacity: 0 })
    store.put(response("a"), [])
    assert.isFalse(store.isOn)
    assert.isUndefined(store.get("a"))
  })
})
