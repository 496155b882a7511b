/**
 * What clients of each dialect are told for each way in which Lingma ends a turn that failed: whole and streamed, before
 * any text and after some.
 */
import { assert, layer } from "@effect/vitest"
import { Context, Effect, Layer } from "effect"
import * as Dialects from "./dialects.ts"
import { control, eventually, internalStats, lingmas, type Program, settled, start } from "./support.ts"

class Gateway extends Context.Tag("test/Gateway")<Gateway, Program>() {}

interface Told {
  readonly type: string
  /** Undefined where the dialect has no codes. */
  readonly code: string | undefined
  readonly message: RegExp
}

interface Row {
  readonly name: string
  readonly codes: ReadonlyArray<number>
  readonly reasons?: ReadonlyArray<string>
  readonly status: number
  readonly openai: Told
  readonly anthropic: Omit<Told, "code">
  /** Seconds, or undefined for no such header. */
  readonly retryAfter?: (seconds: number) => boolean
  /** `x-should-retry: false`. */
  readonly isFinal?: boolean
  /** It marks an account, so that each chat needs another one. */
  readonly spends?: boolean
}

const tooLong = {
  status: 400,
  isFinal: true,
  openai: {
    type: "invalid_request_error",
    code: "context_length_exceeded",
    message:
      /^This model's maximum context length is \d+ tokens\. However, your messages resulted in \d+ tokens\. Please reduce/
  },
  anthropic: { type: "invalid_request_error", message: /^prompt is too long: \d+ tokens > \d+ maximum$/ }
}
const spent = {
  status: 429,
  isFinal: true,
  spends: true,
  openai: { type: "insufficient_quota", code: "insufficient_quota", message: /quota .* used up/ },
  anthropic: { type: "rate_limit_error", message: /quota .* used up/ }
}
const throttled = {
  status: 429,
  openai: {
    type: "rate_limit_error",
    code: "rate_limit_exceeded",
    message: /for the moment\. Please try again in \d+s\.$/
  },
  anthropic: { type: "rate_limit_error", message: /for the moment\. Please try again in \d+s\.$/ }
}
const signedOut = {
  status: 503,
  isFinal: true,
  retryAfter: (seconds: number) => seconds === 60,
  openai: { type: "service_unavailable", code: "not_logged_in", message: /not logged in/ },
  anthropic: { type: "api_error", message: /not logged in/ }
}
const failed = (code: number) => ({
  status: 502,
  openai: { type: "upstream_error", code: `lingma_${code}`, message: /^upstream lingma error$/ },
  anthropic: { type: "api_error", message: new RegExp(`^upstream lingma error \\(lingma_${code}\\)$`) }
})

const untilMidnight = () => {
  const day = 86_400
  return day - ((Date.now() / 1000 + 8 * 3_600) % day)
}

const rows: ReadonlyArray<Row> = [
  { name: "a conversation that is too long", codes: [80411], ...tooLong },
  {
    name: "a conversation that is too long, in words under another code",
    codes: [400],
    reasons: [
      "context_length_exceeded",
      "This model's maximum context length is 30000 tokens",
      "your input exceeds the context window of this model",
      "Range of input length should be [1, 30000]",
      "input token length too long",
      "prompt is too long",
      "输入内容超长，请缩短后重试",
      "Input content is too long"
    ],
    ...tooLong
  },
  {
    name: "a conversation that is too long, in words under any code",
    codes: [500, 429, 413, 10499],
    reasons: ["context_length_exceeded: your quota of tokens"],
    ...tooLong
  },
  {
    name: "too many pictures",
    codes: [80412],
    status: 400,
    isFinal: true,
    openai: { type: "invalid_request_error", code: "too_many_images", message: /images/ },
    anthropic: { type: "invalid_request_error", message: /images/ }
  },
  {
    name: "an account whose daily count is used up",
    codes: [110],
    ...spent,
    retryAfter: (seconds) => Math.abs(seconds - untilMidnight()) < 60
  },
  { name: "a model whose credits are used up", codes: [112], ...spent, retryAfter: (s) => s >= 50 && s <= 60 },
  {
    name: "a quota that is used up, in words",
    codes: [429],
    reasons: ["quota_exceeded", "Insufficient credits", "billing hard limit reached", "upgrade your plan to go on"],
    ...spent,
    retryAfter: (s) => s >= 50 && s <= 60
  },
  {
    name: "a throttle",
    codes: [429],
    reasons: ["Too many requests, please slow down"],
    ...throttled,
    retryAfter: (s) => s === 3
  },
  { name: "a queue that tells when to come again", codes: [10605], ...throttled, retryAfter: (s) => s === 30 },
  { name: "an account that is signed out", codes: [105, 401], ...signedOut },
  {
    name: "an account that is signed out, in words",
    codes: [500],
    reasons: ["user not login", "token is not active", "Authentication required: please sign in"],
    ...signedOut
  },
  {
    name: "no answer in time",
    codes: [408, 10408, 80408],
    status: 504,
    openai: { type: "timeout_error", code: "upstream_timeout", message: /in time/ },
    anthropic: { type: "timeout_error", message: /in time/ }
  },
  { name: "an agent that took its most turns", codes: [47902], ...failed(47902) },
  { name: "what is not supported", codes: [430], ...failed(430), isFinal: true },
  { name: "a model that failed", codes: [10500], ...failed(10500) },
  { name: "what nobody knows", codes: [599], reasons: ["something went wrong"], ...failed(599) }
]

