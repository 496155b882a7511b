import { assert, describe, it } from "@effect/vitest"
import { Either, FastCheck } from "effect"
import type { JsonSchema } from "../../src/domain/Chat.ts"
import * as JsonSchemas from "../../src/domain/JsonSchemas.ts"

const errors = (schema: JsonSchema, value: unknown, options?: JsonSchemas.Options) =>
  Either.match(JsonSchemas.validator(schema, options), { onLeft: (why) => [`none: ${why}`], onRight: (v) => v(value) })
const isSchema = (schema: JsonSchema) => Either.isRight(JsonSchemas.validator(schema))

const object = (properties: Record<string, unknown>, more: JsonSchema = {}): JsonSchema => ({
  type: "object",
  properties,
  ...more
})

describe("JsonSchemas", () => {
  it("tells what is wrong and where, at most five things", () => {
    const schema = object({ a: { type: "number" }, b: { enum: ["x", "y"] } }, { required: ["c"] })
    assert.deepStrictEqual(errors(schema, { a: 1, b: "x", c: null }), [])
    assert.sameMembers(
      [...errors(schema, { a: "one", b: "z" })],
      ["the value must have required property 'c'", "/a must be number", '/b must be one of "x","y"']
    )
    const all = { type: "array", items: { type: "number" } }
    assert.lengthOf(errors(all, Array<string>(100).fill("x")), 5)
  })

  it("takes each draft by its name, and finds the one that fits where there is none", () => {
    const tuple = { type: "array", items: [{ type: "number" }] }
    const prefix = { type: "array", prefixItems: [{ type: "number" }] }
    assert.lengthOf(errors(tuple, ["x"]), 1)
    assert.lengthOf(errors(prefix, ["x"]), 1)
    for (const draft of ["draft-04", "draft-06", "draft-07"]) {
      assert.lengthOf(errors({ ...tuple, $schema: `http://json-schema.org/${draft}/schema#` }, ["x"]), 1, draft)
    }
    const dated = "https://json-schema.org/draft/2019-09/schema"
    assert.lengthOf(errors({ ...tuple, $schema: dated }, ["x"]), 1)
    assert.lengthOf(errors({ ...prefix, $schema: "https://json-schema.org/draft/2020-12/schema" }, ["x"]), 1)
    const old = { id: "http://x/y", type: "number", minimum: 3, exclusiveMinimum: true }
    assert.lengthOf(errors(old, 3), 1)
    assert.lengthOf(errors(old, 4), 0)
  })

  it("follows references, also in circles", () => {
    const tree = object(
      { kids: { type: "array", items: { $ref: "#" } }, n: { $ref: "#/$defs/n" } },
      {
        $defs: { n: { type: "integer" } },
        additionalProperties: false
      }
    )
    assert.deepStrictEqual(errors(tree, { kids: [{ kids: [], n: 1 }] }), [])
    assert.deepStrictEqual(errors(tree, { kids: [{ n: "x" }] }), ["/kids/0/n must be integer"])
  })

  it("ignores formats, unknown words and what is not for it", () => {
    const schema = { type: "string", format: "no-such", "x-what": 1, nullable: true, $async: true }
    assert.deepStrictEqual(errors(schema, "x"), [])
    assert.deepStrictEqual(errors(schema, 1), ["the value must be string"])
    assert.deepStrictEqual(errors({ nullable: true }, 1), [])
    assert.deepStrictEqual(errors(object({ const: { type: "string" } }), { const: 1 }), ["/const must be string"])
    assert.deepStrictEqual(errors({ enum: [{ b: 1, a: [2] }] }, { a: [2], b: 1 }), [])
    assert.deepStrictEqual(errors({ required: ["toString"] }, {}), ["the value must have required property 'toString'"])
  })

  it("reports what is no schema", () => {
    assert.isFalse(isSchema({ type: "banana" }))
    assert.isFalse(isSchema({ properties: 5 }))
    assert.isFalse(isSchema({ required: [1] }))
    assert.isFalse(isSchema({ pattern: "(" }))
    assert.isFalse(isSchema({ $ref: "http://127.0.0.1/other.json" }))
    assert.isFalse(isSchema({ $ref: "#/$defs/none" }))
  })

  it("makes texts the kind that is wanted, where they are", () => {
    const schema = object({
      n: { type: "integer" },
      b: { type: "boolean" },
      s: { type: "string" },
      a: { type: "array", items: { type: "number" } },
      o: { anyOf: [{ type: "number" }, { type: "null" }] }
    })
    const value = { n: "3", b: "True", s: "3", a: '["1", 2]', o: "4" }
    assert.deepStrictEqual(errors(schema, value, { coerce: true }), [])
    assert.deepStrictEqual<unknown>(value, { n: 3, b: true, s: "3", a: [1, 2], o: 4 })
    const plain = { n: "3" }
    assert.lengthOf(errors(schema, plain), 1)
    assert.deepStrictEqual(plain, { n: "3" })
    assert.lengthOf(errors(schema, { n: "3.5", b: "yes" }, { coerce: true }), 2)
  })

  it("removes keys that are forbidden, but none where there are alternatives", () => {
    const closed = object(
      { "a/b": object({ x: {} }, { additionalProperties: false }) },
      { additionalProperties: false }
    )
    const value = { "a/b": { x: 1, y: 2 }, z: 3 }
    assert.deepStrictEqual(errors(closed, value, { prune: true }), [])
    assert.deepStrictEqual<unknown>(value, { "a/b": { x: 1 } })
    const either = {
      anyOf: [
        object({ a: {} }, { additionalProperties: false, required: ["a"] }),
        object({ b: {} }, { additionalProperties: false, required: ["b"] })
      ]
    }
    const inside = { anyOf: [object({ n: { type: "number" }, m: { const: 1 } }), { type: "array" }] }
    const text = { n: "1", m: 2 }
    assert.isNotEmpty(errors(inside, text, { coerce: true }))
    assert.deepStrictEqual(text, { n: "1", m: 2 })
    const both = { a: 1, b: 2 }
    assert.isNotEmpty(errors(either, both, { prune: true }))
    assert.deepStrictEqual(both, { a: 1, b: 2 })
  })

  it.prop("needs no value to be an object", [FastCheck.jsonValue()], ([value]) => {
    assert.deepStrictEqual(errors({}, value), [])
    assert.deepStrictEqual(errors({ enum: [value] }, value), [])
    assert.isAtMost(errors(object({ a: { type: "number" } }), value, { coerce: true, prune: true }).length, 5)
  })

  it("bounds the work, whatever the schema", () => {
    const began = performance.now()
    const doubling = Array.from({ length: 40 }, (_, i) => {
      const next = { $ref: `#/$defs/d${i + 1}` }
      return [`d${i}`, { anyOf: [next, next] }]
    })
    const $defs = { ...Object.fromEntries(doubling), d40: { type: "number" } }
    assert.lengthOf(errors({ $ref: "#/$defs/d0", $defs }, "x"), 1)
    assert.lengthOf(errors({ $ref: "#" }, 1), 1)
    assert.lengthOf(errors({ type: "string", pattern: "^(a+)+$" }, `${"a".repeat(50_000)}!`), 1)
    const many = Array.from({ length: 100_000 }, (_, i) => ({ i }))
    assert.lengthOf(errors({ uniqueItems: true }, many), 0)
    assert.lengthOf(errors({ uniqueItems: true }, [...many, { i: 7 }]), 1)
    assert.isFalse(isSchema({ enum: Array.from({ length: 100_000 }, (_, i) => i) }))
    let deep: JsonSchema = {}
    for (let i = 0; i < 10_000; i++) deep = { not: deep }
    assert.isFalse(isSchema(deep))
    assert.isBelow(performance.now() - began, 6000)
  })
})
