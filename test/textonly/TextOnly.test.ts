import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import type { Backend, Draft, DraftSettings, Questions, TurnRequest } from "../../src/chat/Backend.ts"
import { finish, message, request, textDelta } from "../../src/domain/Chat.ts"
import * as TokenEstimate from "../../src/tokens/TokenEstimate.ts"
import * as TestBackend from "../support/TestBackend.ts"
import { mustCall } from "../support/TestChat.ts"

const settings: DraftSettings = {
  tokenCounter: { counter: TokenEstimate.counter, count: TokenEstimate.estimate, isExact: false },
  toolFormat: "hermes",
  toolRetries: 2
}
const draftOf = (backend: Backend, asked: ReturnType<typeof request>): Draft =>
  backend.draft?.(asked, settings) ?? assert.fail("it has no draft")

const asked = request({ messages: "Say hi." })
const turnOf = (draft: Draft, more: Partial<TurnRequest> = {}): TurnRequest => ({
  ...asked,
  requestId: "r1",
  model: "x",
  mode: "chat",
  withoutImages: false,
  contextLimit: 1000,
  draft,
  ...more
})

/** What a chat does for a backend, without time limits. */
const noting = () => {
  const notes: Array<string> = []
  const questions: Questions = {
    ask: (question) =>
      Effect.suspend(() => {
        notes.push("ask")
        return question
      }),
    again: (reason) => notes.push(reason)
  }
  return { notes, questions }
}

describe("TextOnly", () => {
  it.scoped("asks with the prompt that was drafted, and gives the request's own names", () =>
    Effect.gen(function* () {
      const { asks, backend } = TestBackend.make()
      const draft = draftOf(backend, asked)
      const { notes, questions } = noting()
      const turn = yield* backend.chat(turnOf(draft), questions)
      yield* turn.started
      assert.deepStrictEqual(asks, [
        {
          requestId: "r1",
          model: "x",
          mode: "chat",
          prompt: "Say hi.",
          images: [],
          promptTokens: draft.mostPromptTokens,
          contextLimit: 1000
        }
      ])
      assert.strictEqual(draft.mostPromptTokens, Math.ceil(draft.promptTokens * 1.05))
      assert.deepStrictEqual(notes, ["ask"])
    })
  )

  it("takes an exact count at its word", () => {
    const exact = { ...settings, tokenCounter: { ...settings.tokenCounter, isExact: true } }
    const draft = TestBackend.make().backend.draft?.(asked, exact)
    assert.strictEqual(draft?.mostPromptTokens, draft?.promptTokens)
  })

  it("shares one draft between all its backends", () => {
    assert.strictEqual(TestBackend.make().backend.draft, TestBackend.make(undefined, { id: "b" }).backend.draft)
  })

  it.scoped("renders anew for a backend around it that asks something else, in the same settings", () =>
    Effect.gen(function* () {
      const { asks, backend } = TestBackend.make()
      const draft = draftOf(backend, asked)
      const images = [{ mediaType: "image/png", data: "aGk=" }]
      for (const more of [
        { messages: [message("user", "Say ho.")] },
        { toolset: { ...mustCall, choice: "auto" } },
        { format: { type: "json_object" } },
        { messages: [message("user", "See.", { images })], withoutImages: true }
      ] satisfies ReadonlyArray<Partial<TurnRequest>>) {
        yield* backend.chat(turnOf(draft, more), noting().questions)
      }
      const [other, tools, format, blind] = asks.map(({ prompt }) => prompt)
      assert.strictEqual(other, "Say ho.")
      assert.match(tools!, /"arguments"/, "hermes is taught")
      assert.match(format!, /JSON/)
      assert.match(blind!, /left out, this model does not take images/)
      assert.deepStrictEqual(asks[3]!.images, [])
    })
  )

  it.scoped("renders for a backend around it that has a draft of its own", () =>
    Effect.gen(function* () {
      const { asks, backend } = TestBackend.make()
      const foreign: Draft = { promptTokens: 1, mostPromptTokens: 1, withoutImages: () => foreign }
      yield* backend.chat(turnOf(foreign), noting().questions)
      assert.deepInclude(asks[0], { prompt: "Say hi." })
      assert.isAbove(asks[0]!.promptTokens, 1)
    })
  )

  it.scoped("says why it asks again, then asks as often as it may, under a new name each time", () =>
    Effect.gen(function* () {
      const { asks, backend } = TestBackend.make(TestBackend.emit(textDelta("Why?"), finish("stop")))
      const calling = { ...asked, toolset: mustCall }
      const { notes, questions } = noting()
      const turn = yield* backend.chat(turnOf(draftOf(backend, calling), { toolset: mustCall }), questions)
      assert.strictEqual((yield* Effect.flip(turn.started))._tag, "ToolCallNotProduced")
      assert.deepStrictEqual(notes, ["ask", "no_call", "ask", "no_call", "ask"])
      assert.lengthOf(new Set(asks.map(({ requestId }) => requestId)), 3)
      assert.match(asks[1]!.prompt, /Why\?/)
    })
  )
})
