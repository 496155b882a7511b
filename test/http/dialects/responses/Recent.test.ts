import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Recent from "../../../../src/http/dialects/responses/socket/Recent.ts"
import type { Message } from "../../../../src/http/server/MessageRequest.ts"

const connection = () => {
  const forgets: Array<() => void> = []
  const made = { onClose: (forget: () => void) => void forgets.push(forget) }
  const message = (bytes = 100): Message => ({
    connection: made,
    bytes: new Uint8Array(bytes),
    unread: undefined,
    label: undefined,
    deliver: () => Effect.void
  })
  const close = () => {
    for (const forget of forgets) forget()
  }
  return { message, close }
}

const response = (id: string) => ({ id, output: [{ id: `msg_${id}` }] })
const input = [{ role: "user" }]

describe("what a connection has made", () => {
  it("is taken out until its successor has ended well", () => {
    const recent = Recent.make()
    const { message } = connection()
    recent.of(message()).put(response("a"), input)
    const failed = recent.of(message())
    assert.deepStrictEqual(failed.take("a"), [...input, { id: "msg_a" }])
    assert.deepStrictEqual(failed.item("msg_a"), { id: "msg_a" })
    assert.isUndefined(recent.of(message()).take("a"))
    recent.of(message()).put(response("b"), input)
    const good = recent.of(message())
    good.take("b")
    good.put(response("c"), input)
    assert.isDefined(recent.of(message()).take("b"))
    assert.isDefined(recent.of(message()).take("c"))
  })

  it("is nobody else's, and gone with it", () => {
    const recent = Recent.make()
    const one = connection()
    recent.of(one.message()).put(response("a"), input)
    assert.isUndefined(recent.of(connection().message()).take("a"))
    assert.isAbove(recent.size(), 0)
    one.close()
    assert.strictEqual(recent.size(), 0)
    assert.isUndefined(recent.of(one.message()).take("a"))
  })

  it("is bounded for each connection, and for all of them together", () => {
    const recent = Recent.make({ capacity: 2, size: 10_000 })
    const one = connection()
    for (const id of ["a", "b", "c"]) recent.of(one.message()).put(response(id), input)
    assert.isUndefined(recent.of(one.message()).item("msg_a"))
    assert.isDefined(recent.of(one.message()).item("msg_c"))
    const other = connection()
    recent.of(other.message(4_500)).put(response("d"), input)
    recent.of(other.message(4_500)).put(response("e"), input)
    assert.isAtMost(recent.size(), 10_000)
    assert.isUndefined(recent.of(one.message()).item("msg_c"))
    assert.isDefined(recent.of(other.message()).item("msg_e"))
  })
})
