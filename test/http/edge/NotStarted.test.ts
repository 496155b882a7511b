import { assert, describe, it } from "@effect/vitest"
import { Effect, FastCheck } from "effect"
import { finish } from "../../../src/domain/Chat.ts"
import {
  BackendFailure,
  BackendUnavailable,
  ContentFiltered,
  LoginInProgress,
  NotLoggedIn,
  QuotaExhausted,
  Throttled,
  UpstreamTimeout
} from "../../../src/domain/ChatError.ts"
import * as TestBackend from "../../support/TestBackend.ts"
import * as TestGateway from "../../support/TestGateway.ts"

const instance = "inst-0"
const failures = [
  new BackendFailure({ instance, started: true, detail: "broke" }),
  new BackendFailure({ instance, started: false, detail: "refused" }),
  new BackendUnavailable({ instance, detail: "away" }),
  new NotLoggedIn({ instance, retriable: true }),
  new QuotaExhausted({ instance }),
  new Throttled({ instance, retryAfter: 1 }),
  new UpstreamTimeout({ instance, phase: "upstream" }),
  new ContentFiltered({ instance, started: false })
] as const

/** Before Lingma is asked, by its refusal, and after its answer. */
const fates = {
  unready: FastCheck.constantFrom(
    new BackendUnavailable({ instance, detail: "away" }),
    new LoginInProgress({ instance }),
    new NotLoggedIn({ instance, retriable: false })
  ),
  refusal: FastCheck.constantFrom(...failures)
}

const bodies = {
  chat: { model: "auto", messages: [{ role: "user", content: "hi" }] },
  streamed: { model: "auto", stream: true, messages: [{ role: "user", content: "hi" }] },
  mended: {
    model: "auto",
    messages: [{ role: "user", content: "hi" }],
    tools: [{ type: "function", function: { name: "f", parameters: {} } }],
    tool_choice: "required"
  },
  invalid: { model: "auto", messages: 7 },
  unknown: { model: "no-such-model", messages: [{ role: "user", content: "hi" }] }
} as const

describe("x-not-started", () => {
  it.scopedLive("is on every refusal before the upstream is asked, and on no other answer", () =>
    Effect.gen(function* () {
      const told = { started: 0, not: 0 }
      /** On a gateway of its own: an instance that fails often is not asked any more. */
      const asked = Effect.fnUntraced(function* (
        unready: BackendUnavailable | LoginInProgress | NotLoggedIn | undefined,
        refusal: (typeof failures)[number] | undefined,
        said: string,
        name: keyof typeof bodies
      ) {
        const answer = said === "" ? TestBackend.emit(finish("stop")) : TestBackend.say(said)
        const scripted = TestBackend.make(refusal === undefined ? answer : TestBackend.refuse(refusal), {
          ensureReady: unready === undefined ? Effect.void : Effect.fail(unready)
        })
        const gateway = yield* TestGateway.serve(scripted)
        const { headers, status } = yield* gateway.chat(bodies[name])
        const expected = status >= 400 && scripted.asks.length === 0 ? "true" : null
        assert.strictEqual(headers.get("x-not-started"), expected, `${status}`)
        if (status >= 400) told[expected === null ? "started" : "not"]++
      }, Effect.scoped)
      yield* Effect.promise(() =>
        FastCheck.assert(
          FastCheck.asyncProperty(
            FastCheck.option(fates.unready, { nil: undefined, freq: 1 }),
            FastCheck.option(fates.refusal, { nil: undefined, freq: 1 }),
            FastCheck.constantFrom("", "some text"),
            FastCheck.constantFrom(...(Object.keys(bodies) as ReadonlyArray<keyof typeof bodies>)),
            (...all) => Effect.runPromise(asked(...all))
          ),
          { numRuns: 60 }
        )
      )
      assert.isAbove(told.started, 3)
      assert.isAbove(told.not, 3)
    })
  )

  it.scopedLive("is on nothing but chats: what else a failed request did is not known", () =>
    Effect.gen(function* () {
      const gateway = yield* TestGateway.serve(TestBackend.make())
      const post = { method: "POST", body: "{}", headers: { "content-type": "application/json" } }
      const cases = [
        ["/v1/models/none", {}, 404],
        ["/v1/embeddings", post, 501],
        ["/internal/auto-login/start?instance=none", post, 404],
        ["/v1/chat/completions", { method: "DELETE" }, 405]
      ] as const
      for (const [path, init, expected] of cases) {
        const { headers, status } = yield* gateway.request(path, init)
        assert.deepStrictEqual([status, headers.get("x-not-started")], [expected, null], path)
      }
    })
  )
})
