import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Recent from "../../../../src/http/dialects/responses/socket/Recent.ts"
import type { Message } from "../../../../src/http/server/MessageRequest.ts"

const connection = () => {
  const forgets: Array<() => void> = []
  let isClosed = false
  const made = { onClose: (forget: () => void) => void (isClosed ? forget() : forgets.push(forget)) }
  const message = (): Message => ({
    connection: made,
    bytes: new Uint8Array(100),
    unread: undefined,
    label: undefined,
    deliver: () => Effect.void
  })
  const close = () => {
    isClosed = true
    for (const forget of forgets) forget()
  }
  return { message, close }
}

const response = (id: string) => ({ id, output: [{ id: `msg_${id}` }] })
const input = [{ role: "user" }]
const turn = { before: [], now: input }
/** Weighs two bytes for each character. */
const long = (characters: number) => [{ role: "user", content: "x".repeat(characters) }]

describe("what a connection has made", () => {
  it("is taken out until its successor has ended well", () => {
    const recent = Recent.make()
    const { message } = connection()
    recent.of(message()).put(response("a"), turn)
    const failed = recent.of(message())
    assert.deepStrictEqual(failed.take("a"), [...input, { id: "msg_a" }])
    assert.deepStrictEqual(failed.item("msg_a"), { id: "msg_a" })
    assert.isUndefined(recent.of(message()).take("a"))
    recent.of(message()).put(response("b"), turn)
    const good = recent.of(message())
    good.take("b")
    good.put(response("c"), turn)
    assert.isDefined(recent.of(message()).take("b"))
    assert.isDefined(recent.of(message()).take("c"))
  })

  it("is nobody else's, and gone with it", () => {
    const recent = Recent.make()
    const one = connection()
    recent.of(one.message()).put(response("a"), turn)
    assert.isUndefined(recent.of(connection().message()).take("a"))
    assert.isAbove(recent.size(), 0)
    one.close()
    assert.strictEqual(recent.size(), 0)
    assert.isUndefined(recent.of(one.message()).take("a"))
    recent.of(one.message()).put(response("b"), turn)
    assert.strictEqual(recent.size(), 0)
    assert.isUndefined(recent.of(one.message()).take("b"))
  })

  it("is bounded for each connection, and for all of them together", () => {
    const recent = Recent.make({ capacity: 2, size: 10_000 })
    const one = connection()
    for (const id of ["a", "b", "c"]) recent.of(one.message()).put(response(id), turn)
    assert.isUndefined(recent.of(one.message()).item("msg_a"))
    assert.isDefined(recent.of(one.message()).item("msg_c"))
    const other = connection()
    recent.of(other.message()).put(response("d"), { before: [], now: long(2_350) })
    recent.of(other.message()).put(response("e"), { before: [], now: long(2_350) })
    assert.isAtMost(recent.size(), 10_000)
    assert.isUndefined(recent.of(one.message()).item("msg_c"))
    assert.isDefined(recent.of(other.message()).item("msg_e"))
  })

  it("is counted as long as a later response goes on from it, and once", () => {
    const recent = Recent.make({ capacity: 2 })
    const { close, message } = connection()
    recent.of(message()).put(response("0"), { before: [], now: long(1_000) })
    for (let i = 1; i < 10; i++) {
      const own = recent.of(message())
      const before = own.take(String(i - 1))
      assert.lengthOf(before ?? [], 2 * i)
      own.put(response(String(i)), { before: before ?? [], now: long(1_000) })
      assert.isAbove(recent.size(), (i + 1) * 2_000)
      assert.isBelow(recent.size(), (i + 1) * 2_600)
    }
    assert.isUndefined(recent.of(message()).take("7"))
    close()
    assert.strictEqual(recent.size(), 0)
  })

  it("is counted with what is stored elsewhere that it went on from", () => {
    const recent = Recent.make()
    const { message } = connection()
    recent.of(message()).put(response("a"), { before: long(1_000), now: input })
    assert.isAbove(recent.size(), 2_000)
    assert.deepStrictEqual(recent.of(message()).take("a"), [...long(1_000), ...input, { id: "msg_a" }])
    assert.strictEqual(recent.size(), 0)
  })

  it("is freed once nothing goes on from it, though two did", () => {
    const recent = Recent.make()
    const { message } = connection()
    recent.of(message()).put(response("a"), { before: [], now: long(1_000) })
    for (const id of ["b", "c"]) {
      const own = recent.of(message())
      own.put(response(id), { before: own.take("a") ?? [], now: input })
    }
    for (const id of ["a", "b"]) recent.of(message()).take(id)
    assert.isAbove(recent.size(), 2_000)
    recent.of(message()).take("c")
    assert.strictEqual(recent.size(), 0)
  })

  it("is not kept where the whole conversation is too long", () => {
    const recent = Recent.make({ longest: 5_000 })
    const { message } = connection()
    recent.of(message()).put(response("a"), { before: [], now: long(2_000) })
    const own = recent.of(message())
    own.put(response("b"), { before: own.take("a") ?? [], now: long(2_000) })
    assert.isUndefined(recent.of(message()).take("b"))
    recent.of(message()).put(response("c"), { before: long(2_000), now: long(2_000) })
    assert.isUndefined(recent.of(message()).take("c"))
    assert.isBelow(recent.size(), 5_000)
    assert.isDefined(recent.of(message()).take("a"))
  })
})
