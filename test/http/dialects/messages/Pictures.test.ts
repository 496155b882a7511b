import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Images from "../../../../src/http/chat/Images.ts"
import { png } from "../../../support/Pictures.ts"
import * as TestBackend from "../../../support/TestBackend.ts"
import * as TestGateway from "../../../support/TestGateway.ts"

const data = png().toString("base64")
const image = (sent = data) => ({ type: "image", source: { type: "base64", media_type: "image/png", data: sent } })
const words = (text: string) => ({ type: "text", text })
const result = (...content: ReadonlyArray<object>) => ({ type: "tool_result", tool_use_id: "toolu_1", content })
const user = (...content: ReadonlyArray<object>) => ({ role: "user", content })
const call = { role: "assistant", content: [{ type: "tool_use", id: "toolu_1", name: "Read", input: {} }] }
/** A file is read, and it is a picture. */
const looked = (...content: ReadonlyArray<object>) => [user(words("Look.")), call, user(result(...content))]
const answer = { role: "assistant", content: "I see." }

const seeing = { key: "auto", name: "Auto", scene: "chat", isDefault: true, vision: true } as const
const blind = { key: "blind", name: "Blind", scene: "chat", isDefault: false, vision: false } as const

const serve = Effect.fnUntraced(function* () {
  const scripted = TestBackend.make(TestBackend.say("Fine."), { models: Effect.succeed([seeing, blind]) })
  const { request } = yield* TestGateway.serve(scripted)
  const ask = (messages: ReadonlyArray<object>, more: object = {}) =>
    request("/v1/messages", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ model: "auto", max_tokens: 64, messages, ...more })
    })
  const refusal = (messages: ReadonlyArray<object>, more: object = {}) =>
    Effect.map(ask(messages, more), ({ json, status }) => {
      assert.deepStrictEqual([status, json.error?.type], [400, "invalid_request_error"])
      return json.error?.message ?? ""
    })
  return { ask, refusal, scripted }
})

describe("a picture that cannot be taken", () => {
  it.scopedLive("is refused by the place that Anthropic gives it", () =>
    Effect.gen(function* () {
      const { refusal, scripted } = yield* serve()
      const place = "messages.2.content.0.tool_result.content.0.image.source.base64: "
      for (const bad of ["aGVsbG8=", "%", "", png(11 << 20).toString("base64")])
        assert.isTrue((yield* refusal(looked(image(bad)))).startsWith(place), bad.slice(0, 10))
      const second = yield* refusal([user(words("See"), image("%"))])
      assert.match(second, /^messages\.0\.content\.1\.image\.source\.base64: /)
      const url = { type: "image", source: { type: "url", url: "http://127.0.0.1/" } }
      assert.match(yield* refusal(looked(words("x"), url)), /^messages\.2.+\.content\.1\.image\.source\.url: /)
      const inner = { type: "document", source: { type: "content", content: [image("%")] } }
      assert.match(
        yield* refusal([user(inner)]),
        /^messages\.0\.content\.0\.document\.source\.content\.content\.0\.image\.source\.base64: /
      )
      const many = Array.from({ length: Images.MOST + 1 }, () => image())
      assert.match(yield* refusal([user(...many)]), /^messages\.0\.content\.100\.image\.source\.base64: There are too/)
      assert.lengthOf(scripted.asks, 0)
    })
  )

  it.scopedLive("is named by its place where the model does not see: the first of what is asked now", () =>
    Effect.gen(function* () {
      const { refusal, scripted } = yield* serve()
      const why = ": 'blind' does not take images. Choose one that does, or leave the images out."
      for (const stream of [false, true]) {
        const more = { model: "blind", stream }
        const messages = [user(image(), words("See.")), answer, ...looked(image(), image())]
        assert.strictEqual(
          yield* refusal(messages, more),
          `messages.4.content.0.tool_result.content.0.image.source.base64${why}`
        )
        const begun = [user(words("What?"), image()), { role: "assistant", content: "It is" }]
        assert.strictEqual(yield* refusal(begun, more), `messages.0.content.1.image.source.base64${why}`)
      }
      assert.lengthOf(scripted.asks, 0)
    })
  )
})

describe("a picture of an earlier turn", () => {
  it.scopedLive("is told as left out to a model that does not see, and the chat goes on", () =>
    Effect.gen(function* () {
      const { ask, scripted } = yield* serve()
      const messages = [...looked(image()), answer, user(words("Go on."))]
      assert.strictEqual((yield* ask(messages, { model: "blind" })).status, 200)
      assert.strictEqual((yield* ask(messages)).status, 200)
      const [left, shown] = scripted.asks
      assert.match(left?.prompt ?? "", /\[image 1 \w+: left out, this model does not take images\]/)
      assert.match(shown?.prompt ?? "", /\[image 1 \w+\]/)
      assert.deepStrictEqual([left?.images.length, shown?.images.length], [0, 1])
      assert.isBelow(left?.promptTokens ?? 0, shown?.promptTokens ?? 0)
    })
  )
})
