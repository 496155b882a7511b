import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Collector from "../support/Collector.ts"
import * as Load from "./load.ts"
import { chat, content, eventually, internalStats, settled, start, text } from "./support.ts"

const traceId = "0af7651916cd43dd8448eb211c80319c"
const caller = "b7ad6b7169203331"
const fast = { OTEL_BSP_SCHEDULE_DELAY: "100", OTEL_METRIC_EXPORT_INTERVAL: "200" }
const tracing = (collector: Collector.Collector) => ({ OTEL_EXPORTER_OTLP_ENDPOINT: collector.url, ...fast })

const asked = (prompt: string, headers: Record<string, string> = {}) => ({
  headers: { "content-type": "application/json", ...headers },
  body: JSON.stringify({ model: "auto", stream: true, messages: [{ role: "user", content: prompt }] })
})

describe("traces", () => {
  it.scopedLive(
    "tell a streamed chat from the caller's span down to each call, with queue and login",
    () =>
      Effect.gen(function* () {
        const collector = yield* Collector.make()
        const program = yield* start({
          ...tracing(collector),
          OTEL_EXPORTER_OTLP_HEADERS: "x-tenant=tenant%20of%20ours",
          LINGMA_EMULATOR_LOGIN: "required",
          LINGMA_ACCOUNTS: "ann:sesame-open",
          AUTO_LOGIN_HOSTS: "127.0.0.1"
        })
        const headers = {
          traceparent: `00-${traceId}-${caller}-01`,
          "x-request-id": "req-abc",
          authorization: "Bearer sk-secret"
        }
        const answer = yield* chat(program, "", {}, asked("[[emu interval=0 tokens=3]] whisper-me", headers))
        assert.strictEqual(content(yield* text(answer)), "t0 t1 t2 ")
        const ours = () => collector.spans.filter((span) => span.traceId === traceId)
        yield* eventually(() => ours().some(({ name }) => name.startsWith("POST")) || undefined, "the request's span")
        const named = (name: string) => ours().find((span) => span.name === name)
        const request = named("POST /v1/chat/completions")
        const root = named("chat")
        assert.strictEqual(request?.parentSpanId, caller)
        assert.strictEqual(root?.parentSpanId, request?.spanId)
        for (const name of ["queue", "lease", "login", "session/new", "session/set_model", "session/prompt"]) {
          assert.strictEqual(named(name)?.parentSpanId, root?.spanId, name)
        }
        assert.include(root?.events ?? [], "gen_ai.first_token")
        assert.deepInclude(root?.attributes, {
          "gen_ai.operation.name": "chat",
          "gen_ai.request.model": "auto",
          "gen_ai.response.model": "auto",
          "lingma.outcome": "completed",
          "lingma.instance": "inst-0"
        })
        assert.isAbove(Number(root?.attributes["gen_ai.usage.output_tokens"]), 0)
        assert.deepInclude(request?.attributes, { "http.response.status_code": 200, "http.request_id": "req-abc" })
        assert.strictEqual(collector.headers()["x-tenant"], "tenant of ours")
        for (const secret of ["sesame-open", "sk-secret", "whisper-me"]) assert.notInclude(collector.raw(), secret)
        const line = program
          .stdout()
          .split("\n")
          .find((one) => one.includes('"message":"request"') && one.includes("req-abc"))
        assert.include(line, `"trace_id":"${traceId}"`)
        yield* eventually(() => collector.metrics.has("gateway_chats_total") || undefined, "metrics")
        assert.isTrue(collector.metrics.has("gateway_in_flight"))
      }),
    { timeout: 60_000 }
  )

  it.scopedLive("hold what was said only when that is wished", () =>
    Effect.gen(function* () {
      const collector = yield* Collector.make()
      const program = yield* start({
        ...tracing(collector),
        OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT: "true"
      })
      yield* Effect.flatMap(chat(program, "", {}, asked("[[emu interval=0 tokens=3]] whisper-me")), text)
      yield* eventually(() => collector.spans.some(({ name }) => name === "chat") || undefined, "the chat's span")
      const attributes = collector.spans.find(({ name }) => name === "chat")?.attributes
      assert.include(String(attributes?.["gen_ai.input.messages"]), "whisper-me")
      assert.include(String(attributes?.["gen_ai.output.messages"]), "t0 t1 t2 ")
    })
  )

  it.scopedLive("follow the sampler", () =>
    Effect.gen(function* () {
      const collector = yield* Collector.make()
      const program = yield* start({ ...tracing(collector), OTEL_TRACES_SAMPLER: "parentbased_always_off" })
      yield* Effect.flatMap(chat(program, "", {}, asked("[[emu interval=0 tokens=3]]")), text)
      const headers = { traceparent: `00-${traceId}-${caller}-01` }
      yield* Effect.flatMap(chat(program, "", {}, asked("[[emu interval=0 tokens=3]]", headers)), text)
      yield* eventually(() => collector.spans.some(({ name }) => name.startsWith("POST")) || undefined, "a span")
      assert.deepStrictEqual([...new Set(collector.spans.map((span) => span.traceId))], [traceId])
    })
  )
})

