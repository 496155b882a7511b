import { readdirSync, readFileSync } from "node:fs"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Either, Schema } from "effect"
import * as Decode from "../../../src/http/chat/Decode.ts"
import * as SchemaIssue from "../../../src/http/chat/SchemaIssue.ts"
import * as TestBackend from "../../support/TestBackend.ts"
import * as TestGateway from "../../support/TestGateway.ts"

/** Objects that `String` throws at. */
const hostile: ReadonlyArray<unknown> = [
  { toString: null },
  { toString: 1, valueOf: "x" },
  { toString: {}, valueOf: [] }
]

describe("Decode", () => {
  const Shape = Schema.Union(
    Schema.Struct({ type: Schema.Literal("a"), a: Schema.String }),
    Schema.Struct({ type: Schema.Literal("b"), b: Schema.Number })
  )
  const read = Decode.reader(Schema.Struct({ shape: Shape, free: Schema.Unknown }))

  it("refuses a kind that is an object with a toString of its own, at its place", () => {
    for (const type of hostile) {
      const { issue } = Either.getOrThrow(Either.flip(read({ shape: { type, a: "x" }, free: 1 })))
      assert.strictEqual(SchemaIssue.format(SchemaIssue.explain(issue).path), "shape.type")
    }
  })

  it("leaves such an object as it is where any value may stand", () => {
    for (const free of hostile) {
      const value = { shape: { type: "a" as const, a: "x" }, free }
      assert.deepStrictEqual(Either.getOrThrow(read(value)), value)
    }
  })

  it("is the only file of src/http that decodes with a schema", () => {
    const directory = new URL("../../../src/http/", import.meta.url)
    const others = readdirSync(directory, { recursive: true, encoding: "utf8" }).filter(
      (file) =>
        file.endsWith(".ts") &&
        file !== "chat/Decode.ts" &&
        readFileSync(new URL(file, directory), "utf8").includes("Schema.decode")
    )
    assert.deepStrictEqual(others, [])
  })

  it.scopedLive("has every dialect answer 400 to such a body", () =>
    Effect.gen(function* () {
      const { lines, request } = yield* TestGateway.serve(TestBackend.make())
      const hi = [{ role: "user", content: "hi" }]
      const bodies = hostile.flatMap(
        (type) =>
          [
            ["/v1/chat/completions", { messages: hi, tool_choice: { type }, tools: [] }],
            ["/v1/chat/completions", { messages: hi, response_format: { type } }],
            ["/v1/chat/completions", { messages: [{ role: "user", content: [{ type, text: "hi" }] }] }],
            ["/v1/responses", { input: "hi", tool_choice: { type } }],
            ["/v1/responses", { input: "hi", text: { format: { type } } }],
            ["/v1/messages", { max_tokens: 9, messages: hi, tool_choice: { type } }],
            ["/v1/messages", { max_tokens: 9, messages: hi, thinking: { type } }]
          ] as const
      )
      for (const [path, body] of bodies) {
        const text = JSON.stringify({ model: "auto", ...body })
        const headers = { "content-type": "application/json" }
        const { json, status } = yield* request(path, { method: "POST", headers, body: text })
        assert.strictEqual(status, 400, `${path} ${text}`)
        assert.isString(json.error?.message)
      }
      assert.isTrue(lines.every(({ level }) => level !== "ERROR"))
    })
  )
})
