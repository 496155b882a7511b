import { assert, describe, it } from "@effect/vitest"
import { Ajv } from "ajv"
import { Either, FastCheck } from "effect"
import type { JsonSchema } from "../../src/domain/Chat.ts"
import * as JsonSchemas from "../../src/json/JsonSchemas.ts"

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

  it("reports an invalid schema", () => {
    assert.isFalse(isSchema({ type: "banana" }))
    assert.isFalse(isSchema({ properties: 5 }))
    assert.isFalse(isSchema({ required: [1] }))
    assert.isFalse(isSchema({ pattern: "(" }))
    assert.isFalse(isSchema({ $ref: "http://127.0.0.1/other.json" }))
    assert.isFalse(isSchema({ $ref: "#/$defs/none" }))
  })

  it("converts texts to the type of the schema, in place, where that is asked for", () => {
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

  it("follows references by names of its own, and none out of it", () => {
    const named = { $defs: { a: { $anchor: "n", type: "number" }, b: { $id: "b.json", $defs: { c: { const: 1 } } } } }
    assert.lengthOf(errors({ ...named, $ref: "#n" }, "x"), 1)
    assert.lengthOf(errors({ ...named, $ref: "b.json#/$defs/c" }, 1), 0)
    assert.lengthOf(errors({ ...named, $ref: "b.json#/$defs/c" }, 2), 1)
    assert.isFalse(isSchema({ ...named, $ref: "#m" }))
    assert.isFalse(isSchema({ ...named, $ref: "c.json" }))
  })

  it("supports unevaluatedProperties and unevaluatedItems, in the drafts that have them", () => {
    const closed = { allOf: [object({ a: true })], anyOf: [object({ b: true }), true], unevaluatedProperties: false }
    assert.deepStrictEqual(errors(closed, { a: 1, b: 1 }), [])
    assert.deepStrictEqual(errors(closed, { c: 1 }), ["the value must NOT have unevaluated properties"])
    const draft7 = { ...closed, $schema: "http://json-schema.org/draft-07/schema#" }
    assert.deepStrictEqual(errors(draft7, { c: 1 }), [])
    assert.lengthOf(errors({ prefixItems: [true], contains: { const: 1 }, unevaluatedItems: false }, [0, 1, 1]), 0)
    assert.lengthOf(errors({ prefixItems: [true], contains: { const: 1 }, unevaluatedItems: false }, [0, 2, 1]), 1)
  })

  const branch = FastCheck.constantFrom<JsonSchema>(
    { type: "object", required: ["a"] },
    object({ a: { type: "integer" } }, { additionalProperties: { type: "string" } }),
    { patternProperties: { "^[ab]": { type: ["string", "null"] } }, minProperties: 1 },
    { items: { type: "number", minimum: 1, multipleOf: 2 }, maxItems: 3 },
    // The compiler keeps what "contains" said of the last array when the next one is empty.
    { contains: { type: "string" }, minItems: 1, uniqueItems: true },
    { enum: [1, "a", null, { a: 1 }, [1]] },
    { const: { a: [1] } },
    { type: "string", minLength: 1, pattern: "^a+$" },
    { propertyNames: { maxLength: 1 } },
    { dependencies: { a: ["b"] } },
    { $ref: "#/definitions/d" }
  )
  const nested = FastCheck.letrec<{ one: JsonSchema }>((again) => ({
    one: FastCheck.oneof(
      { depthSize: "small" },
      branch,
      FastCheck.tuple(
        FastCheck.constantFrom("allOf", "anyOf", "oneOf"),
        FastCheck.array(again("one"), { minLength: 1, maxLength: 3 })
      ).map(([word, some]): JsonSchema => ({ [word]: some })),
      FastCheck.tuple(branch, again("one"), branch).map(
        (schemas): JsonSchema => Object.fromEntries(["if", "then", "else"].map((word, i) => [word, schemas[i]]))
      ),
      again("one").map((one): JsonSchema => ({ not: one })),
      again("one").map((one): JsonSchema => ({ items: one, additionalProperties: one }))
    )
  })).one
  const leaf = FastCheck.constantFrom<unknown>(0, 1, 2, 4, "", "a", "aa", "b", null, true, [], {})
  const some = FastCheck.oneof(
    leaf,
    FastCheck.array(leaf, { maxLength: 4 }),
    FastCheck.dictionary(FastCheck.constantFrom("a", "b", "cc"), FastCheck.oneof(leaf, FastCheck.array(leaf))),
    FastCheck.constantFrom<unknown>({ a: 1 }, { a: [1] }, [1])
  )

  it.prop("accepts and rejects the same values as Ajv", [nested, some], ([schema, value]) => {
    const root = { ...schema, definitions: { d: { type: ["object", "string"] } } }
    const compiled = new Ajv({ strict: false, validateFormats: false, ownProperties: true }).compile(root)
    assert.strictEqual(errors(root, value).length === 0, compiled(value), JSON.stringify([root, value]))
  })

  it("looks for what an array contains in each one anew, in an empty one too", () => {
    const schema = { additionalProperties: { contains: { type: "string" } } }
    assert.lengthOf(errors(schema, { a: ["b"], b: ["c"] }), 0)
    assert.isAbove(errors(schema, { a: ["b"], b: [] }).length, 0)
  })

  const many = <A>(count: number, make: (i: number) => A) => Array.from({ length: count }, (_, i) => make(i))
  const record = <A>(count: number, make: (i: number) => A) =>
    Object.fromEntries(many(count, (i) => [`p${i}`, make(i)] as const))
  const doubling = Object.fromEntries(
    many(40, (i) => [`d${i}`, { anyOf: [{ $ref: `#/$defs/d${i + 1}` }, { $ref: `#/$defs/d${i + 1}` }] }] as const)
  )
  const $defs = { ...doubling, d40: { type: "number" } }
  const letters = "ab".repeat(2000)

  /** Each took a compiler from half a second to all memory there was; here at most 0.4 s. */
  const attacks: ReadonlyArray<readonly [what: string, schema: JsonSchema, value: unknown]> = [
    ["patterns of many states", { allOf: many(20, (i) => ({ pattern: `(a?){${900 + i}}x` })) }, "a".repeat(4096)],
    ["many patterns", object(record(250, (i) => ({ pattern: `[a-z]{${i}}b*` }))), record(250, () => letters)],
    ["patterns of keys", { patternProperties: record(90, () => ({})) }, record(1000, () => 1)],
    ["a pattern of names", { propertyNames: { pattern: "^(a?){500}$" } }, record(1000, () => 1)],
    ["many schemas", object(record(4000, (i) => ({ maxLength: i }))), {}],
    ["dependencies of many names", { dependentRequired: { a: many(9900, String) } }, { a: 1 }],
    ["many names", { required: many(9900, String) }, {}],
    ["an enum for each item", { items: { enum: many(9900, String) } }, many(1000, () => "x")],
    ["alternatives for each item", { items: { anyOf: many(3000, (i) => ({ const: i })) } }, many(1000, () => "x")],
    ["references that double", { $ref: "#/$defs/d0", $defs }, "x"],
    ["references that double for each item", { items: { $ref: "#/$defs/d0" }, $defs }, many(1000, () => "x")],
    ["a reference to itself", { $ref: "#" }, 1],
    ["a large value in many branches", { allOf: many(3000, () => ({ enum: [{}] })) }, record(1000, () => 1)],
    ["texts in many branches", { allOf: many(3000, () => ({ maxLength: 9 })) }, "é".repeat(100_000)],
    [
      "what is left over",
      { allOf: many(500, () => ({ additionalProperties: true })), unevaluatedProperties: false },
      record(1000, () => 1)
    ]
  ]

  it("needs little time and memory for hostile schemas and values", () => {
    errors({ type: "object" }, {}) // the schemas of schemas are compiled once
    const memory = process.memoryUsage().heapUsed
    for (const [what, schema, value] of attacks) {
      const began = process.cpuUsage()
      errors(schema, value)
      const { system, user } = process.cpuUsage(began)
      assert.isBelow((user + system) / 1000, 1_000, what)
    }
    assert.isBelow((process.memoryUsage().heapUsed - memory) / 1e6, 100)
  })

  it("refuses a schema that is too deep or too large", () => {
    let deep: JsonSchema = {}
    for (let i = 0; i < 10_000; i++) deep = { not: deep }
    const tooMuch: ReadonlyArray<JsonSchema> = [
      deep,
      { enum: many(100_000, (i) => i) },
      object(record(1900, (i) => ({ pattern: `[a-z]{${i}}b*` }))),
      object(record(100, (i) => ({ pattern: `^${"a".repeat(400)}${i}$` }))),
      { const: "a".repeat(2 << 20) },
      { $ref: `#/${"a/".repeat(2000)}` },
      object({ ["k".repeat(2 << 20)]: {} })
    ]
    for (const schema of tooMuch) assert.isFalse(isSchema(schema))
    for (const schema of tooMuch) assert.isTrue(Either.isLeft(JsonSchemas.check(schema)))
    assert.isFalse(isSchema({ pattern: "(" }))
  })

  it("checks large values in time that grows with them", () => {
    assert.lengthOf(errors({ type: "string", pattern: "^(a+)+$" }, `${"a".repeat(5000)}!`), 1)
    const items = many(100_000, (i) => ({ i }))
    assert.lengthOf(errors({ uniqueItems: true }, items), 0)
    assert.lengthOf(errors({ uniqueItems: true }, [...items, { i: 7 }]), 1)
  })
})
