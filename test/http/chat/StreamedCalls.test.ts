/** A long file write shows progress in every dialect: its arguments arrive while the model writes them. */
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect } from "effect"
import { finish, textDelta } from "../../../src/domain/Chat.ts"
import * as Spoken from "../../support/Spoken.ts"
import * as TestBackend from "../../support/TestBackend.ts"
import * as TestGateway from "../../support/TestGateway.ts"

const parameters = { type: "object", properties: { path: { type: "string" }, content: { type: "string" } } }
const line = 'const a = "<b>\\u0000</b>" // 中文 🎉\n'
const content = line.repeat(Math.ceil(200_000 / line.length))
const answer = `I write it.\n${Spoken.call("write", { path: "a.ts", content })}`
const chunks = Spoken.pieces(answer, Math.ceil(answer.length / 400))

/** Says all but the last piece, waits until something of the call has arrived, and says the rest. */
const held = (arrived: Deferred.Deferred<void>) =>
  TestBackend.make((turn) =>
    Effect.gen(function* () {
      for (const chunk of chunks.slice(0, -1)) turn.emit(textDelta(chunk))
      yield* Deferred.await(arrived)
      turn.emit(textDelta(chunks.at(-1)!))
      turn.emit(finish("stop"))
    }).pipe(Effect.forkScoped)
  )

type Frame = Readonly<Record<string, unknown>>

/** All frames; `arrived` is told as soon as one of them is a piece of the call. */
const read = (response: Response, pieceOf: (frame: Frame) => string | undefined, arrived: Deferred.Deferred<void>) =>
  Effect.promise(async () => {
    assert.strictEqual(response.status, 200)
    const pieces: Array<string> = []
    const frames: Array<Frame> = []
    let rest = ""
    const decoder = new TextDecoder()
    for await (const bytes of response.body!) {
      const parts = (rest + decoder.decode(bytes, { stream: true })).split("\n\n")
      rest = parts.pop()!
      for (const part of parts) {
        const data = part.slice(part.indexOf("data: ") + 6)
        if (!part.includes("data: ") || data === "[DONE]") continue
        const frame = JSON.parse(data) as Frame
        frames.push(frame)
        const piece = pieceOf(frame)
        if (piece === undefined) continue
        pieces.push(piece)
        Deferred.unsafeDone(arrived, Effect.void)
      }
    }
    return { pieces, frames }
  })

const messages = [{ role: "user", content: "Write it." }]
const at = (value: unknown, ...path: ReadonlyArray<string | number>): unknown =>
  path.reduce<unknown>((one, key) => (one as Record<string | number, unknown> | undefined)?.[key], value)
const textAt = (value: unknown, ...path: ReadonlyArray<string | number>): string | undefined => {
  const found = at(value, ...path)
  return typeof found === "string" ? found : undefined
}
const customTool = { type: "custom", name: "write", description: "Writes" }

const dialects = [
  {
    name: "Chat completions",
    path: "/v1/chat/completions",
    body: { messages, tools: [{ type: "function", function: { name: "write", parameters } }] },
    pieceOf: (frame: Frame) => textAt(frame, "choices", 0, "delta", "tool_calls", 0, "function", "arguments"),
    end: (frames: ReadonlyArray<Frame>) =>
      frames.some((frame) => at(frame, "choices", 0, "finish_reason") === "tool_calls")
  },
  {
    name: "Responses",
    path: "/v1/responses",
    body: { input: "Write it.", tools: [{ type: "function", name: "write", parameters }] },
    pieceOf: (frame: Frame) =>
      frame["type"] === "response.function_call_arguments.delta" ? textAt(frame, "delta") : undefined,
    end: (frames: ReadonlyArray<Frame>) =>
      frames.some((frame) => frame["type"] === "response.function_call_arguments.done") &&
      frames.at(-1)?.["type"] === "response.completed"
  },
  {
    name: "Messages",
    path: "/v1/messages",
    body: { messages, max_tokens: 500_000, tools: [{ name: "write", input_schema: parameters }] },
    pieceOf: (frame: Frame) => textAt(frame, "delta", "partial_json"),
    end: (frames: ReadonlyArray<Frame>) => frames.some((frame) => at(frame, "delta", "stop_reason") === "tool_use")
  }
]

describe("A call of a long text", () => {
  for (const { body, end, name, path, pieceOf } of dialects) {
    it.scopedLive(`arrives in many pieces while the model writes it, by ${name}`, () =>
      Effect.gen(function* () {
        const arrived = yield* Deferred.make<void>()
        const { base } = yield* TestGateway.serve(held(arrived))
        const response = yield* Effect.promise(() =>
          fetch(base + path, {
            method: "POST",
            headers: { "content-type": "application/json" },
            body: JSON.stringify({ model: "auto", stream: true, ...body })
          })
        )
        const { frames, pieces } = yield* read(response, pieceOf, arrived)
        assert.isAbove(pieces.length, 50)
        assert.deepStrictEqual(JSON.parse(pieces.join("")), { path: "a.ts", content })
        assert.isTrue(end(frames))
      })
    )
  }

  it.scopedLive("arrives as the input of a custom tool, by Responses", () =>
    Effect.gen(function* () {
      const text = "*** Begin\n+a\n".repeat(1000)
      const { base } = yield* TestGateway.serve(Spoken.turns(Spoken.call("write", { input: text })))
      const arrived = yield* Deferred.make<void>()
      const response = yield* Effect.promise(() =>
        fetch(`${base}/v1/responses`, {
          method: "POST",
          headers: { "content-type": "application/json" },
          body: JSON.stringify({ model: "auto", stream: true, input: "Write it.", tools: [customTool] })
        })
      )
      const type = "response.custom_tool_call_input.delta"
      const { pieces } = yield* read(
        response,
        (one) => (one["type"] === type ? textAt(one, "delta") : undefined),
        arrived
      )
      assert.isAbove(pieces.length, 50)
      assert.strictEqual(pieces.join(""), text)
    })
  )
})
