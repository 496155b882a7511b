import { assert, describe, it } from "@effect/vitest"
import { Effect, Either } from "effect"
import * as Model from "../../../../src/domain/Model.ts"
import * as TestBackend from "../../../support/TestBackend.ts"
import * as TestGateway from "../../../support/TestGateway.ts"

const messages = [{ role: "user", content: "hi" }]

describe("reasoning_effort", () => {
  it.scopedLive("chooses a model where an alias says so, and nothing else", () =>
    Effect.gen(function* () {
      const scripted = TestBackend.make()
      const modelAliases = Either.getOrThrow(Model.parseAliases("auto@high|xhigh=qwen3 coder,gpt-*@none=agent"))
      const { chat } = yield* TestGateway.serve(scripted, { modelAliases, modelFallback: "default" })
      for (const [model, reasoning_effort] of [
        ["auto", "high"],
        ["auto", "low"],
        ["auto", null],
        ["gpt-5", "none"]
      ]) {
        assert.strictEqual((yield* chat({ model, messages, reasoning_effort })).status, 200)
      }
      assert.deepStrictEqual(
        scripted.asks.map(({ mode, model }) => [model, mode]),
        [
          ["org/qwen3 coder", "chat"],
          ["auto", "chat"],
          ["auto", "chat"],
          ["auto", "agent"]
        ]
      )
    })
  )
})
