import { assert, layer } from "@effect/vitest"
import { Context, Effect, Layer } from "effect"
import OpenAI, { type APIError } from "openai"
import type { ChatCompletionMessageParam } from "openai/resources/chat/completions"
import { chat, content, json, type Program, start, text } from "./support.ts"

class Gateway extends Context.Tag("test/Gateway")<Gateway, Program>() {}
class Guarded extends Context.Tag("test/Guarded")<Guarded, Program>() {}

const client = (program: Program, apiKey = "any-key") =>
  new OpenAI({ baseURL: `${program.base}/v1`, apiKey, maxRetries: 0 })
const say = (words: string): Array<ChatCompletionMessageParam> => [{ role: "user", content: words }]
const fast = (words: string) => `[[emu interval=0 text=${JSON.stringify(words)}]]`
const refused = (run: () => Promise<unknown>) =>
  Effect.flip(Effect.tryPromise({ try: run, catch: (error) => error as APIError }))

layer(Layer.scoped(Gateway, start()), { timeout: "60 seconds", excludeTestServices: true })(
  "the openai package",
  (it) => {
    it.effect("chats, whole and streamed, with the same text and usage", () =>
      Effect.gen(function* () {
        const openai = client(yield* Gateway)
        const words = '你好, 世界 👩‍👩‍👧 & <b>"quotes"</b>\nline two'
        const body = { model: "auto", messages: say(fast(words)) }
        const whole = yield* Effect.promise(() => openai.chat.completions.create(body))
        assert.strictEqual(whole.choices[0]?.message.content, words)
        assert.strictEqual(whole.choices[0]?.finish_reason, "stop")
        const streamed = yield* Effect.promise(async () => {
          let all = ""
          let usage: OpenAI.CompletionUsage | null | undefined
          const stream = await openai.chat.completions.create({
            ...body,
            stream: true,
            stream_options: { include_usage: true }
          })
          for await (const chunk of stream) {
            all += chunk.choices[0]?.delta.content ?? ""
            usage = chunk.usage ?? usage
          }
          return { all, usage }
        })
        assert.strictEqual(streamed.all, words)
        assert.deepStrictEqual(streamed.usage, whole.usage)
        const helped = yield* Effect.promise(() => openai.chat.completions.stream(body).finalChatCompletion())
        assert.strictEqual(helped.choices[0]?.message.content, words)
      })
    )

    it.effect("takes every role and form of a message", () =>
      Effect.gen(function* () {
        const messages: Array<ChatCompletionMessageParam> = [
          { role: "developer", content: "be brief" },
          { role: "user", content: [{ type: "text", text: "what is the weather?" }] },
          {
            role: "assistant",
            content: null,
            tool_calls: [{ id: "c1", type: "function", function: { name: "weather", arguments: "{}" } }]
          },
          { role: "tool", tool_call_id: "c1", content: [{ type: "text", text: "rain" }] },
          { role: "user", content: fast("wet") },
          { role: "system", content: "and kind" }
        ]
        const openai = client(yield* Gateway)
        const answer = yield* Effect.promise(() => openai.chat.completions.create({ model: "auto", messages }))
        assert.strictEqual(answer.choices[0]?.message.content, "wet")
      })
    )

    it.effect("lists models, and finds each by its id", () =>
      Effect.gen(function* () {
        const openai = client(yield* Gateway)
        const models = yield* Effect.promise(async () => (await openai.models.list()).data)
        assert.isAbove(models.length, 3)
        for (const { id } of models) {
          assert.strictEqual((yield* Effect.promise(() => openai.models.retrieve(id))).id, id)
        }
      })
    )

    it.effect("hears of an unknown model and of a wrong value in typed errors", () =>
      Effect.gen(function* () {
        const openai = client(yield* Gateway)
        const missing = yield* refused(() =>
          openai.chat.completions.create({ model: "qwen3-codr", messages: say("hi") })
        )
        assert.instanceOf(missing, OpenAI.NotFoundError)
        assert.deepInclude(missing.error as Record<string, unknown>, {
          code: "model_not_found",
          param: "model",
          type: "invalid_request_error"
        })
        const wrong = yield* refused(() => openai.chat.completions.create({ model: "auto", messages: [], n: 1 }))
        assert.instanceOf(wrong, OpenAI.BadRequestError)
        assert.strictEqual(wrong.param, "messages")
      })
    )

    it.effect("keeps 32 chats at once apart", () =>
      Effect.gen(function* () {
        const openai = client(yield* Gateway)
        const answers = yield* Effect.forEach(
          Array.from({ length: 32 }, (_, i) => `answer ${i} of many, and only of ${i}`),
          (words) =>
            Effect.promise(() =>
              openai.chat.completions.create({
                model: "auto",
                messages: say(`[[emu interval=2 text=${JSON.stringify(words)}]]`)
              })
            ).pipe(Effect.map((answer) => answer.choices[0]?.message.content === words)),
          { concurrency: "unbounded" }
        )
        assert.isTrue(answers.every((own) => own))
      })
    )
  }
)

