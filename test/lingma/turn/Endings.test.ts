import { assert, describe, it } from "@effect/vitest"
import { FastCheck } from "effect"
import * as Endings from "../../../src/lingma/turn/Endings.ts"
import { about } from "../../support/Endings.ts"

const kinds = (code: number | undefined, ...texts: ReadonlyArray<string>) =>
  texts.map((text) => Endings.kindOf({ code, text }))
const all = (kind: Endings.Kind, n: number) => Array.from({ length: n }, () => kind)
const error = (code: number | undefined, text: string, more: Partial<Endings.About> = {}) =>
  Endings.toError({ code, text }, about(more))

const TOO_LONG = [
  "context_length_exceeded",
  "This model's maximum context length is 30000 tokens. However, your messages resulted in 45,000 tokens.",
  "the prompt exceeds the context window",
  "<400> InternalError.Algo.InvalidParameter: Range of input length should be [1, 30000]",
  "input token length too long",
  "Prompt is too long",
  "输入内容超长，请缩短后重试",
  "Input content is too long"
]

describe("a failure of Lingma's", () => {
  it("means what its code says, whatever its text says", () => {
    const codes: ReadonlyArray<readonly [number, Endings.Kind]> = [
      ...[105, 401].map((code) => [code, "not_logged_in"] as const),
      [110, "account_spent"],
      ...[112, 113, 114, 115, 116, 117, 118, 119, 122].map((code) => [code, "model_spent"] as const),
      [406, "filtered"],
      [430, "unsupported"],
      ...[47902, 10500].map((code) => [code, "failed"] as const),
      [80411, "too_long"],
      [80412, "too_many_images"],
      ...[408, 10408, 80408].map((code) => [code, "timeout"] as const),
      [10605, "throttled"]
    ]
    for (const [code, kind] of codes) {
      assert.deepStrictEqual(kinds(code, "", "quota", TOO_LONG[0]!, "user not login"), all(kind, 4), `${code}`)
    }
  })

  it("means what its words say where the code says nothing of its own", () => {
    for (const code of [undefined, 400, 429, 500, 1, -32000, -32603]) {
      assert.deepStrictEqual(kinds(code, ...TOO_LONG), all("too_long", TOO_LONG.length), `${code}`)
      assert.deepStrictEqual(
        kinds(code, "data_inspection_failed", "Content filter", "含有敏感内容"),
        all("filtered", 3)
      )
      assert.deepStrictEqual(kinds(code, "Too many images in the request"), ["too_many_images"])
      const login = [
        "user not login",
        "token is not active",
        "Authentication required",
        "Please run /login",
        "请先登录"
      ]
      assert.deepStrictEqual(kinds(code, ...login), all("not_logged_in", login.length))
      const spent = ["quota exceeded", "out of credits", "billing", '{"pricingUrl":"https://x"}', "额度不足"]
      assert.deepStrictEqual(kinds(code, ...spent), all("model_spent", spent.length))
      assert.deepStrictEqual(
        kinds(code, "Too many requests, please slow down", '{"isQueued":true}'),
        all("throttled", 2)
      )
    }
  })

  it("with 429 alone is a moment's throttle, unless it speaks of a plan", () => {
    assert.deepStrictEqual(kinds(429, "", "slow down", "your plan does not include this"), [
      "throttled",
      "throttled",
      "model_spent"
    ])
    assert.deepStrictEqual(kinds(500, "the plan failed", ""), all("failed", 2))
    assert.deepStrictEqual(kinds(-32000, "no idea"), ["not_logged_in"])
    assert.deepStrictEqual(kinds(undefined, "no idea"), ["failed"])
  })

  it("that the conversation is too long tells Lingma's figures, else the model's window and the estimate", () => {
    const figures = (text: string, more: Partial<Endings.About> = {}) => {
      const { _tag, limit, promptTokens } = error(400, text, more) as {
        _tag: string
        limit: number
        promptTokens: number
      }
      return [_tag, promptTokens, limit]
    }
    assert.deepStrictEqual(figures(TOO_LONG[1]!), ["ContextLengthExceeded", 45_000, 30_000])
    assert.deepStrictEqual(figures(TOO_LONG[3]!, { promptTokens: 31_000 }), ["ContextLengthExceeded", 31_000, 30_000])
    assert.deepStrictEqual(figures("prompt is too long: 210000 tokens > 200000 maximum"), [
      "ContextLengthExceeded",
      210_000,
      200_000
    ])
    // An estimate below the limit is wrong: Lingma knows better.
    assert.deepStrictEqual(figures("prompt is too long"), ["ContextLengthExceeded", 1001, 1000])
    assert.deepStrictEqual(figures("prompt is too long", { contextLimit: undefined }), [
      "ContextLengthExceeded",
      100,
      99
    ])
  })

  it("that something is used up names the model, or the account until midnight in China", () => {
    const now = () => Date.UTC(2026, 10, 28, 15, 59)
    assert.deepInclude(error(112, "{}", { now }), { _tag: "QuotaExhausted", model: "auto", until: now() + 60_000 })
    assert.deepInclude(error(110, "", { now }), { until: Date.UTC(2026, 10, 28, 16) })
    assert.notProperty(error(110, ""), "model")
    assert.deepInclude(error(110, "", { now: () => Date.UTC(2026, 10, 28, 16) }), { until: Date.UTC(2026, 10, 29, 16) })
  })

  it("that it is throttled tells the seconds of the text, else a few, and never more than five minutes", () => {
    const seconds = (text: string) => (error(10605, text) as { readonly retryAfter?: number }).retryAfter
    assert.deepStrictEqual(
      [
        '{"isQueued":true,"retryAfterSeconds":30}',
        "try again in 20s",
        "retry after 9 seconds",
        "5 秒后重试",
        "",
        "retry_after: 99999"
      ].map(seconds),
      [30, 20, 9, 5, 3, 300]
    )
  })

  it("carries its code to the client, and none where there is none; what is not supported is final", () => {
    assert.deepInclude(error(10500, "secret words"), {
      _tag: "BackendFailure",
      code: 10500,
      isFinal: false,
      started: true
    })
    assert.deepInclude(error(undefined, ""), { isFinal: false })
    assert.notProperty(error(undefined, ""), "code")
    assert.deepInclude(error(430, "", { started: false }), { code: 430, isFinal: true, started: false })
    assert.deepInclude(error(105, "", { automatic: true }), { _tag: "NotLoggedIn", retriable: true })
    assert.deepInclude(error(408, ""), { _tag: "UpstreamTimeout", phase: "upstream" })
    assert.strictEqual(error(406, "")._tag, "ContentFiltered")
    assert.strictEqual(error(80412, "")._tag, "TooManyImages")
  })

  it.prop(
    "is told of any text, in linear time",
    [FastCheck.oneof(FastCheck.integer(), FastCheck.double()), FastCheck.string({ unit: "binary" })],
    ([code, text]) => {
      assert.isString(error(code, text)._tag)
    }
  )

  it("takes no longer of long texts that nearly mean something", () => {
    const began = performance.now()
    for (const part of [
      "context ",
      "range of input length should be [",
      "retry after ",
      "1",
      "try again in 1",
      "token "
    ]) {
      error(400, part.repeat(300_000))
      error(10605, part.repeat(300_000))
      error(80411, part.repeat(300_000))
    }
    assert.isBelow(performance.now() - began, 1000)
  })
})