describe("a collector", () => {
  const cases = [
    ["that is not there", undefined],
    ["that never answers", () => {}],
    [
      "that fails",
      (response: { statusCode: number; end: (text: string) => void }) => {
        response.statusCode = 500
        response.end("no")
      }
    ]
  ] as const
  for (const [name, answer] of cases) {
    it.scopedLive(
      `${name} delays nothing and floods nothing`,
      () =>
        Effect.gen(function* () {
          const collector = answer === undefined ? undefined : yield* Collector.make(answer)
          const endpoint = collector?.url ?? "http://127.0.0.1:9"
          const program = yield* start({
            OTEL_EXPORTER_OTLP_ENDPOINT: endpoint,
            OTEL_EXPORTER_OTLP_TIMEOUT: "1000",
            ...fast
          })
          const tally = Load.tally()
          let n = 0
          yield* Effect.promise(() =>
            Load.run(
              program,
              16,
              () => (n++ < 400 ? { prompt: `[[emu interval=0 tokens=3]] ${n}` } : undefined),
              tally.add
            )
          )
          assert.strictEqual(tally.ends.whole, 400)
          yield* Effect.sleep("2 seconds")
          assert.isAtMost(program.stdout().split("telemetry not delivered").length - 1, 2)
          const before = performance.now()
          program.child.kill("SIGTERM")
          assert.strictEqual(yield* Effect.promise(() => program.exited), 0)
          assert.isBelow(performance.now() - before, 4_000)
        }),
      { timeout: 60_000 }
    )
  }

  it.scopedLive("is not spoken to when none is set", () =>
    Effect.gen(function* () {
      const collector = yield* Collector.make()
      const program = yield* start({ ...tracing(collector), OTEL_SDK_DISABLED: "true" })
      yield* Effect.flatMap(chat(program, "[[emu interval=0 tokens=3]]"), text)
      yield* Effect.sleep("500 millis")
      assert.strictEqual(collector.requests(), 0)
    })
  )
})

describe("the log", () => {
  it.scopedLive.each(["json", "pretty"])(
    "that nobody reads stops nothing, as %s",
    (format) =>
      Effect.gen(function* () {
        const program = yield* start({ LOG_FORMAT: format })
        program.child.stdout?.removeAllListeners("data").pause()
        const tally = Load.tally()
        let n = 0
        yield* Effect.promise(() =>
          Load.run(
            program,
            16,
            () => (n++ < 3000 ? { prompt: `[[emu interval=0 tokens=1]] ${n}` } : undefined),
            tally.add
          )
        )
        assert.strictEqual(tally.ends.whole, 3000)
        program.child.stdout?.destroy()
        assert.strictEqual((yield* chat(program, "[[emu interval=0 tokens=1]]")).status, 200)
        assert.strictEqual((yield* Effect.promise(() => internalStats(program))).concurrency.completed_total, 3001)
        yield* settled(program)
      }),
    { timeout: 60_000 }
  )
})
