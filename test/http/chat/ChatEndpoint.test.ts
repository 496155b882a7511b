import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { Admission } from "../../../src/http/chat/Admission.ts"
import { Bodies } from "../../../src/http/chat/Bodies.ts"
import * as ChatEndpoint from "../../../src/http/chat/ChatEndpoint.ts"
import { Images } from "../../../src/http/chat/Images.ts"
import { Documents } from "../../../src/http/chat/sources/Documents.ts"
import { chatCompletions } from "../../../src/http/dialects/chat-completions/Exchange.ts"
import { Auth } from "../../../src/http/edge/Auth.ts"
import { DirectRoutes } from "../../../src/http/edge/DirectRoutes.ts"
import { Drain } from "../../../src/http/server/Drain.ts"
import * as TestBackend from "../../support/TestBackend.ts"
import * as TestGateway from "../../support/TestGateway.ts"

const messages = [{ role: "user", content: "hi" }]
const post = (body: object): RequestInit => ({
  method: "POST",
  headers: { "content-type": "application/json" },
  body: JSON.stringify(body)
})

describe("the endpoint of a dialect", () => {
  it.scoped("adds the direct route of its chats", () =>
    Effect.gen(function* () {
      const shortcuts = DirectRoutes.make()
      const drain = yield* Drain.make(undefined)
      const around = Layer.mergeAll(
        Admission.layer,
        Auth.layer,
        Bodies.layerFromConfig,
        Documents.layer,
        Images.layerFromConfig
      )
      const context = yield* Layer.build(Layer.provideMerge(around, TestGateway.core(TestBackend.make())))
      yield* ChatEndpoint.make(chatCompletions).pipe(
        Effect.provideService(DirectRoutes, shortcuts),
        Effect.provideService(Drain, drain),
        Effect.provide(context)
      )
      const request = new Request("http://localhost/v1/chat/completions", { method: "POST" })
      assert.isDefined(shortcuts.find(HttpServerRequest.fromWeb(request)))
    })
  )

  it.scopedLive("looks at fields without effect before or after it reads the others, as the dialect has it", () =>
    Effect.gen(function* () {
      const { request } = yield* TestGateway.serve(TestBackend.make(), { strictParams: true })
      const first = yield* request("/v1/chat/completions", post({ model: "auto", messages, n: 2, top_q: 1 }))
      assert.strictEqual(first.json.error?.param, "top_q")
      const tool_choice = { type: "tool", name: "none" }
      const last = yield* request(
        "/v1/messages",
        post({ model: "auto", max_tokens: 9, messages, tool_choice, top_q: 1 })
      )
      assert.match(last.json.error?.message ?? "", /^tool_choice/)
    })
  )
})
