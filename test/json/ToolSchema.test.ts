import { assert, describe, it } from "@effect/vitest"
import { Either } from "effect"
import type { JsonSchema } from "../../src/domain/Chat.ts"
import * as ToolSchema from "../../src/json/ToolSchema.ts"

describe("ToolSchema", () => {
  it("bounds patterns and sizes over all schemas of a request together, that of its answer among them", () => {
    const patterns = (from: number, count: number): JsonSchema => ({
      type: "object",
      patternProperties: Object.fromEntries(Array.from({ length: count }, (_, i) => [`^p${from + i}$`, {}]))
    })
    const wide = (name: string): JsonSchema => ({
      type: "object",
      properties: Object.fromEntries(Array.from({ length: 4500 }, (_, i) => [`${name}${i}`, {}])),
      enum: Array.from({ length: 4500 }, (_, i) => i)
    })
    const at = (result: ReturnType<typeof ToolSchema.checkAll>) =>
      Either.match(result, { onLeft: (wrong) => wrong.at, onRight: () => -1 })
    assert.strictEqual(at(ToolSchema.checkAll([patterns(0, 200), patterns(0, 200)])), -1)
    assert.strictEqual(at(ToolSchema.checkAll([patterns(0, 200), patterns(200, 100)])), 1)
    assert.strictEqual(at(ToolSchema.checkAll([patterns(0, 200)], patterns(200, 100))), 0)
    assert.strictEqual(at(ToolSchema.checkAll([wide("a"), wide("b")])), -1)
    assert.strictEqual(at(ToolSchema.checkAll([wide("a"), wide("b"), wide("c")])), 2)
    assert.strictEqual(at(ToolSchema.checkAll([wide("a"), wide("b")], wide("c"))), 1)
  })

  it("tells schemas of objects from what is none", () => {
    for (const schema of [
      {},
      { type: "object" },
      { type: ["object", "null"] },
      { $schema: "https://json-schema.org/draft/2020-12/schema", type: "object" }
    ]) {
      assert.deepStrictEqual(ToolSchema.check(schema), Either.void, JSON.stringify(schema))
    }
    for (const schema of [
      { properties: { a: { type: "strng" } } },
      { type: "string" },
      { type: "nonsense" },
      { properties: 1 },
      { required: "a" },
      { $ref: "#/nowhere" }
    ]) {
      assert.isTrue(Either.isLeft(ToolSchema.check(schema)), JSON.stringify(schema))
    }
  })

  it("finds what references lead to, and passes those that it cannot judge", () => {
    const $defs = { "a/b %": { type: "string" } }
    for (const schema of [
      { $defs, properties: { x: { $ref: "#/$defs/a~1b %" } } },
      { $defs, properties: { x: { $ref: "#/$defs/a~1b%20%25" } } },
      { properties: { x: { $ref: "#" }, y: { enum: [{ $ref: "#/nowhere" }] } } },
      { properties: { x: { $ref: "https://example.com/schema.json" } } },
      { $defs: { inner: { $id: "inner", $defs, items: { $ref: "#/$defs/a~1b %" } } } }
    ]) {
      assert.deepStrictEqual(ToolSchema.check(schema), Either.void, JSON.stringify(schema))
    }
  })

  it("tells which one of many is wrong, and looks through so much only", () => {
    const good = { type: "object", properties: { a: { type: "string" } } }
    assert.deepStrictEqual(ToolSchema.checkAll([good, good]), Either.void)
    const wrong = Either.flip(ToolSchema.checkAll([good, { type: "string" }, good]))
    assert.strictEqual(Either.getOrThrow(wrong).at, 1)
    const long = (salt: number) => ({
      type: "object",
      properties: Object.fromEntries(Array.from({ length: 1900 }, (_, i) => [`p${salt}_${i}`, { type: "string" }]))
    })
    const flood = Array.from({ length: 128 }, (_, salt) => long(salt))
    assert.deepStrictEqual(
      Either.getOrThrow(Either.flip(ToolSchema.checkAll(flood))).why,
      "the schemas of all tools together are too large"
    )
  })
})
