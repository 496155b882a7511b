import { assert, describe, it } from "@effect/vitest"
import { Effect, FastCheck as fc } from "effect"
import { type ChatEvent, finish, textDelta } from "../../../../src/domain/Chat.ts"
import * as Prefill from "../../../../src/http/dialects/messages/Prefill.ts"
import * as TestBackend from "../../../support/TestBackend.ts"
import * as TestGateway from "../../../support/TestGateway.ts"
import * as Grammar from "./Grammar.ts"

const post = (body: object): RequestInit => ({
  method: "POST",
  headers: { "content-type": "application/json" },
  body: JSON.stringify({ model: "auto", max_tokens: 64, ...body })
})

describe("an answer that the client began", () => {
  it.scopedLive("is gone on with, and what the model repeats of it is left out", () =>
    Effect.gen(function* () {
      for (const [said, answered] of [
        [["{", '"sum": 4', "}"], '"sum": 4}'],
        [['"sum"', ": 4}"], '"sum": 4}']
      ] as const) {
        const scripted = TestBackend.make(TestBackend.say(...said))
        const { request } = yield* TestGateway.serve(scripted)
        const messages = [
          { role: "user", content: "2 + 2, as JSON" },
          { role: "assistant", content: "{" }
        ]
        const { json } = yield* request("/v1/messages", post({ messages }))
        assert.deepStrictEqual(json["content"] as object, [{ type: "text", text: answered }])
        const { text } = yield* request("/v1/messages", post({ messages, stream: true }))
        assert.deepStrictEqual(Grammar.read(text).content, [{ type: "text", text: answered }])
        const prompt = scripted.asks[0]?.prompt ?? ""
        assert.include(prompt, "Go on exactly where it ends")
        assert.match(prompt, /\{$/)
      }
    })
  )

  const stripped = (beginning: string, said: string, size: number): string => {
    const passed: Array<ChatEvent> = []
    const add = Prefill.strip(beginning, (event) => passed.push(event))
    for (let at = 0; at < said.length; at += size) add(textDelta(said.slice(at, at + size)))
    add(finish("stop"))
    assert.strictEqual(passed.at(-1)?._tag, "Finish")
    return passed.map((event) => (event._tag === "TextDelta" ? event.text : "")).join("")
  }
  const size = fc.integer({ min: 1, max: 5 })

  it("loses nothing else, however it comes in pieces", () => {
    fc.assert(
      fc.property(
        fc.string({ minLength: 8, maxLength: 16 }).filter((text) => text.trim().length >= 8),
        fc.string(),
        fc.boolean(),
        size,
        (beginning, rest, repeats, size) => {
          const said = (repeats ? beginning.trim() : "") + rest
          fc.pre(repeats || !said.trimStart().startsWith(beginning.trim()))
          assert.strictEqual(stripped(beginning, said, size), rest)
        }
      )
    )
  })

  it("loses nothing of what may be meant after so short a beginning", () => {
    fc.assert(
      fc.property(fc.constantFrom("[", "[[", "-", '"', "{", "No"), fc.string(), size, (beginning, rest, size) => {
        fc.pre(beginning !== "{" || !rest.trimStart().startsWith('"'))
        assert.strictEqual(stripped(beginning, beginning + rest, size), beginning + rest)
      })
    )
    assert.strictEqual(stripped("[", "[1,2],[3]]", 3), "[1,2],[3]]")
    assert.strictEqual(stripped("{", "{name}}", 1), "{name}}")
    assert.strictEqual(stripped("{", `{${" ".repeat(99)}"a": 1}`, 1), `{${" ".repeat(99)}"a": 1}`)
    assert.strictEqual(stripped("{", ' {\n "a": 1}', 1), '"a": 1}')
  })

  it("is told apart from a repetition in linear time", () => {
    const beginning = "ab ".repeat(500_000)
    const began = performance.now()
    assert.strictEqual(stripped(beginning, `${beginning.trim()}!`, 5), "!")
    assert.isBelow(performance.now() - began, 2000)
  })
})
