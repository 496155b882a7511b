import { assert, describe, it } from "@effect/vitest"
import { FastCheck as fc } from "effect"
import * as JsonBounds from "../../src/json/JsonBounds.ts"
import * as JsonSource from "../../src/json/JsonSource.ts"
import * as JsonSpan from "../../src/json/JsonSpan.ts"

const tricky = fc.string({ unit: fc.constantFrom('"', "\\", "{", "}", "[", "]", "'", ",", ":", "a", "\n", "\u0000") })
const value = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { depthSize: "small" },
    tricky,
    fc.constantFrom(null, true, 1.5),
    fc.array(tie("value"), { maxLength: 3 }),
    fc.dictionary(tricky, tie("value"), { maxKeys: 3 })
  )
})).value
const container = fc.oneof(fc.array(value), fc.dictionary(tricky, value))

describe("JsonSpan", () => {
  it("ends a string at its own quote, whatever is escaped in it", () => {
    fc.assert(
      fc.property(tricky, tricky, tricky, (before, inside, behind) => {
        const literal = JSON.stringify(inside)
        const end = JsonSpan.endOfString(before + literal + behind, before.length)
        assert.strictEqual(end, before.length + literal.length - 1)
      })
    )
    assert.strictEqual(JsonSpan.endOfString('"open \\"', 0), -1)
    assert.strictEqual(JsonSpan.endOfString('"', 0), -1)
  })

  it("ends a value at its last bracket, however its text is cut", () => {
    fc.assert(
      fc.property(container, tricky, fc.integer({ min: 1, max: 5 }), (value, behind, size) => {
        const json = JSON.stringify(value)
        const closes = JsonBounds.closer()
        const text = json + behind
        let end: number | undefined
        let at = 0
        for (; end === undefined && at < text.length; at += size) end = closes(text.slice(at, at + size))
        assert.strictEqual(at - size + (end ?? Number.NaN), json.length)
        assert.strictEqual(JsonBounds.closer()(json.slice(0, -1)), undefined)
      })
    )
  })

  it("follows JSON to any depth, and what a model wrote in place of it to two hundred levels", () => {
    const deep = "[".repeat(5_000)
    assert.strictEqual(JsonBounds.closer()(deep + "]".repeat(5_000)), 10_000)
    const span = JsonSpan.make()
    assert.strictEqual(
      [...deep].findIndex((char) => span.step(char.charCodeAt(0)) === "deep"),
      200
    )
  })

  it("takes apostrophes for quotes only where Python is expected", () => {
    const text = "{'a': '}'}"
    assert.strictEqual(JsonBounds.closer()(text), text.indexOf("}") + 1)
    const span = JsonSpan.make()
    assert.strictEqual(
      [...text].findIndex((char) => span.step(char.charCodeAt(0)) === "end"),
      text.length - 1
    )
  })
})

describe("the text of a member", () => {
  it("is what stands there, of the last member of that name", () => {
    fc.assert(
      fc.property(fc.dictionary(tricky, value), tricky, value, (others, key, value) => {
        const own = JSON.stringify(value)
        const rest = JSON.stringify(others).slice(1)
        const text = `{"${"x"}" : [1],${JSON.stringify(key)}: ${own} ${rest === "}" ? "}" : `,${rest}`}`
        if (!Object.hasOwn(others, key)) assert.strictEqual(JsonSource.member(text, key), own)
      })
    )
    assert.isUndefined(JsonSource.member('{"a": 1}', "b"))
    assert.isUndefined(JsonSource.member('{"a', "a"))
  })
})
