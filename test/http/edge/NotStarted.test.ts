import { assert, describe, it } from "@effect/vitest"
import { Effect, FastCheck, Fiber, Queue } from "effect"
import { finish, textDelta } from "../../../src/domain/Chat.ts"
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

/** What HAProxy asks for. */
const repeats = { "x-retry-not-started": "425" }

describe("x-not-started", () => {
  it.scopedLive(
    "is on every refusal before the upstream is asked, and on no other answer; of these, what another host may take has the status that is asked for",
    () =>
      Effect.gen(function* () {
        const told = { started: 0, not: 0, repeated: 0 }
        /** On a gateway of its own: an instance that fails often is not asked any more. */
        const asked = Effect.fnUntraced(function* (
          unready: BackendUnavailable | LoginInProgress | NotLoggedIn | undefined,
          refusal: (typeof failures)[number] | undefined,
          said: string,
          name: keyof typeof bodies,
          wanted: string
        ) {
          const answer = said === "" ? TestBackend.emit(finish("stop")) : TestBackend.say(said)
          const scripted = TestBackend.make(refusal === undefined ? answer : TestBackend.refuse(refusal), {
            ensureReady: unready === undefined ? Effect.void : Effect.fail(unready)
          })
          const gateway = yield* TestGateway.serve(scripted)
          const { headers, status } = yield* gateway.chat(bodies[name], { "x-retry-not-started": wanted })
          const expected = status >= 400 && scripted.asks.length === 0 ? "true" : null
          assert.strictEqual(headers.get("x-not-started"), expected, `${status}`)
          // A fault of the request is one on every host.
          const isOfHost = unready !== undefined && name !== "invalid" && name !== "unknown"
          assert.strictEqual(status === 425, wanted === "425" && isOfHost, `${status} ${name}`)
          assert.strictEqual(headers.get("x-not-started-status"), status === 425 ? "503" : null)
          if (status === 425) told.repeated++
          if (status >= 400) told[expected === null ? "started" : "not"]++
        }, Effect.scoped)
        yield* Effect.promise(() =>
          FastCheck.assert(
            FastCheck.asyncProperty(
              FastCheck.option(fates.unready, { nil: undefined, freq: 1 }),
              FastCheck.option(fates.refusal, { nil: undefined, freq: 1 }),
              FastCheck.constantFrom("", "some text"),
              FastCheck.constantFrom(...(Object.keys(bodies) as ReadonlyArray<keyof typeof bodies>)),
              FastCheck.constantFrom("425", "425", "503", "true"),
              (...all) => Effect.runPromise(asked(...all))
            ),
            { numRuns: 60 }
          )
        )
        assert.isAbove(told.started, 3)
        assert.isAbove(told.not, 3)
        assert.isAbove(told.repeated, 3)
      })
  )

  it.scopedLive("has the status that a balancer asks for where the gateway is full, in each dialect", () =>
    Effect.gen(function* () {
      const scripted = TestBackend.make(TestBackend.silent)
      const gateway = yield* TestGateway.serve(scripted, { maxInFlight: 1, queueMax: 0 })
      const held = yield* Effect.fork(gateway.chat(bodies.chat))
      const turn = yield* Queue.take(scripted.turns)
      const full = yield* gateway.chat(bodies.chat, repeats)
      const messages = yield* gateway.request("/v1/messages", {
        method: "POST",
        headers: { "content-type": "application/json", ...repeats },
        body: JSON.stringify({ ...bodies.chat, max_tokens: 10 })
      })
      const plain = yield* gateway.chat(bodies.chat)
      turn.emit(textDelta("y"))
      turn.emit(finish("stop"))
      yield* Fiber.join(held)
      const told = [full, messages, plain].map(({ headers, status }) => [status, headers.get("x-not-started-status")])
      assert.deepStrictEqual(told, [
        [425, "429"],
        [425, "529"],
        [429, null]
      ])
      assert.deepStrictEqual(full.json, plain.json)
      assert.strictEqual(full.json.error?.code, "backpressure")
      assert.strictEqual(scripted.asks.length, 1)
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
