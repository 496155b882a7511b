import { assert, describe, it } from "@effect/vitest"
import { Effect, MetricKey, MetricLabel, MetricPair, MetricState, Option, Queue, Redacted } from "effect"
import { finish, textDelta } from "../../../../src/domain/Chat.ts"
import * as Prometheus from "../../../../src/http/admin/health/Prometheus.ts"
import * as MetricKeys from "../../../../src/observe/MetricKeys.ts"
import * as MetricStore from "../../../../src/observe/MetricStore.ts"
import * as TestBackend from "../../../support/TestBackend.ts"
import * as TestGateway from "../../../support/TestGateway.ts"

const hello = { model: "auto", messages: [{ role: "user", content: "hi" }] }

/** Each sample by its name and labels. */
const parse = (text: string): ReadonlyMap<string, number> =>
  new Map(
    text
      .split("\n")
      .filter((line) => line !== "" && !line.startsWith("#"))
      .map((line) => {
        const at = line.lastIndexOf(" ")
        return [line.slice(0, at), Number(line.slice(at + 1))] as const
      })
  )

/** The rules of the text format. */
const check = (text: string) => {
  assert.isTrue(text.endsWith("\n"))
  const seen = new Set<string>()
  const samples = new Set<string>()
  let family = { name: "", type: "" }
  for (const line of text.trimEnd().split("\n")) {
    const head = /^# (HELP|TYPE) ([a-zA-Z_:][\w:]*) (.+)$/.exec(line)
    if (head !== null) {
      const [, what, name = "", rest = ""] = head
      if (what === "HELP") {
        assert.isFalse(seen.has(name), `${name} twice`)
        seen.add(name)
        family = { name, type: "" }
      } else {
        assert.strictEqual(name, family.name)
        assert.match(rest, /^(counter|gauge|histogram)$/)
        family = { name, type: rest }
      }
      continue
    }
    const sample = /^([a-zA-Z_:][\w:]*)(\{([a-zA-Z_]\w*="([^"\\\n]|\\[\\n"])*",?)+\})? (\S+)$/.exec(line)
    assert.isNotNull(sample, line)
    const suffixes = family.type === "histogram" ? ["_bucket", "_sum", "_count"] : [""]
    assert.include(
      suffixes.map((suffix) => family.name + suffix),
      sample?.[1]
    )
    if (family.type === "counter") assert.match(family.name, /_total$/)
    const id = line.slice(0, line.lastIndexOf(" "))
    assert.isFalse(samples.has(id), `${id} twice`)
    samples.add(id)
    assert.isFalse(Number.isNaN(Number(sample?.[5]?.replace("+Inf", "Infinity"))), line)
  }
}

describe("the Prometheus text format", () => {
  it.effect("escapes labels and help, and closes each histogram", () =>
    Effect.gen(function* () {
      const counter = MetricKey.counter("gateway_test_hostile_total", { description: 'a "b" \\ \n c' })
      const key = MetricKey.taggedWithLabels(counter, [MetricLabel.make("name", 'x"\\\n}{ 1\n# TYPE evil counter')])
      const histogram = MetricStore.make()
      histogram.mark(MetricKeys.queueWait, 0.3)
      const pairs = [MetricPair.unsafeMake(key, MetricState.counter(1)), ...(yield* histogram.snapshot)]
      const text = Prometheus.render(pairs)
      check(text)
      assert.include(text, '# HELP gateway_test_hostile_total a "b" \\\\ \\n c')
      assert.notInclude(text, "\n# TYPE evil")
      assert.include(text, 'gateway_queue_wait_seconds_bucket{le="+Inf"} 1')
    })
  )
})

