import { assert, describe, it } from "@effect/vitest"
import { Cause } from "effect"
import * as ChatError from "../../../src/domain/ChatError.ts"
import * as ErrorCode from "../../../src/domain/usage/ErrorCode.ts"
import * as OpenAiErrors from "../../../src/http/dialects/openai/OpenAiErrors.ts"

const instance = "a"
const detail = "boom"
const one = {
  Overloaded: new ChatError.Overloaded({ reason: "queue_full", retryAfter: 1 }),
  Shed: new ChatError.Shed({ retryAfter: 1 }),
  ShuttingDown: new ChatError.ShuttingDown(),
  ChatStopped: new ChatError.ChatStopped(),
  NotLoggedIn: new ChatError.NotLoggedIn({ instance, retriable: true }),
  LoginFailed: new ChatError.LoginFailed({ instance, reason: "timed_out", detail }),
  LoginInProgress: new ChatError.LoginInProgress({ instance }),
  BackendUnavailable: new ChatError.BackendUnavailable({ instance, detail }),
  BackendFailure: new ChatError.BackendFailure({ instance, started: true, detail }),
  QuotaExhausted: new ChatError.QuotaExhausted({ instance }),
  Throttled: new ChatError.Throttled({ instance, retryAfter: 1 }),
  UpstreamTimeout: new ChatError.UpstreamTimeout({ instance, phase: "idle" }),
  ContentFiltered: new ChatError.ContentFiltered({ instance, started: false }),
  TooManyImages: new ChatError.TooManyImages(),
  ModelNotFound: new ChatError.ModelNotFound({ model: "x", near: [] }),
  ToolCallBroken: new ChatError.ToolCallBroken(),
  ToolCallNotProduced: new ChatError.ToolCallNotProduced(),
  EmptyAnswer: new ChatError.EmptyAnswer(),
  InvalidJsonOutput: new ChatError.InvalidJsonOutput({ detail }),
  ContextLengthExceeded: new ChatError.ContextLengthExceeded({ promptTokens: 2, limit: 1 }),
  ImagesNotSupported: new ChatError.ImagesNotSupported({ model: "x" })
} satisfies Record<ChatError.ChatError["_tag"], ChatError.ChatError>

describe("The code of a failure", () => {
  for (const error of Object.values(one)) {
    it(`is the one that clients see for ${error._tag}`, () => {
      assert.strictEqual(ErrorCode.of(error), OpenAiErrors.fromChatError(error).body.error.code)
      assert.strictEqual(ErrorCode.ofCause(Cause.fail(error)), ErrorCode.of(error))
    })
  }

  it("has the upstream's own code behind the provider's name", () => {
    const error = ChatError.ofProvider("Lingma")(
      new ChatError.BackendFailure({ instance, started: true, code: 500, detail })
    )
    assert.strictEqual(ErrorCode.of(error), "lingma_500")
    assert.strictEqual(ErrorCode.of(error), OpenAiErrors.fromChatError(error).body.error.code)
  })

  it("is internal_error for whatever the gateway itself broke at", () => {
    assert.strictEqual(ErrorCode.ofCause(Cause.die(new Error("boom"))), "internal_error")
    assert.strictEqual(ErrorCode.ofCause(Cause.fail("what")), "internal_error")
  })
})
