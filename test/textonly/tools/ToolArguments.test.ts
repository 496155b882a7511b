import { assert, describe, it } from "@effect/vitest"
import { Either, FastCheck } from "effect"
import type { JsonSchema } from "../../../src/domain/Chat.ts"
import * as JsonRepair from "../../../src/json/JsonRepair.ts"
import * as JsonSource from "../../../src/json/JsonSource.ts"
import * as ToolArguments from "../../../src/textonly/tools/ToolArguments.ts"
import { scan, tool, toolset } from "../scan/Scan.ts"

const of = (parameters: JsonSchema) => tool("t", {}, { parameters })
const one = (schema: unknown) => of({ type: "object", properties: { v: schema } })
const read = (schema: unknown, raw: string) => {
  const result = ToolArguments.fromXml([["v", raw]], one(schema))
  return Either.isRight(result) ? JSON.parse(result.right).v : result.left.reason
}
const json = (value: unknown, schema: JsonSchema) => {
  const result = ToolArguments.fromJson(value, of(schema))
  return Either.isRight(result) ? JSON.parse(result.right) : result.left.reason
}

describe("ToolArguments", () => {
  it("types a raw value by its schema", () => {
    for (const [schema, raw, value] of [
      [{ type: "string" }, "3", "3"],
      [{ type: "string" }, '{"a":1}', '{"a":1}'],
      [{ type: "string" }, " a\n", " a\n"],
      [{ type: "integer" }, "3", 3],
      [{ type: "integer" }, " 3\n", 3],
      [{ type: "integer" }, "three", "invalid_arguments"],
      [{ type: "number" }, "3", 3],
      [{ type: "number" }, "-1.5e3", -1500],
      [{ type: "boolean" }, "true", true],
      [{ type: "boolean" }, "True", true],
      [{ type: "null" }, "None", null],
      [{ type: ["string", "null"] }, "null", null],
      [{ type: ["string", "null"] }, "nil", "nil"],
      [{ anyOf: [{ type: "integer" }, { type: "string" }] }, "12a", "12a"],
      [{ anyOf: [{ type: "integer" }, { type: "string" }] }, "12", 12],
      [{ type: "array" }, "[1, 2,]", [1, 2]],
      [{ type: "array", items: { type: "string" } }, '["</parameter>"]', ["</parameter>"]],
      [{ type: "object" }, "{'a': None}", { a: null }],
      [{ enum: ["1", "2"] }, "1", "1"],
      [{ enum: [1, 2] }, "1", 1],
      [{ const: true }, "true", true],
      [{}, "3", 3],
      [{}, '"3"', '"3"'],
      [{}, "text", "text"],
      [true, "[1]", [1]],
      [undefined, "{", "{"],
      [{ type: "string" }, "<![CDATA[a < b]]>", "a < b"],
      [{ type: "string" }, "x <![CDATA[a]]>", "x <![CDATA[a]]>"],
      [{ type: "string" }, "&lt;", "&lt;"]
    ] as const) {
      assert.deepStrictEqual(read(schema, raw), value, JSON.stringify([schema, raw]))
    }
  })

  it("follows references within the schema, also those that lead nowhere or round", () => {
    const at = (schema: unknown, $defs: Record<string, unknown>) =>
      Either.merge(ToolArguments.fromXml([["v", "3"]], of({ type: "object", properties: { v: schema }, $defs })))
    assert.strictEqual(at({ $ref: "#/$defs/a" }, { a: { $ref: "#/$defs/b" }, b: { type: "string" } }), '{"v":"3"}')
    assert.strictEqual(at({ $ref: "#/$defs/a" }, { a: { type: "integer" } }), '{"v":3}')
    const round = at({ $ref: "#/$defs/a" }, { a: { $ref: "#/$defs/a" } })
    assert.propertyVal(round, "arguments", '{"v":3}')
    assert.strictEqual(at({ $ref: "#/$defs/none" }, {}), '{"v":3}')
  })

  it("takes keys as they are, those of objects too", () => {
    const result = ToolArguments.fromXml(
      [
        ["__proto__", "1"],
        ["constructor", "2"]
      ],
      of({ type: "object" })
    )
    assert.deepStrictEqual(result, Either.right('{"__proto__":1,"constructor":2}'))
  })

  it("reads an object, a text that holds one, and nothing", () => {
    const schema = { type: "object", properties: { x: { type: "integer" } } }
    assert.deepStrictEqual(json({ x: 1 }, schema), { x: 1 })
    assert.deepStrictEqual(json('{"x":1}', schema), { x: 1 })
    assert.deepStrictEqual(json("```json\n{'x': 1,}\n```", schema), { x: 1 })
    for (const nothing of [undefined, null, ""]) assert.deepStrictEqual(json(nothing, schema), {})
    for (const none of [1, [], true, "[1]"]) assert.deepStrictEqual(json(none, schema), "invalid_arguments")
    assert.deepStrictEqual(json("{", { type: "object" }), {})
    assert.deepStrictEqual(json('{"', schema), "unparsable")
  })

  it("makes numbers and booleans of texts where those are wanted, and nothing else", () => {
    const schema = {
      type: "object",
      properties: {
        n: { type: "number" },
        b: { type: "boolean" },
        s: { type: "string" },
        deep: { type: "array", items: { type: "integer" } }
      }
    }
    assert.deepStrictEqual(json({ n: "1.5", b: "false", s: "3", deep: ["4"] }, schema), {
      n: 1.5,
      b: false,
      s: "3",
      deep: [4]
    })
    for (const bad of [{ n: "many" }, { b: "yes" }, { s: 3 }, { n: null }, { b: 1 }]) {
      assert.strictEqual(json(bad, schema), "invalid_arguments", JSON.stringify(bad))
    }
  })

  it("removes unknown keys only where they are forbidden, and fills in none", () => {
    const properties = { a: { type: "integer" }, b: { type: "integer", default: 7 } }
    assert.deepStrictEqual(json({ a: 1, z: 2 }, { type: "object", properties }), { a: 1, z: 2 })
    assert.deepStrictEqual(json({ a: 1, z: 2 }, { type: "object", properties, additionalProperties: false }), { a: 1 })
    assert.strictEqual(json({ a: 1 }, { type: "object", properties, required: ["b"] }), "invalid_arguments")
  })

  it("keeps numbers that JavaScript would round", () => {
    const id = "1234567890123456789"
    const schema = { type: "object", properties: { v: { type: "integer" }, s: { type: "string" } } }
    const tools = toolset([of(schema)])
    const args = `{"v": ${id}, "s": "a\\"}:,"}`
    for (const text of [
      `{"name":"t","arguments":${args}}`,
      `{"arguments": ${args} , "name": "t"}`,
      `{"name":"t","arguments":${JSON.stringify(args)}}`
    ]) {
      const written = args.replaceAll(/([:,]) /g, "$1")
      assert.deepStrictEqual(scan([`<tool_call>${text}</tool_call>`], tools).calls, [["t", written]], text)
    }
    assert.deepStrictEqual(
      scan(
        [
          `<tool_call><function=t><parameter=v>\n${id}\n</parameter><parameter=s>${id}</parameter></function></tool_call>`
        ],
        tools
      ).calls,
      [["t", `{"v":${id},"s":"${id}"}`]]
    )
    // What was mended or made another kind is written anew.
    const mended = scan([`<tool_call>{"name":"t","arguments":{"v":"7","s":"${id}",}}</tool_call>`], tools)
    assert.deepStrictEqual(mended.calls, [["t", `{"v":7,"s":"${id}"}`]])
  })

  it.prop(
    "finds a member's text in any JSON",
    [
      FastCheck.dictionary(FastCheck.string(), FastCheck.jsonValue(), { minKeys: 1 }),
      FastCheck.nat(),
      FastCheck.constantFrom(0, 2)
    ],
    ([given, pick, indent]) => {
      const value = JSON.parse(JSON.stringify(given))
      const keys = Object.keys(value)
      const key = keys[pick % keys.length]!
      const text = JsonSource.member(JSON.stringify(value, null, indent), key)
      assert.deepStrictEqual(JSON.parse(text!), value[key])
    }
  )

  it.prop(
    "writes JSON as JavaScript does, but for long numbers",
    [FastCheck.jsonValue(), FastCheck.constantFrom(0, 1, 2)],
    ([value, indent]) => {
      const text = JSON.stringify(value)
      assert.strictEqual(JsonSource.compact(JSON.stringify(JSON.parse(text), null, indent)), text)
      const long = `{"a b" : [ 12345678901234567890 , 1.50, ${text} ] }`
      assert.strictEqual(JsonSource.compact(long), `{"a b":[12345678901234567890,1.5,${text}]}`)
    }
  )

  it("takes any object where the schema is none", () => {
    assert.deepStrictEqual(json({ a: 1 }, { type: "nonsense" }), { a: 1 })
    assert.deepStrictEqual(json({ a: 1 }, { $ref: "#/nowhere" }), { a: 1 })
  })

  it("tells what is wrong without the values", () => {
    const secret = "hunter2"
    const faults = [
      ToolArguments.fromJson({ v: secret }, one({ type: "integer" })),
      ToolArguments.fromJson(`{"${secret}": "`, one({})),
      ToolArguments.fromJson({ v: secret }, one({ type: "string", pattern: "^a" }))
    ]
    for (const fault of faults) {
      assert.isTrue(Either.isLeft(fault))
      if (Either.isLeft(fault)) assert.notInclude(fault.left.detail, secret)
    }
  })

  it("does not let a pattern of the client's take its time", () => {
    const began = performance.now()
    json({ v: `${"a".repeat(50_000)}!` }, { type: "object", properties: { v: { type: "string", pattern: "^(a+)+$" } } })
    assert.isBelow(performance.now() - began, 5000)
  })
})

