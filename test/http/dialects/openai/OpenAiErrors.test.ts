import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import {
  BackendFailure,
  BackendUnavailable,
  type ChatError,
  ImagesNotSupported,
  LoginFailed,
  LoginInProgress,
  ModelNotFound,
  NotLoggedIn,
  Overloaded,
  ofProvider,
  QuotaExhausted,
  ShuttingDown,
  UpstreamTimeout
} from "../../../../src/domain/ChatError.ts"
import * as Errors from "../../../../src/http/dialects/openai/OpenAiErrors.ts"
import * as TestBackend from "../../../support/TestBackend.ts"
import * as TestGateway from "../../../support/TestGateway.ts"

const instance = "inst-secret"
const detail = "secret detail"
const hello = { model: "auto", messages: [{ role: "user", content: "hi" }] }

describe("the wording of chat errors", () => {
  const rows: ReadonlyArray<readonly [ChatError, number, string, string, string]> = [
    [
      new Overloaded({ reason: "queue_timeout", retryAfter: 3 }),
      429,
      "rate_limit_error",
      "backpressure",
      "Too many in-flight requests, please retry later"
    ],
    [
      new QuotaExhausted({ instance }),
      429,
      "insufficient_quota",
      "insufficient_quota",
      "The quota of this Lingma account is used up"
    ],
    [
      new NotLoggedIn({ instance, retriable: true }),
      503,
      "service_unavailable",
      "not_logged_in",
      "Lingma not logged in"
    ],
    [new LoginInProgress({ instance }), 503, "service_unavailable", "login_in_progress", "Lingma is being signed in"],
    [
      new LoginFailed({ instance, reason: "timed_out", detail }),
      503,
      "service_unavailable",
      "login_failed",
      "Lingma auto login failed"
    ],
    [
      new BackendUnavailable({ instance, detail }),
      503,
      "service_unavailable",
      "upstream_not_ready",
      "Lingma is not ready"
    ],
    [new ShuttingDown(), 503, "service_unavailable", "shutting_down", "The gateway is shutting down"],
    [
      new BackendFailure({ instance, started: true, detail }),
      502,
      "upstream_error",
      "upstream_error",
      "upstream lingma error"
    ],
    [
      new UpstreamTimeout({ instance, phase: "idle" }),
      504,
      "timeout_error",
      "upstream_timeout",
      "Lingma gave no answer in time"
    ],
    [
      new ImagesNotSupported({ model: "blind" }),
      400,
      "invalid_request_error",
      "unsupported_value",
      "The model 'blind' does not take images. Choose one that does, or leave the images out."
    ],
    [
      new ModelNotFound({ model: "qwen4", near: ["qwen3", "Qwen 3"] }),
      404,
      "invalid_request_error",
      "model_not_found",
      "The model 'qwen4' does not exist. Did you mean 'qwen3' or 'Qwen 3'?"
    ]
  ]
  for (const [error, status, type, code, message] of rows) {
    it(`gives ${error._tag} its status, type and code`, () => {
      const { body, headers, status: given } = Errors.fromChatError(ofProvider("Lingma")(error))
      assert.deepStrictEqual(
        [given, body.error.type, body.error.code, body.error.message],
        [status, type, code, message]
      )
      const retries = status === 503 || status === 429
      assert.strictEqual(/^[1-9]\d*$/.test(headers["retry-after"] ?? ""), retries)
      assert.strictEqual(headers["retry-after-ms"], retries ? `${headers["retry-after"]}000` : undefined)
      assert.notInclude(JSON.stringify([body, headers]), "secret")
      assert.strictEqual(Errors.frame(Errors.fromChatError(error)), `data: ${JSON.stringify(body)}\n\n`)
    })
  }

  it("tells clients not to retry what a retry cannot help", () => {
    const header = (error: ChatError) => Errors.fromChatError(error).headers["x-should-retry"]
    assert.strictEqual(header(new QuotaExhausted({ instance })), "false")
    assert.strictEqual(header(new NotLoggedIn({ instance, retriable: false })), "false")
    assert.isUndefined(header(new NotLoggedIn({ instance, retriable: true })))
    assert.isUndefined(header(new Overloaded({ reason: "queue_full", retryAfter: 1 })))
  })

  it.scopedLive("reaches the wire with its headers", () =>
    Effect.gen(function* () {
      const script = TestBackend.refuse(new NotLoggedIn({ instance, retriable: false }))
      const { chat, drained } = yield* TestGateway.serve(TestBackend.make(script))
      for (const stream of [false, true]) {
        const answer = yield* chat({ ...hello, stream })
        assert.strictEqual(answer.status, 503)
        assert.strictEqual(answer.headers.get("x-should-retry"), "false")
        assert.isNotNull(answer.headers.get("retry-after"))
        assert.match(answer.headers.get("content-type") ?? "", /^application\/json/)
      }
      yield* drained
    })
  )

  it("tells declared failures apart by status", () => {
    const encode = Schema.encodeEither(Errors.withStatus(404))
    assert.strictEqual(encode(Errors.modelNotFound("x"))._tag, "Right")
    assert.strictEqual(encode(Errors.emptyMessages)._tag, "Left")
  })
})