let accounts = 0

/** Another account is signed in, of which nothing is spent. */
const another = (program: Program) =>
  Effect.gen(function* () {
    yield* control(lingmas(program)[0]!, "login", { name: `account-${accounts++}` })
    let marks = 1
    const look = Effect.promise(async () => {
      const { pool } = await internalStats(program)
      marks = pool.instances.reduce((sum, { spent }) => sum + spent.length, 0)
    })
    yield* Effect.repeat(Effect.delay(look, "10 millis"), { until: () => marks === 0, times: 500 })
    assert.strictEqual(marks, 0, "the new account is not known")
  })

const emu = (code: number, at: number | undefined, reason: string | undefined) =>
  `[[emu interval=0 tokens=6 fault=finish_error=${code}${at === undefined ? "" : `@${at}`}${
    reason === undefined ? "" : ` reason=${JSON.stringify(reason)}`
  }]]`

const check = (row: Row, dialect: Dialects.Dialect, told: Dialects.Failure | undefined, where: string) => {
  const expected = dialect.name === "messages" ? row.anthropic : row.openai
  assert.match(told?.message ?? "", expected.message, where)
  if (told?.type !== undefined) assert.strictEqual(told.type, expected.type, where)
  assert.strictEqual(told?.code, dialect.name === "messages" ? undefined : row.openai.code, where)
  const figures = (told?.message ?? "").match(/\d+/g)?.map(Number) ?? []
  if (row.openai.code === "context_length_exceeded") {
    const [limit, prompt] = dialect.name === "messages" ? figures.reverse() : figures
    assert.isAbove(prompt ?? 0, limit ?? 0, where)
  }
}

const isStatus = (row: Row, dialect: Dialects.Dialect, answer: Dialects.Answered, where: string) => {
  assert.strictEqual(answer.status, row.status, where)
  assert.isDefined(answer.failure?.type, where)
  check(row, dialect, answer.failure, where)
  const { headers } = answer
  assert.strictEqual(headers.get("x-should-retry"), row.isFinal === true ? "false" : null, where)
  const after = headers.get("retry-after")
  if (row.retryAfter === undefined) assert.isNull(after, where)
  else {
    assert.match(after ?? "", /^[1-9]\d*$/, where)
    assert.isTrue(row.retryAfter(Number(after)), `${where}: retry-after ${after}`)
    assert.strictEqual(headers.get("retry-after-ms"), `${after}000`, where)
  }
}

interface Tests {
  readonly effect: (name: string, test: () => Effect.Effect<void, unknown, Gateway>, timeout?: number) => void
}