describe("JsonRepair", () => {
  it("mends what models get wrong", () => {
    for (const [text, value] of [
      ['{"a":1,}', { a: 1 }],
      ['{"a":[1,2, ] , }', { a: [1, 2] }],
      ['```json\n{"a":1}\n```', { a: 1 }],
      ['{"a":"x\ny\tz"}', { a: "x\ny\tz" }],
      ["{'a': True, 'b': None, 'c': False}", { a: true, b: null, c: false }],
      ['{"a": "C:\\Projects\\app", "b": "\\d+\\.", "c": "x\\ny"}', { a: "C:\\Projects\\app", b: "\\d+\\.", c: "x\ny" }],
      ['{"a": "\\u00e9\\u12\\x41\\\\q", "b": "it\\\'s \\\nso"}', { a: "é\\u12\\x41\\q", b: "it's \\\nso" }],
      ["{'a': 'say \"hi\", it\\'s'}", { a: 'say "hi", it\'s' }],
      ['{"a":{"b":[1', { a: { b: [1] } }],
      ['{"a":[1}', { a: [1] }],
      ['{"a":1}}}', { a: 1 }],
      ['{"a":"True, None,}"}', { a: "True, None,}" }]
    ] as const) {
      assert.deepStrictEqual(JsonRepair.parse(text), Either.right(value), text)
    }
  })

  it("gives up on a text without an end, and on endless nesting", () => {
    for (const text of ['{"a":"b', "{'a", "[".repeat(2000), "", "nonsense", '{"a" 1}']) {
      assert.isTrue(Either.isLeft(JsonRepair.parse(text)), text.slice(0, 20))
    }
  })

  it.prop("changes nothing in JSON", [FastCheck.json()], ([text]) => {
    assert.strictEqual(JsonRepair.repair(text), text.trim())
  })

  it.prop(
    "keeps what stands in strings, whatever is wrong around them",
    [FastCheck.string({ unit: "binary" })],
    ([text]) => {
      assert.deepStrictEqual(
        JsonRepair.parse(`{'a': True, "b": ${JSON.stringify(text)},`),
        Either.right({ a: true, b: text })
      )
    }
  )
})
