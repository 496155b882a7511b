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
      let unready: BackendUnavailable | LoginInProgress | NotLoggedIn | undefined
      let refusal: (typeof failures)[number] | undefined
      let text = ""
      const scripted = TestBackend.make(
        (turn, ask) =>
          refusal === undefined
            ? (text === "" ? TestBackend.emit(finish("stop")) : TestBackend.say(text))(turn, ask)
            : Effect.fail(refusal),
        { ensureReady: Effect.suspend(() => (unready === undefined ? Effect.void : Effect.fail(unready))) }
      )
      const gateway = yield* TestGateway.serve(scripted)
      const told = { started: 0, not: 0 }
      yield* Effect.promise(() =>
        FastCheck.assert(
          FastCheck.asyncProperty(
            FastCheck.option(fates.unready, { nil: undefined }),
            FastCheck.option(fates.refusal, { nil: undefined }),
            FastCheck.constantFrom("", "some text"),
            FastCheck.constantFrom(...(Object.keys(bodies) as ReadonlyArray<keyof typeof bodies>)),
            async (first, second, said, name) => {
              unready = first
              refusal = second
              text = said
              scripted.asks.length = 0
              const { headers, status } = await Effect.runPromise(gateway.chat(bodies[name]))
              const expected = status >= 400 && scripted.asks.length === 0 ? "true" : null
              assert.strictEqual(headers.get("x-not-started"), expected, `${status}`)
              if (status >= 400) told[expected === null ? "started" : "not"]++
            }
          ),
          { numRuns: 150 }
        )
      )
      assert.isAbove(told.started, 10)
      assert.isAbove(told.not, 10)
    })
  )

  it.scopedLive("is on no answer to a question", () =>
    Effect.gen(function* () {
      const gateway = yield* TestGateway.serve(TestBackend.make())
      const { headers, status } = yield* gateway.request("/v1/models/none")
      assert.deepStrictEqual([status, headers.get("x-not-started")], [404, null])
    })
  )
})
