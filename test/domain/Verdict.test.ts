import { assert, describe, it } from "@effect/vitest"
import {
  BackendFailure,
  BackendUnavailable,
  type ChatError,
  ContentFiltered,
  ContextLengthExceeded,
  ImagesNotSupported,
  InvalidJsonOutput,
  LoginFailed,
  LoginInProgress,
  ModelNotFound,
  NotLoggedIn,
  Overloaded,
  QuotaExhausted,
  Shed,
  ShuttingDown,
  Throttled,
  ToolCallNotProduced,
  TooManyImages,
  UpstreamTimeout
} from "../../src/domain/ChatError.ts"
import * as Verdict from "../../src/domain/Verdict.ts"

const instance = "a"
const detail = ""
const failure = (more: Partial<BackendFailure>) => new BackendFailure({ instance, started: true, detail, ...more })
const timeout = (started?: boolean) =>
  new UpstreamTimeout({ instance, phase: "first_token", ...(started === undefined ? {} : { started }) })

/** What it says about the instance; whether another is asked in chat mode, and in agent mode. */
const verdicts: ReadonlyArray<readonly [ChatError, ReturnType<typeof Verdict.blame>, boolean, boolean]> = [
  [failure({}), "failed", true, false],
  [failure({ started: false }), "failed", true, true],
  [failure({ lost: true }), "lost", true, false],
  [failure({ lost: false }), "failed", true, false],
  [failure({ isFinal: true, lost: true, started: false }), undefined, false, false],
  [failure({ isFinal: false, lost: true, started: false }), "lost", true, true],
  [new BackendUnavailable({ instance, detail }), "absent", true, true],
  [timeout(), "failed", true, false],
  [timeout(true), "failed", true, false],
  [timeout(false), "absent", true, true],
  [new QuotaExhausted({ instance }), "exhausted", true, true],
  [new QuotaExhausted({ instance, started: false }), "exhausted", true, true],
  [new QuotaExhausted({ instance, started: true }), "exhausted", true, false],
  [new NotLoggedIn({ instance, retriable: true }), undefined, true, true],
  [new NotLoggedIn({ instance, retriable: true, started: true }), undefined, true, false],
  [new Throttled({ instance, retryAfter: 1 }), undefined, true, true],
  [new Throttled({ instance, retryAfter: 1, started: true }), undefined, true, false],
  [new LoginFailed({ instance, reason: "timed_out", detail }), undefined, true, true],
  [new LoginInProgress({ instance }), undefined, true, true],
  [new ToolCallNotProduced(), "completed", false, false],
  [new InvalidJsonOutput({ detail }), "completed", false, false],
  [new ContentFiltered({ instance, started: false }), undefined, false, false],
  [new TooManyImages(), undefined, false, false],
  [new ContextLengthExceeded({ promptTokens: 2, limit: 1 }), undefined, false, false],
  [new ImagesNotSupported({ model: "m" }), undefined, false, false],
  [new ModelNotFound({ model: "m", near: [] }), undefined, false, false],
  [new Overloaded({ reason: "queue_full", retryAfter: 1 }), undefined, false, false],
  [new Shed({ retryAfter: 1 }), undefined, false, false],
  [new ShuttingDown(), undefined, false, false]
]

describe("Verdict", () => {
  it("holds against an instance what is its own doing, and nothing else", () => {
    for (const [error, blamed] of verdicts) assert.strictEqual(Verdict.blame(error), blamed, JSON.stringify(error))
  })

  it("lets another instance be asked for what it may do better, in agent mode only when nothing has begun", () => {
    for (const [error, , asChat, asAgent] of verdicts) {
      const asked = (["chat", "agent"] as const).map((mode) => Verdict.mayRetry(error, mode))
      assert.deepStrictEqual(asked, [asChat, asAgent], JSON.stringify(error))
    }
  })
})
