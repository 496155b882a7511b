/**
 * Reads a Messages stream by its grammar: whatever is not legal is thrown, the rest becomes the message it tells.
 */
import { assert } from "@effect/vitest"

type Fields = Readonly<Record<string, unknown>>

export interface Told {
  readonly content: ReadonlyArray<Fields>
  readonly stopReason: unknown
  readonly stopSequence: unknown
  /** Of the error that ended it, if one did. */
  readonly error: unknown
}

const object = (value: unknown): Fields => {
  assert.isObject(value)
  return value as Fields
}

const parse = (text: string): ReadonlyArray<Fields> =>
  text
    .split("\n\n")
    .filter((frame) => frame !== "" && !frame.startsWith(":"))
    .map((frame) => {
      const [first = "", second = "", ...more] = frame.split("\n")
      assert.deepStrictEqual(more, [])
      const fields = object(JSON.parse(second.replace(/^data: /, "")))
      assert.strictEqual(first, `event: ${String(fields["type"])}`)
      return fields
    })

const fill = (block: Record<string, unknown>, delta: Fields): void => {
  const field = { text_delta: "text", thinking_delta: "thinking", signature_delta: "signature" }[String(delta["type"])]
  if (field !== undefined) {
    assert.property(block, field)
    block[field] = String(block[field]) + String(delta[field])
  } else {
    assert.strictEqual(delta["type"], "input_json_delta")
    assert.include(["tool_use", "server_tool_use"], block["type"])
    block["json"] = String(block["json"] ?? "") + String(delta["partial_json"])
  }
}

const whole = ({ json, ...block }: Record<string, unknown>): Fields =>
  block["type"] === "tool_use" || block["type"] === "server_tool_use"
    ? { ...block, input: JSON.parse(String(json)) as unknown }
    : block

/** A stream that was cut may end anywhere between two events. */
export const read = (text: string, options: { readonly cut?: boolean } = {}): Told => {
  const content: Array<Fields> = []
  let open: Record<string, unknown> | undefined
  let state: "new" | "begun" | "told" | "over" = "new"
  let ending: Fields = {}
  let error: unknown
  for (const fields of parse(text)) {
    assert.notStrictEqual(state, "over", "nothing follows the end")
    const at = Number(fields["index"])
    switch (fields["type"]) {
      case "ping":
        assert.notStrictEqual(state, "new")
        break
      case "error":
        error = fields["error"]
        state = "over"
        break
      case "message_start": {
        assert.strictEqual(state, "new")
        const message = object(fields["message"])
        assert.deepStrictEqual(
          [message["type"], message["role"], message["content"], message["stop_reason"]],
          ["message", "assistant", [], null]
        )
        assert.isNumber(object(message["usage"])["input_tokens"])
        state = "begun"
        break
      }
      case "content_block_start":
        assert.deepStrictEqual([state, open, at], ["begun", undefined, content.length])
        open = { ...object(fields["content_block"]) }
        break
      case "content_block_delta":
        assert.strictEqual(at, content.length)
        assert.isDefined(open)
        fill(open!, object(fields["delta"]))
        break
      case "content_block_stop":
        assert.strictEqual(at, content.length)
        assert.isDefined(open)
        content.push(whole(open!))
        open = undefined
        break
      case "message_delta":
        assert.deepStrictEqual([state, open], ["begun", undefined])
        ending = object(fields["delta"])
        assert.isNumber(object(fields["usage"])["output_tokens"])
        state = "told"
        break
      case "message_stop":
        assert.strictEqual(state, "told")
        state = "over"
        break
      default:
        assert.fail(`an event of no known type: ${String(fields["type"])}`)
    }
  }
  if (options.cut !== true) assert.strictEqual(state, "over")
  return { content, stopReason: ending["stop_reason"], stopSequence: ending["stop_sequence"], error }
}