describe("a request of the wrong shape", () => {
  const user = { role: "user", content: "hi" }
  const rows: ReadonlyArray<readonly [body: object, param: string, code: string, message?: string]> = [
    [{ model: "auto" }, "messages", "missing_required_parameter", "Missing required parameter: 'messages'."],
    [{ messages: [user] }, "model", "missing_required_parameter"],
    [{ ...hello, model: "" }, "model", "empty_string"],
    [{ ...hello, model: "x".repeat(257) }, "model", "string_above_max_length"],
    [
      { ...hello, model: 7 },
      "model",
      "invalid_type",
      "Invalid type for 'model': expected a string, but got an integer instead."
    ],
    [{ ...hello, messages: [] }, "messages", "empty_array", "messages is empty"],
    [
      { ...hello, messages: "hi" },
      "messages",
      "invalid_type",
      "Invalid type for 'messages': expected an array, but got a string instead."
    ],
    [
      { ...hello, messages: null },
      "messages",
      "invalid_type",
      "Invalid type for 'messages': expected an array, but got null instead."
    ],
    [{ ...hello, messages: ["hi"] }, "messages[0]", "invalid_type"],
    [{ ...hello, messages: [user, { content: "x" }] }, "messages[1].role", "missing_required_parameter"],
    [
      { ...hello, messages: [{ role: "wizard", content: "x" }] },
      "messages[0].role",
      "invalid_value",
      "Invalid value for 'messages[0].role'. Supported values are: 'system', 'developer', 'user', 'assistant', 'tool', 'function'."
    ],
    [{ ...hello, messages: [{ role: 1, content: "x" }] }, "messages[0].role", "invalid_type"],
    [{ ...hello, messages: [{ role: "user" }] }, "messages[0].content", "missing_required_parameter"],
    [
      { ...hello, messages: [{ role: "user", content: 5 }] },
      "messages[0].content",
      "invalid_type",
      "Invalid type for 'messages[0].content': expected one of a string or an array, but got an integer instead."
    ],
    [
      { ...hello, messages: [{ role: "user", content: [{ type: "text" }] }] },
      "messages[0].content[0].text",
      "missing_required_parameter"
    ],
    [
      { ...hello, messages: [{ role: "user", content: [{ type: "video" }] }] },
      "messages[0].content[0].type",
      "invalid_value"
    ],
    [
      { ...hello, messages: [{ role: "user", content: [{ type: "text", text: 1 }] }] },
      "messages[0].content[0].text",
      "invalid_type"
    ],
    [
      { ...hello, messages: [{ role: "user", content: [user, { type: "image_url", image_url: { url: 1 } }] }] },
      "messages[0].content[0].type",
      "missing_required_parameter"
    ],
    [
      { ...hello, messages: [{ role: "user", content: [{ type: "image_url", image_url: {} }] }] },
      "messages[0].content[0].image_url.url",
      "missing_required_parameter"
    ],
    [
      { ...hello, messages: [{ role: "tool", content: "x" }] },
      "messages[0].tool_call_id",
      "missing_required_parameter"
    ],
    [
      {
        ...hello,
        messages: [{ role: "assistant", tool_calls: [{ id: "1", type: "function", function: { name: "f" } }] }]
      },
      "messages[0].tool_calls[0].function.arguments",
      "missing_required_parameter"
    ],
    [
      { ...hello, stream: "true" },
      "stream",
      "invalid_type",
      "Invalid type for 'stream': expected a boolean, but got a string instead."
    ],
    [{ ...hello, stream: true, stream_options: { include_usage: 1 } }, "stream_options.include_usage", "invalid_type"],
    [
      { ...hello, temperature: 2.1 },
      "temperature",
      "decimal_above_max_value",
      "Invalid 'temperature': expected a value <= 2."
    ],
    [
      { ...hello, temperature: "1" },
      "temperature",
      "invalid_type",
      "Invalid type for 'temperature': expected a number, but got a string instead."
    ],
    [{ ...hello, top_p: -0.1 }, "top_p", "decimal_below_min_value"],
    [{ ...hello, n: 0 }, "n", "integer_below_min_value"],
    [{ ...hello, n: 1.5 }, "n", "invalid_type", "Invalid type for 'n': expected an integer, but got a number instead."],
    [
      { ...hello, max_tokens: 0 },
      "max_tokens",
      "integer_below_min_value",
      "Invalid 'max_tokens': expected a value >= 1."
    ],
    [{ ...hello, max_completion_tokens: "9" }, "max_completion_tokens", "invalid_type"],
    [{ ...hello, top_logprobs: 21 }, "top_logprobs", "integer_above_max_value"],
    [
      { ...hello, stop: 5 },
      "stop",
      "invalid_type",
      "Invalid type for 'stop': expected one of a string or an array, but got an integer instead."
    ],
    [{ ...hello, stop: [] }, "stop", "empty_array"],
    [{ ...hello, stop: ["a", "b", "c", "d", "e"] }, "stop", "array_above_max_length"],
    [{ ...hello, stop: ["a", 1] }, "stop[1]", "invalid_type"],
    [{ ...hello, reasoning_effort: "huge" }, "reasoning_effort", "invalid_value"],
    [{ ...hello, modalities: ["smell"] }, "modalities[0]", "invalid_value"],
    [{ ...hello, metadata: { a: "x".repeat(513) } }, "metadata.a", "string_above_max_length"],
    [{ ...hello, logit_bias: { "5": 101 } }, "logit_bias.5", "integer_above_max_value"],
    [{ ...hello, tools: {} }, "tools", "invalid_type"],
    [{ ...hello, tools: [{ type: "function", function: {} }] }, "tools[0].function.name", "missing_required_parameter"],
    [{ ...hello, tools: [{ type: "function", function: { name: "a b" } }] }, "tools[0].function.name", "invalid_value"],
    [
      { ...hello, tools: [{ type: "function", function: { name: "a", parameters: "x" } }] },
      "tools[0].function.parameters",
      "invalid_type"
    ],
    [{ ...hello, tools: [{ type: "magic" }] }, "tools[0].type", "invalid_value"],
    [{ ...hello, tool_choice: "sometimes" }, "tool_choice", "invalid_value"],
    [{ ...hello, tool_choice: { type: "function" } }, "tool_choice.function", "missing_required_parameter"],
    [{ ...hello, tool_choice: 1 }, "tool_choice", "invalid_type"],
    [{ ...hello, response_format: { type: "xml" } }, "response_format.type", "invalid_value"],
    [{ ...hello, response_format: "text" }, "response_format", "invalid_type"],
    [
      { ...hello, response_format: { type: "json_schema", json_schema: { name: "a b" } } },
      "response_format.json_schema.name",
      "invalid_value"
    ]
  ]

  it.scopedLive("is told what is wrong and where, and hears nothing of what it sent", () =>
    Effect.gen(function* () {
      const { chat, guard } = yield* TestGateway.serve(TestBackend.make())
      for (const [body, param, code, message] of rows) {
        const { json, status } = yield* chat(body)
        assert.deepStrictEqual([status, json.error?.param, json.error?.code], [400, param, code])
        assert.strictEqual(json.error?.type, "invalid_request_error")
        if (message !== undefined) assert.strictEqual(json.error?.message, message)
      }
      const secret = yield* chat({
        model: "auto",
        messages: [{ role: "sk-secret", content: "sk-secret" }],
        stream: "sk-secret"
      })
      assert.notInclude(secret.text, "sk-secret")
      assert.strictEqual((yield* guard.stats).accepted, 0)
    })
  )

  it.scopedLive("may leave every optional field null", () =>
    Effect.gen(function* () {
      const { chat } = yield* TestGateway.serve(TestBackend.make())
      const fields =
        "stream stream_options temperature top_p n stop max_tokens max_completion_tokens logprobs top_logprobs logit_bias seed user metadata store modalities audio prediction reasoning_effort verbosity service_tier response_format tools tool_choice parallel_tool_calls functions function_call"
      const nulls = Object.fromEntries(fields.split(" ").map((field) => [field, null]))
      assert.strictEqual((yield* chat({ ...hello, ...nulls })).status, 200)
    })
  )
})
