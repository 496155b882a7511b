/** What clients read when something fails is told in the name of the provider that was asked. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import type { Backend } from "../../../src/chat/Backend.ts"
import { textDelta } from "../../../src/domain/Chat.ts"
import {
  BackendFailure,
  BackendUnavailable,
  ContentFiltered,
  LoginFailed,
  LoginInProgress,
  NotLoggedIn,
  QuotaExhausted,
  Throttled,
  TooManyImages,
  type TurnError,
  UpstreamTimeout
} from "../../../src/domain/ChatError.ts"
import * as DialectChat from "../../support/DialectChat.ts"
import * as TestBackend from "../../support/TestBackend.ts"
import * as TestGateway from "../../support/TestGateway.ts"

const instance = "native-0"
const turnErrors: ReadonlyArray<TurnError> = [
  new QuotaExhausted({ instance }),
  new Throttled({ instance, retryAfter: 3 }),
  new TooManyImages(),
  new NotLoggedIn({ instance, retriable: true }),
  new BackendFailure({ instance, started: true, detail: "", isFinal: true }),
  new BackendFailure({ instance, started: true, detail: "", code: 1234, isFinal: true }),
  new UpstreamTimeout({ instance, phase: "idle" })
]
const refusing = (error: TurnError): Partial<Backend> => ({ chat: () => Effect.fail(error) })
const ways: ReadonlyArray<readonly [string, Partial<Backend>]> = [
  ...turnErrors.map((error) => [error._tag, refusing(error)] as const),
  ["BackendUnavailable", { ensureReady: new BackendUnavailable({ instance, detail: "" }) }],
  ["LoginInProgress", { ensureReady: new LoginInProgress({ instance }) }],
  ["LoginFailed", { ensureReady: new LoginFailed({ instance, reason: "bad_credentials", detail: "" }) }]
]

const named = (provider: string, overrides: Partial<Backend>, script: Parameters<typeof TestBackend.native>[0]) =>
  TestGateway.serve(TestBackend.native(script, { ...overrides, provider }))
const ask = DialectChat.all[0]!.body({ messages: [{ role: "user", text: "hi" }] })

describe("A failure", () => {
  for (const { body, name, path } of [...DialectChat.all, DialectChat.completions]) {
    const send = (gateway: Effect.Effect.Success<ReturnType<typeof TestGateway.serve>>, stream: boolean) =>
      Effect.map(
        gateway.request(path, {
          method: "POST",
          headers: { "content-type": "application/json" },
          body: JSON.stringify({ ...body({ messages: [{ role: "user", text: "hi" }] }), stream })
        }),
        // Each has its own number, and another moment of its beginning.
        ({ text }) => text.replace(/"request_id":"[^"]*"/, "").replace(/"(?:id|created_at|item_id)":("[^"]*"|\d+)/g, "")
      )

    it.scopedLive(`before an answer is told in the provider's name by ${name}`, () =>
      Effect.gen(function* () {
        for (const [tag, overrides] of ways) {
          const acme = yield* send(yield* named("Acme", overrides, () => {}), false)
          const lingma = yield* send(yield* named("Lingma", overrides, () => {}), false)
          assert.include(acme.toLowerCase(), "acme", tag)
          assert.notInclude(acme.toLowerCase(), "lingma", tag)
          assert.strictEqual(acme.replaceAll("Acme", "Lingma").replaceAll("acme", "lingma"), lingma, tag)
        }
      })
    )

    it.scopedLive(`in the middle of a stream is told in the provider's name by ${name}`, () =>
      Effect.gen(function* () {
        for (const error of turnErrors) {
          const breaking: Parameters<typeof TestBackend.native>[0] = (turn) => {
            turn.emit(textDelta("Hel"))
            turn.fail(error)
          }
          const acme = yield* send(yield* named("Acme", {}, breaking), true)
          assert.include(acme, "Hel", error._tag)
          assert.include(acme.toLowerCase(), "acme", error._tag)
          assert.notInclude(acme.toLowerCase(), "lingma", error._tag)
        }
      })
    )
  }

  it.scopedLive("of a content filter is told in the provider's name", () =>
    Effect.gen(function* () {
      const filtered = new ContentFiltered({ instance, started: false })
      const { chat } = yield* named("Acme", refusing(filtered), () => {})
      assert.strictEqual((yield* chat(ask)).json.error?.message, "The content filter of Acme refused this request.")
    })
  )

  it.scopedLive(
    "of a quota that is known to be used up is told in the provider's name, and so is one of the list",
    () =>
      Effect.gen(function* () {
        const spent = new QuotaExhausted({ instance, until: Date.now() + 3_600_000 })
        const scripted = TestBackend.native(() => {}, { ...refusing(spent), provider: "Acme" })
        const { chat } = yield* TestGateway.serve(scripted)
        for (let n = 0; n < 2; n++)
          assert.strictEqual((yield* chat(ask)).json.error?.message, "The quota of this Acme account is used up")
        const down = new BackendUnavailable({ instance, detail: "" })
        const { request } = yield* named("Acme", { ensureReady: down, models: down }, () => {})
        assert.strictEqual((yield* request("/v1/models")).json.error?.message, "Acme is not ready")
      })
  )
})
