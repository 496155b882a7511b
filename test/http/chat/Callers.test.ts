/** Chats that wait are taken in turns by API key, whatever dialect they come in. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Queue, Redacted } from "effect"
import { finish, textDelta } from "../../../src/domain/Chat.ts"
import * as TestBackend from "../../support/TestBackend.ts"
import * as TestGateway from "../../support/TestGateway.ts"

const messages = (content: string) => [{ role: "user", content }]
const dialects: Readonly<Record<string, (text: string) => object>> = {
  "/v1/chat/completions": (text) => ({ model: "auto", messages: messages(text) }),
  "/v1/completions": (text) => ({ model: "auto", prompt: text }),
  "/v1/messages": (text) => ({ model: "auto", max_tokens: 100, messages: messages(text) }),
  "/v1/responses": (text) => ({ model: "auto", input: text })
}

describe("A chat", () => {
  for (const [path, body] of Object.entries(dialects)) {
    it.scopedLive(`of another API key that comes last to ${path} is the next to be taken`, () =>
      Effect.gen(function* () {
        const scripted = TestBackend.make(TestBackend.silent)
        const { guard, request } = yield* TestGateway.serve(scripted, {
          apiKeys: [Redacted.make("sk-one"), Redacted.make("sk-two")],
          maxInFlight: 1
        })
        /** Sends it, and waits until so many run or wait. */
        const send = Effect.fnUntraced(function* (key: string, text: string, there: number) {
          const sent = yield* Effect.fork(
            request(path, {
              method: "POST",
              headers: { "content-type": "application/json", "x-api-key": key },
              body: JSON.stringify(body(text))
            })
          )
          yield* guard.stats.pipe(
            Effect.zipLeft(Effect.sleep("1 millis")),
            Effect.repeat({ until: ({ inFlight, queued }) => inFlight + queued === there })
          )
          return sent
        })
        const chats = [
          yield* send("sk-one", "first", 1),
          yield* send("sk-one", "second", 2),
          yield* send("sk-one", "third", 3),
          yield* send("sk-two", "other", 4)
        ]
        for (const _ of chats) {
          const turn = yield* Queue.take(scripted.turns)
          turn.emit(textDelta("yes"))
          turn.emit(finish("stop"))
        }
        const answers = yield* Effect.forEach(chats, Fiber.join)
        assert.deepStrictEqual(
          answers.map(({ status }) => status),
          [200, 200, 200, 200]
        )
        assert.deepStrictEqual(
          scripted.asks.map(({ prompt }) => /first|second|third|other/.exec(prompt)?.[0]),
          ["first", "other", "second", "third"]
        )
      })
    )
  }
})