/** Briefly: one of the codes, one of the reasons. */
const suite = (it: Tests, isBrief = false) => {
  const some = <A>(all: ReadonlyArray<A>) => (isBrief ? all.slice(0, 1) : all)
  for (const row of rows) {
    it.effect(
      `${row.name} is told as ${row.status}, or in a stream that has begun`,
      () =>
        Effect.gen(function* () {
          const program = yield* Gateway
          for (const code of some(row.codes))
            for (const reason of some(row.reasons ?? [undefined]))
              for (const dialect of Dialects.all)
                for (const stream of [false, true])
                  for (const at of [undefined, 0, 3]) {
                    if (row.spends === true) yield* another(program)
                    const where = JSON.stringify({ dialect: dialect.name, code, reason, stream, at })
                    const answer = yield* Dialects.ask(program, dialect, emu(code, at, reason), { stream })
                    if (!stream || at === 0) {
                      isStatus(row, dialect, answer, where)
                      continue
                    }
                    assert.strictEqual(answer.status, 200, where)
                    const { outcome } = answer
                    assert.strictEqual(outcome?.text, at === 3 ? "t0 t1 t2 " : "t0 t1 t2 t3 t4 t5 ", where)
                    assert.isUndefined(outcome?.end, where)
                    check(row, dialect, outcome?.failure, where)
                  }
          if (row.spends === true) yield* another(program)
          yield* settled(program)
        }),
      120_000
    )
  }

  it.effect(
    "what a content filter refuses is a status before any text, and an answer cut short after some",
    () =>
      Effect.gen(function* () {
        const program = yield* Gateway
        const refused = {
          "chat completions": "content_filter",
          responses: "incomplete: content_filter",
          messages: "refusal",
          completions: "content_filter"
        }
        for (const [code, reason] of [
          [406, undefined],
          [400, "data_inspection_failed"],
          [500, "Output data may contain inappropriate content."]
        ] as const)
          for (const dialect of Dialects.all)
            for (const stream of [false, true])
              for (const at of [0, 3]) {
                const where = JSON.stringify({ dialect: dialect.name, code, reason, stream, at })
                const answer = yield* Dialects.ask(program, dialect, emu(code, at, reason), { stream })
                if (at === 3 || dialect.name === "messages") {
                  assert.strictEqual(answer.status, 200, where)
                  assert.strictEqual(answer.outcome?.end, refused[dialect.name], where)
                  assert.strictEqual(answer.outcome?.text, at === 3 ? "t0 t1 t2 " : "", where)
                  continue
                }
                assert.strictEqual(answer.status, 400, where)
                assert.deepInclude(answer.failure, { type: "invalid_request_error", code: "content_filter" }, where)
                assert.strictEqual(answer.headers.get("x-should-retry"), "false", where)
              }
        yield* settled(program)
      }),
    60_000
  )

  it.effect("a refused prompt for want of a login is told as 503, although Lingma says that it is signed in", () =>
    Effect.gen(function* () {
      const program = yield* Gateway
      const row = { name: "", codes: [], ...signedOut }
      for (const dialect of Dialects.all)
        for (const stream of [false, true]) {
          const where = JSON.stringify({ dialect: dialect.name, stream })
          isStatus(row, dialect, yield* Dialects.ask(program, dialect, "[[emu auth_prompt]]", { stream }), where)
        }
      assert.strictEqual((yield* Dialects.ask(program, Dialects.all[0]!, "[[emu interval=0 tokens=1]]")).status, 200)
    })
  )

  it.effect("none of it is held against the only instance, which answers the next chat", () =>
    Effect.gen(function* () {
      const program = yield* Gateway
      for (const dialect of Dialects.all)
        for (const stream of [false, true]) {
          const { outcome } = yield* Dialects.ask(program, dialect, "[[emu interval=0 tokens=3]]", { stream })
          assert.strictEqual(outcome?.text, "t0 t1 t2 ")
          assert.isDefined(outcome?.end)
        }
      const { pool } = yield* Effect.promise(() => internalStats(program))
      assert.deepInclude(pool.instances[0], { ejected: false, ejections_total: 0, consecutive_failures: 0 })
      yield* eventually(
        () => program.stdout().includes("code 599, reason something went wrong") || undefined,
        "the cause"
      )
    })
  )
}

const options = { timeout: "60 seconds", excludeTestServices: true } as const
layer(Layer.scoped(Gateway, start()), options)("by session/*", (it) => suite(it as Tests))
layer(Layer.scoped(Gateway, start({ LINGMA_EMULATOR_DIALECT: "ask" })), options)("by chat/ask", (it) =>
  suite(it as Tests, true)
)