describe("/metrics", () => {
  it.scopedLive("counts exactly what was requested", () =>
    Effect.gen(function* () {
      const scripted = TestBackend.make(TestBackend.silent)
      const gateway = yield* TestGateway.serve(scripted, { maxInFlight: 1, queueMax: 0 })
      const metrics = Effect.map(gateway.request("/metrics"), ({ headers, text }) => {
        assert.match(headers.get("content-type") ?? "", /^text\/plain; version=0\.0\.4/)
        check(text)
        return parse(text)
      })
      const before = yield* metrics
      for (let i = 0; i < 3; i++) {
        const running = yield* Effect.fork(gateway.chat(hello))
        const turn = yield* Queue.take(scripted.turns)
        assert.strictEqual((yield* metrics).get("gateway_in_flight"), 1)
        assert.strictEqual((yield* gateway.chat(hello)).status, 429)
        turn.emit(textDelta("a"))
        turn.emit(textDelta("b"))
        turn.emit(finish("stop"))
        yield* running.await
      }
      yield* gateway.drained
      const after = yield* metrics
      const rose = (name: string) => (after.get(name) ?? 0) - (before.get(name) ?? 0)
      const chats = 'gateway_chats_total{dialect="chat_completions",mode='
      assert.deepStrictEqual(
        {
          accepted: rose("gateway_accepted_total"),
          rejected: rose("gateway_rejected_total"),
          completed: rose(`${chats}"chat",model="auto",outcome="completed"}`),
          refused: rose(`${chats}"none",model="none",outcome="rejected"}`),
          durations: rose('gateway_chat_duration_seconds_count{dialect="chat_completions",outcome="completed"}'),
          first: rose('gateway_first_token_seconds_bucket{dialect="chat_completions",le="+Inf"}'),
          gaps: rose("gateway_token_gap_seconds_count"),
          good: rose('gateway_http_requests_total{route="/v1/chat/completions",method="POST",status="200"}'),
          busy: rose('gateway_http_requests_total{route="/v1/chat/completions",method="POST",status="429"}')
        },
        { accepted: 3, rejected: 3, completed: 3, refused: 3, durations: 3, first: 3, gaps: 3, good: 3, busy: 3 }
      )
      assert.strictEqual(after.get("gateway_in_flight"), 0)
      assert.strictEqual(after.get("gateway_max_in_flight"), 1)
      assert.strictEqual(after.get('gateway_pool_instance_ready{name="inst-0"}'), 1)
      assert.strictEqual(after.get('gateway_pool_instance_state{name="inst-0",state="ready"}'), 1)
      assert.isAbove(after.get("process_resident_memory_bytes") ?? 0, 1e6)
    })
  )

  it.scopedLive("creates no series from client input", () =>
    Effect.gen(function* () {
      const gateway = yield* TestGateway.serve(TestBackend.make())
      const series = Effect.map(gateway.request("/metrics"), ({ text }) => parse(text).size)
      const hostile = (i: number) =>
        Effect.all([
          gateway.chat({ ...hello, model: `no-such-model-${i}\n"` }),
          gateway.chat({ ...hello, user: `user-${i}` }, { "x-session-id": `s-${i}`, "x-request-id": `r"${i}` }),
          gateway.request(`/v1/models/model-${i}`),
          gateway.request(`/nowhere/${i}?x=${i}`),
          gateway.request("/v1/models", { method: i % 2 === 0 ? "PROPFIND" : "DELETE" })
        ])
      yield* Effect.forEach([1, 2, 3, 4], hostile)
      // A scrape is counted once it has ended.
      yield* series
      const before = yield* series
      yield* Effect.forEach(
        Array.from({ length: 150 }, (_, i) => i),
        hostile,
        { concurrency: 8 }
      )
      assert.strictEqual(yield* series, before)
    })
  )

  it.scopedLive("accepts only METRICS_TOKEN if set, else admin and API keys", () =>
    Effect.gen(function* () {
      const keys = { apiKeys: [Redacted.make("sk-user")], adminKeys: [Redacted.make("sk-admin")] }
      const ask = (
        gateway: { readonly request: (path: string, init?: RequestInit) => Effect.Effect<{ readonly status: number }> },
        key?: string
      ) =>
        Effect.map(
          gateway.request("/metrics", key === undefined ? {} : { headers: { authorization: `Bearer ${key}` } }),
          ({ status }) => status
        )
      const open = yield* TestGateway.serve(TestBackend.make())
      assert.strictEqual(yield* ask(open), 200)
      const keyed = yield* TestGateway.serve(TestBackend.make(), keys)
      assert.deepStrictEqual(
        yield* Effect.all([ask(keyed), ask(keyed, "sk-user"), ask(keyed, "sk-admin"), ask(keyed, "wrong")]),
        [401, 200, 200, 401]
      )
      const own = yield* TestGateway.serve(TestBackend.make(), {
        ...keys,
        metricsToken: Option.some(Redacted.make("scrape"))
      })
      assert.deepStrictEqual(
        yield* Effect.all([ask(own), ask(own, "scrape"), ask(own, "sk-user"), ask(own, "sk-admin")]),
        [401, 200, 401, 401]
      )
    })
  )
})
