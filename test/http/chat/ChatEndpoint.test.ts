import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { Bodies } from "../../../src/http/chat/Bodies.ts"
import * as ChatEndpoint from "../../../src/http/chat/ChatEndpoint.ts"
import { Images } from "../../../src/http/chat/Images.ts"
import { Inspector } from "../../../src/http/chat/inspect/Inspector.ts"
import { Admission } from "../../../src/http/chat/limits/Admission.ts"
import { Documents } from "../../../src/http/chat/sources/Documents.ts"
import { Pages } from "../../../src/http/chat/sources/Pages.ts"
import { chatCompletions } from "../../../src/http/dialects/chat-completions/Exchange.ts"
import { Auth } from "../../../src/http/edge/Auth.ts"
import { DirectRoutes } from "../../../src/http/edge/DirectRoutes.ts"
import { Drain } from "../../../src/http/server/Drain.ts"
import * as TestBackend from "../../support/TestBackend.ts"
import * as TestGateway from "../../support/TestGateway.ts"

describe("the endpoint of a dialect", () => {
  it.scoped("adds the direct route of its chats", () =>
    Effect.gen(function* () {
      const shortcuts = DirectRoutes.make()
      const drain = yield* Drain.make(undefined)
      const sources = Layer.mergeAll(Documents.layer, Images.layerFromConfig, Pages.layer)
      const around = Layer.mergeAll(Admission.layer, Auth.layer, Bodies.layerFromConfig, Inspector.layer, sources)
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
})
