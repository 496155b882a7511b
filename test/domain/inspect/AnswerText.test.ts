import { assert, describe, it } from "@effect/vitest"
import * as AnswerText from "../../../src/domain/inspect/AnswerText.ts"

const stream = (...events: ReadonlyArray<object>) =>
  `${events.map((one) => `event: x\ndata: ${JSON.stringify(one)}`).join("\n\n")}\n\ndata: [DONE]\n\n`

describe("What a model said", () => {
  it("is read out of whole answers of each dialect", () => {
    const whole: ReadonlyArray<readonly [object, string]> = [
      [{ choices: [{ message: { content: "a b" } }] }, "a b"],
      [
        { choices: [{ message: { content: null, tool_calls: [{ function: { name: "f", arguments: '{"x":1}' } }] } }] },
        '[f] {"x":1}'
      ],
      [{ choices: [{ text: "plain" }] }, "plain"],
      [
        {
          type: "message",
          content: [
            { type: "text", text: "hi" },
            { type: "tool_use", name: "f", input: { x: 1 } }
          ]
        },
        'hi\n[f] {"x":1}'
      ],
      [
        {
          output: [
            { type: "message", content: [{ type: "output_text", text: "out" }] },
            { type: "function_call", name: "f", arguments: "{}" }
          ]
        },
        "out\n[f] {}"
      ],
      [{ error: { message: "wrong" } }, "wrong"],
      [{ type: "error", error: { message: "wrong, too" } }, "wrong, too"]
    ]
    for (const [body, said] of whole) assert.strictEqual(AnswerText.of(JSON.stringify(body)), said)
  })

  it("is read out of streams, and said once", () => {
    const delta = (content: string) => ({ choices: [{ delta: { content } }] })
    assert.strictEqual(AnswerText.of(stream(delta("a "), delta("b"), { choices: [] })), "a b")
    assert.strictEqual(
      AnswerText.of(
        stream(
          { type: "message_start", message: { content: [] } },
          { type: "content_block_delta", delta: { type: "text_delta", text: "a" } },
          { type: "content_block_start", content_block: { type: "tool_use", name: "f", input: {} } },
          { type: "content_block_delta", delta: { type: "input_json_delta", partial_json: '{"x":1}' } }
        )
      ),
      'a\n[f] {"x":1}'
    )
    assert.strictEqual(
      AnswerText.of(
        stream(
          { type: "response.output_text.delta", delta: "a" },
          { type: "response.output_text.done", text: "a" },
          { type: "response.completed", response: { output: [{ type: "message", content: [{ text: "a" }] }] } }
        )
      ),
      "a"
    )
  })

  it("is nothing where an answer is broken or unknown", () => {
    for (const answer of ["", "{", "data: {", "[]", "null", '{"choices":[null,1]}'])
      assert.strictEqual(AnswerText.of(answer), "")
  })
})
