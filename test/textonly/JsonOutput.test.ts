import { assert, describe, it } from "@effect/vitest"
import { Either, FastCheck } from "effect"
import type { OutputFormat } from "../../src/domain/Chat.ts"
import * as JsonOutput from "../../src/textonly/JsonOutput.ts"
import { cuts, split, textOf } from "../support/pieces.ts"

const object: OutputFormat = { type: "json_object" }
const schema = (strict: boolean): OutputFormat => ({
  type: "json_schema",
  name: "point",
  schema: { type: "object", properties: { x: { type: "number" } }, required: ["x"], additionalProperties: false },
  strict
})

const open = (format: OutputFormat, live: boolean) => {
  const got = { text: "" }
  const stage = JsonOutput.make(
    format,
    { live },
    {
      text: (text) => {
        if (text === "") assert.fail("nothing is no text")
        got.text += text
      }
    }
  )
  return { got, stage }
}
const run = (format: OutputFormat, live: boolean, pieces: ReadonlyArray<string>) => {
  const { got, stage } = open(format, live)
  for (const piece of pieces) stage.push(piece)
  const end = stage.end()
  return { text: got.text, errors: Either.isLeft(end) ? end.left : [] }
}
const live = (pieces: ReadonlyArray<string>) => run(object, true, pieces).text
const held = (whole: string, format: OutputFormat = object) => run(format, false, [whole])

const messy = textOf(
  ["{", "}", "[", "]", '"', "\\", ":", ",", "1", "true", " ", "\n", "```json\n", "```", "a", '{"x": 1}', "😀"],
  20
)

describe("JsonOutput, as it comes", () => {
  it("leaves out fences and prose around the JSON", () => {
    assert.strictEqual(live(['```json\n{"a": "}```"}\n```\nDone.']), '{"a": "}```"}')
    assert.strictEqual(live(["Here [it] is {now}: ", "[", " ", "1, [2]]", " and {}"]), "[ 1, [2]]")
    assert.strictEqual(live(["{\n", "  }", "x"]), "{\n  }")
    assert.strictEqual(live(['{"a": "\\"}', '"}', " {}"]), '{"a": "\\"}"}')
  })

  it("streams the body without delay, and an unfinished one as far as it came", () => {
    const { got, stage } = open(object, true)
    for (const piece of ["Sure:\n```json\n", '{"a', '":', " [1"]) stage.push(piece)
    assert.strictEqual(got.text, '{"a": [1')
    stage.end()
    assert.strictEqual(got.text, '{"a": [1')
  })

  it("lets text go out at the end that has nothing like JSON in it", () => {
    assert.strictEqual(live(["No, ", "{sorry", "} ["]), "No, {sorry} [")
    const long = "word ".repeat(30_000)
    assert.strictEqual(live([long, '{"a":1}', " more"]), `${long}{"a":1} more`)
  })

  it.prop("does not depend on where the text was cut", [messy, cuts], ([whole, at]) => {
    assert.strictEqual(live(split(whole, at)), live([whole]))
  })

  it.prop(
    "finds an object in any prose",
    [FastCheck.dictionary(FastCheck.string({ unit: "grapheme" }), FastCheck.jsonValue()), cuts],
    ([value, at]) => {
      const json = JSON.stringify(value, null, 1)
      assert.strictEqual(live(split(`Well:\n\`\`\`\n${json}\n\`\`\`\nBye {}`, at)), json)
    }
  )
})

describe("JsonOutput, checked", () => {
  it("takes the one value as the model wrote it", () => {
    assert.deepStrictEqual(held(' \n{ "x" :1.0 }\n'), { text: '{ "x" :1.0 }', errors: [] })
    assert.deepStrictEqual(held('```json\n{"x": 1}\n```', schema(true)), { text: '{"x": 1}', errors: [] })
    assert.deepStrictEqual(held('I took [1] from {a}: {"x": 1} as asked', schema(true)).errors, [
      "there is more than one JSON value"
    ])
    assert.deepStrictEqual(held('From {a}: {"x": 1} as asked', schema(true)), { text: '{"x": 1}', errors: [] })
    const word: OutputFormat = { type: "json_schema", name: "w", schema: { type: "string" }, strict: true }
    assert.deepStrictEqual(held('```\n"x"\n```', word), { text: '"x"', errors: [] })
  })

  it("mends what arguments of a call are mended of, where both ends are there", () => {
    for (const [whole, text] of [
      ['{"x": 1,}', '{"x": 1}'],
      ["{'x': 1, 'y': True}", '{"x": 1, "y": true}'],
      ['{"x": "C:\\Projects\\d+"}', '{"x": "C:\\\\Projects\\\\d+"}'],
      ['So:\n```json\n{"x": [1, 2,]}\n```', '{"x": [1, 2]}']
    ] as const) {
      assert.deepStrictEqual(held(whole), { text, errors: [] }, whole)
    }
    for (const whole of ['{"x": {"y": 1}', "{'x': {'y': 1}", "{'x': 1} {'y': 2}", '{"x": 1,} {"x": 2,}'])
      assert.strictEqual(held(whole).text, "", whole)
  })

  it("tells what is wrong and sends nothing", () => {
    const cases: ReadonlyArray<readonly [whole: string, format: OutputFormat, error: string]> = [
      ["no", object, "the answer is not JSON"],
      ["[1]", object, "the answer must be a JSON object"],
      ['{"x": ', object, "the JSON breaks off before its end"],
      ['{"x": 1 "y"}', object, "the JSON is wrong at character 8"],
      ['{"x":1}\n{"x":2}', object, "there is more than one JSON value"],
      ['{"x":"1"}', schema(true), "/x must be number"],
      ['{"x":1,"y":2}', schema(false), 'the value must not have "y"']
    ]
    for (const [whole, format, error] of cases)
      assert.deepStrictEqual(held(whole, format), { text: "", errors: [error] })
  })

  it("gives out what it holds when it is told to", () => {
    const { got, stage } = open(object, false)
    stage.push(" not JSON ")
    assert.isTrue(Either.isLeft(stage.end()))
    stage.release()
    stage.release()
    assert.strictEqual(got.text, " not JSON ")
  })

  it("is bounded: a strict answer that is too long is wrong, another passes unchecked", () => {
    const piece = "x".repeat(1024 * 1024)
    const pieces = Array<string>(6).fill(piece)
    assert.deepStrictEqual(run(schema(true), false, pieces).errors, ["the answer is too long"])
    assert.deepStrictEqual(run(object, false, pieces), { text: pieces.join(""), errors: [] })
  })

  it.prop("does not depend on where the text was cut", [messy, cuts], ([whole, at]) => {
    assert.deepStrictEqual(run(object, false, split(whole, at)), run(object, false, [whole]))
  })

  it("takes linear time on hostile text", () => {
    const began = performance.now()
    for (const part of ["{", "[", '{"', "{ ", "[1", '{"a":', "```", "\\"]) {
      run(schema(true), false, [part.repeat(500_000)])
      run(object, true, Array<string>(200_000).fill(part))
    }
    assert.isBelow(performance.now() - began, 8000)
  })
})

describe("what the model is told", () => {
  it("holds the schema, and what was wrong", () => {
    assert.strictEqual(JsonOutput.instructions({ type: "text" }), "")
    assert.include(JsonOutput.instructions(object), "one JSON object")
    assert.include(JsonOutput.instructions(schema(true)), '"required":["x"]')
    const hint = JsonOutput.hint(["/x must be number"], schema(true))
    assert.include(hint, "- /x must be number")
    assert.include(hint, '"required":["x"]')
  })
})