layer(
  Layer.scoped(
    Guarded,
    start({
      API_KEYS: "sk-right-key",
      GATEWAY_MAX_IN_FLIGHT: "1",
      GATEWAY_QUEUE_TIMEOUT_SEC: "0.2",
      GATEWAY_BODY_LIMIT_MB: "0.01"
    })
  ),
  { timeout: "60 seconds", excludeTestServices: true }
)("a gateway with a key and one place", (it) => {
  it.effect("refuses a wrong key as the SDK expects", () =>
    Effect.gen(function* () {
      const program = yield* Guarded
      const error = yield* refused(() =>
        client(program, "sk-wrong-key")
          .models.list()
          .then(() => undefined)
      )
      assert.instanceOf(error, OpenAI.AuthenticationError)
      assert.strictEqual(error.code, "invalid_api_key")
    })
  )

  it.effect("asks for patience when the place is taken", () =>
    Effect.gen(function* () {
      const program = yield* Guarded
      const openai = client(program, "sk-right-key")
      const running = yield* Effect.promise(() =>
        openai.chat.completions.create({ model: "auto", stream: true, messages: say("[[emu tokens=500 interval=20]]") })
      )
      const error = yield* refused(() => openai.chat.completions.create({ model: "auto", messages: say("hi") }))
      assert.instanceOf(error, OpenAI.RateLimitError)
      assert.strictEqual(error.code, "backpressure")
      assert.isAtLeast(Number(error.headers?.get("retry-after")), 1)
      running.controller.abort()
    })
  )

  it.effect("refuses a body over the limit, by its length and while it comes", () =>
    Effect.gen(function* () {
      const program = yield* Guarded
      const headers = { "content-type": "application/json", authorization: "Bearer sk-right-key" }
      const big = yield* chat(program, "x".repeat(20_000), {}, { headers })
      assert.strictEqual(big.status, 413)
      assert.strictEqual((yield* json(big)).error?.code, "request_too_large")
      let left = 10
      const stream = new ReadableStream<Uint8Array>({
        pull: (controller) => (left-- > 0 ? controller.enqueue(new Uint8Array(4096).fill(0x20)) : controller.close())
      })
      const init = { headers, body: stream, duplex: "half" } as RequestInit
      assert.strictEqual((yield* chat(program, "", {}, init)).status, 413)
    })
  )
})

layer(Layer.scoped(Gateway, start({ LINGMA_BIN: "" })), { timeout: "60 seconds", excludeTestServices: true })(
  "a first look",
  (it) => {
    it.effect("is answered by the emulator, which says so everywhere", () =>
      Effect.gen(function* () {
        const program = yield* Gateway
        const response = yield* chat(program, "Hello there", { stream: true })
        assert.strictEqual(response.headers.get("x-lingma-emulated"), "true")
        const answer = content(yield* text(response))
        assert.include(answer, "LINGMA_BIN")
        assert.include(answer, "Hello there")
        const health = yield* Effect.promise(() => fetch(`${program.base}/healthz`))
        assert.deepInclude(yield* json(health), { ok: true, emulated: true, pool_size: 1 })
        assert.include(program.stderr(), `${program.base}/v1`)
        assert.include(program.stderr(), "API keys")
      })
    )

    for (const path of ["/docs", "/openapi.json", "/readyz", "/"]) {
      it.effect(`serves ${path}`, () =>
        Effect.gen(function* () {
          const { base } = yield* Gateway
          assert.strictEqual((yield* Effect.promise(() => fetch(base + path))).status, 200)
        })
      )
    }

    it.effect("answers bad requests in OpenAI's shape", () =>
      Effect.gen(function* () {
        const program = yield* Gateway
        const post = (body: string) => chat(program, "", {}, { body })
        const cases = [
          [yield* post("{"), 400, null, null],
          [yield* post("[]"), 400, null, null],
          [yield* post('{"model":"auto"}'), 400, "missing_required_parameter", "messages"],
          [yield* chat(program, "hi", { stream: "yes" }), 400, "invalid_type", "stream"],
          [yield* chat(program, "hi", { temperature: 9 }), 400, "decimal_above_max_value", "temperature"],
          [yield* chat(program, "hi", { n: 2 }), 400, "unsupported_value", "n"],
          [yield* chat(program, "   ", {}), 400, "invalid_value", "messages"],
          [yield* Effect.promise(() => fetch(`${program.base}/v1/nothing`)), 404, "unknown_url", null]
        ] as const
        for (const [response, status, code, param] of cases) {
          const { error } = yield* json(response)
          assert.deepInclude(
            { ...error, status: response.status },
            { status, code, param, type: "invalid_request_error" }
          )
          assert.isNotNull(response.headers.get("x-request-id"))
        }
        const wrongMethod = yield* Effect.promise(() => fetch(`${program.base}/v1/chat/completions`))
        assert.strictEqual(wrongMethod.status, 405)
        assert.include(wrongMethod.headers.get("allow") ?? "", "POST")
      })
    )
  }
)
