import Anthropic from "@anthropic-ai/sdk"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Option } from "effect"
import { finish, textDelta, toolCall } from "../../../../src/domain/Chat.ts"
import { BackendFailure } from "../../../../src/domain/ChatError.ts"
import * as Searches from "../../../support/Searches.ts"
import * as TestBackend from "../../../support/TestBackend.ts"
import * as TestGateway from "../../../support/TestGateway.ts"
import * as Grammar from "./Grammar.ts"

const post = (body: object): RequestInit => ({
  method: "POST",
  headers: { "content-type": "application/json" },
  body: JSON.stringify({
    model: "auto",
    max_tokens: 640,
    messages: [{ role: "user", content: "Perform a web search for the query: museum" }],
    ...body
  })
})
const search = { type: "web_search_20250305", name: "web_search" }
const other = { name: "Bash", input_schema: { type: "object", properties: { command: { type: "string" } } } }

const call = (name: string, parameter: string, value: string) =>
  `<tool_call>\n<function=${name}>\n<parameter=${parameter}>\n${value}\n</parameter>\n</function>\n</tool_call>`
const searches = (query: string) => call("web_search", "query", query)

/** Says one thing after the other, one for each chat; the last one again and again. */
const inTurn = (...answers: ReadonlyArray<string>): TestBackend.Script => {
  let at = 0
  return (turn, ask) => TestBackend.say(answers[Math.min(at++, answers.length - 1)] ?? "")(turn, ask)
}

const pages = [
  { url: "https://museum.example/hours", title: "Hours", content: "Open from nine", publishedDate: "2026-11-01" },
  { url: "https://blog.example/a", title: "Blog", content: "A visit" },
  { url: "javascript:alert(1)", title: "bad" },
  7
]

const finds = Searches.finds(pages)

const serve = Effect.fnUntraced(function* (
  script: TestBackend.Script,
  settings: Parameters<typeof TestGateway.serve>[1] = {}
) {
  const scripted = TestBackend.make(script)
  const { base, drained, request } = yield* TestGateway.serve(scripted, settings)
  const whole = Effect.fnUntraced(function* (body: object) {
    const { headers, json, status } = yield* request("/v1/messages", post(body))
    return {
      status,
      content: json["content"] as ReadonlyArray<Record<string, unknown>> | undefined,
      stop: json["stop_reason"],
      used: (json["usage"] as { server_tool_use?: unknown } | undefined)?.server_tool_use,
      message: json.error?.message,
      leftOut: headers.get("x-lingma-ignored-params")
    }
  })
  const streamed = (body: object) =>
    Effect.map(request("/v1/messages", post({ ...body, stream: true })), ({ text }) => ({
      ...Grammar.read(text),
      raw: text
    }))
  return { asks: scripted.asks, counts: scripted.counts, base, drained, request, streamed, whole }
})

const urlsOf = (block: Record<string, unknown> | undefined): ReadonlyArray<unknown> =>
  ((block?.["content"] ?? []) as ReadonlyArray<Record<string, unknown>>).map(({ url }) => url)

const failed = (code: string) => ({ type: "web_search_tool_result_error", error_code: code })

describe("a web search", () => {
  it.scopedLive("is run by the gateway, told to the model and answered in the blocks of the API", () =>
    Effect.gen(function* () {
      const { asked, url } = yield* finds
      const { asks, counts, drained, streamed, whole } = yield* serve(
        inTurn(`I look.\n${searches("museum hours & more")}`, "From nine.", searches("again"), "Still nine."),
        // One chat at a time: the first must give back what it holds before the next one.
        { webSearchUrl: Option.some(url), maxInFlight: 1, queueMax: 0 }
      )
      const { content, leftOut, status, stop, used } = yield* whole({ tools: [search, other] })
      assert.deepStrictEqual([status, stop, leftOut], [200, "end_turn", null])
      assert.deepStrictEqual(
        content?.map(({ type }) => type),
        ["text", "server_tool_use", "web_search_tool_result", "text"]
      )
      const [, use, result, last] = content ?? []
      assert.match(String(use?.["id"]), /^srvtoolu_[A-Za-z0-9]+$/)
      assert.deepInclude(use, { name: "web_search", input: { query: "museum hours & more" } })
      assert.strictEqual(result?.["tool_use_id"], use?.["id"])
      assert.deepStrictEqual([use?.["caller"], result?.["caller"]], [{ type: "direct" }, { type: "direct" }])
      assert.deepStrictEqual(urlsOf(result), ["https://museum.example/hours", "https://blog.example/a"])
      const [first] = (result?.["content"] ?? []) as ReadonlyArray<Record<string, unknown>>
      assert.deepInclude(first, { type: "web_search_result", title: "Hours", page_age: "2026-11-01" })
      assert.isString(first?.["encrypted_content"])
      assert.strictEqual(String(last?.["text"]).trim(), "From nine.")
      assert.deepStrictEqual(used, { web_search_requests: 1, web_fetch_requests: 0 })
      assert.deepStrictEqual(
        ["q", "format", "engine"].map((name) => asked[0]?.searchParams.get(name)),
        ["museum hours & more", "json", "all"]
      )
      assert.include(asks[1]?.prompt, "Hours\nhttps://museum.example/hours\n2026-11-01\nOpen from nine")

      const stream = yield* streamed({ tools: [search] })
      assert.deepStrictEqual(
        stream.content.map(({ type }) => type),
        ["server_tool_use", "web_search_tool_result", "text"]
      )
      assert.include(stream.raw, '"server_tool_use":{"web_search_requests":1')
      yield* drained
      assert.deepStrictEqual(counts, { opened: 4, closed: 4, cancelled: 0 })
    })
  )

  it.scopedLive("comes back in the history with what it found", () =>
    Effect.gen(function* () {
      const { url } = yield* finds
      const { asks, base } = yield* serve(inTurn(searches("museum"), "From nine."), { webSearchUrl: Option.some(url) })
      const client = new Anthropic({ baseURL: base, apiKey: "any" })
      const messages: Array<Anthropic.MessageParam> = [{ role: "user", content: "when?" }]
      const asked = {
        model: "auto",
        max_tokens: 640,
        tools: [{ type: "web_search_20250305", name: "web_search" } as const]
      }
      const answer = yield* Effect.promise(() => client.messages.stream({ ...asked, messages }).finalMessage())
      assert.strictEqual(answer.usage.server_tool_use?.web_search_requests, 1)
      assert.deepStrictEqual(
        answer.content.flatMap((block) => ("caller" in block ? [[block.type, block.caller.type]] : [])),
        [
          ["server_tool_use", "direct"],
          ["web_search_tool_result", "direct"]
        ]
      )
      messages.push({ role: "assistant", content: answer.content }, { role: "user", content: "sure?" })
      yield* Effect.promise(() => client.messages.create({ ...asked, messages }))
      assert.include(asks.at(-1)?.prompt, "Open from nine")
    })
  )

  it.scopedLive("is bounded in number, and by domain", () =>
    Effect.gen(function* () {
      const { asked, url } = yield* finds
      const { asks, whole } = yield* serve(inTurn(searches("a"), searches("b"), searches("c"), "done"), {
        webSearchUrl: Option.some(url)
      })
      const { content, used } = yield* whole({
        tools: [{ ...search, max_uses: 1, blocked_domains: ["museum.example"] }]
      })
      const [, result] = content ?? []
      assert.deepStrictEqual(urlsOf(result), ["https://blog.example/a"])
      assert.strictEqual(asked.length, 1)
      assert.deepStrictEqual(used, { web_search_requests: 1, web_fetch_requests: 0 })
      assert.include(asks[0]?.prompt, '{"name":"web_search"')
      assert.notInclude(asks[1]?.prompt, '{"name":"web_search"')
    })
  )

  it.scopedLive("that asks for nothing, or for too much, counts as one of them", () =>
    Effect.gen(function* () {
      const { asked, url } = yield* finds
      for (const input of [{}, { query: "x".repeat(2001) }]) {
        const searched = toolCall({ id: "call_1", name: "web_search", arguments: JSON.stringify(input) })
        const endless = TestBackend.native((turn) => {
          turn.emit(searched)
          turn.emit(finish("tool_calls"))
        })
        const { drained, request } = yield* TestGateway.serve(endless, { webSearchUrl: Option.some(url) })
        const { json } = yield* request("/v1/messages", post({ tools: [{ ...search, max_uses: 1 }] }))
        const content = json["content"] as ReadonlyArray<Record<string, unknown>>
        assert.deepStrictEqual(
          content.flatMap(({ content }) => (content === undefined ? [] : [content])),
          [failed("query" in input ? "query_too_long" : "invalid_tool_input"), failed("max_uses_exceeded")]
        )
        assert.strictEqual(json["stop_reason"], "end_turn")
        assert.deepStrictEqual(
          endless.requests.map(({ toolset }) => toolset.tools.length),
          [1, 0]
        )
        yield* drained
      }
      assert.strictEqual(asked.length, 0)
    }).pipe(Effect.timeout("4 seconds"))
  )

  it.scopedLive("holds no slot of the gateway while the service searches", () =>
    Effect.gen(function* () {
      let other = async () => 0
      const statuses: Array<number> = []
      const { url } = yield* Searches.says(200, JSON.stringify({ results: pages }), async () =>
        statuses.push(await other())
      )
      const { base, whole } = yield* serve(inTurn(searches("a"), "another's", "From nine."), {
        webSearchUrl: Option.some(url),
        maxInFlight: 1,
        queueMax: 0
      })
      other = async () => (await fetch(`${base}/v1/messages`, post({}))).status
      const { content, used } = yield* whole({ tools: [search] })
      assert.deepStrictEqual(statuses, [200])
      assert.strictEqual(String(content?.at(-1)?.["text"]).trim(), "From nine.")
      assert.deepStrictEqual(used, { web_search_requests: 1, web_fetch_requests: 0 })
    })
  )

  it.scopedLive("beside a call of the client's is run, and the call is left to the client", () =>
    Effect.gen(function* () {
      const { url } = yield* finds
      const { asks, whole } = yield* serve(inTurn(`${searches("a")}\n${call("Bash", "command", "ls")}`, "done"), {
        webSearchUrl: Option.some(url)
      })
      const { content, stop } = yield* whole({ tools: [search, other] })
      assert.sameMembers(content?.map(({ type }) => String(type)) ?? [], [
        "tool_use",
        "server_tool_use",
        "web_search_tool_result"
      ])
      assert.deepStrictEqual([stop, asks.length], ["tool_use", 1])
    })
  )

  it.scopedLive("that fails is told to the client and the model, and the answer goes on", () =>
    Effect.gen(function* () {
      const broken = [
        Searches.says(500, "no"),
        Searches.says(200, "<html>"),
        Searches.says(200, JSON.stringify({ results: pages, more: "x".repeat(3 << 20) }))
      ]
      for (const one of broken) {
        const { url } = yield* one
        const { asks, whole } = yield* serve(inTurn(searches("a"), "I cannot."), { webSearchUrl: Option.some(url) })
        const { content, used } = yield* whole({ tools: [search] })
        assert.deepStrictEqual(content?.[1]?.["content"], failed("unavailable"))
        assert.include(asks[1]?.prompt, "The tool failed: unavailable")
        assert.deepStrictEqual(used, { web_search_requests: 0, web_fetch_requests: 0 })
      }
    })
  )

  it.scopedLive("after which the model fails ends the stream with an error", () =>
    Effect.gen(function* () {
      const { url } = yield* finds
      let at = 0
      const script: TestBackend.Script = (turn, ask) => {
        if (at++ === 0) return TestBackend.say(searches("a"))(turn, ask)
        turn.emit(textDelta("x"))
        return Effect.sync(() => turn.fail(new BackendFailure({ instance: "inst-0", started: true, detail: "secret" })))
      }
      const { drained, streamed } = yield* serve(script, { webSearchUrl: Option.some(url) })
      const { error, raw } = yield* streamed({ tools: [search] })
      assert.deepStrictEqual(error, { type: "api_error", message: "upstream lingma error" })
      assert.notInclude(raw, "secret")
      yield* drained
    })
  )
})

describe("a web search where there is no search service", () => {
  it.scopedLive("is left out and named, where the request has other tools", () =>
    Effect.gen(function* () {
      const { asks, whole } = yield* serve(TestBackend.say("hi"))
      const { content, leftOut } = yield* whole({ tools: [search, other] })
      assert.deepStrictEqual([content, leftOut], [[{ type: "text", text: "hi" }], "tools.web_search_20250305"])
      assert.notInclude(asks[0]?.prompt, '{"name":"web_search"')
    })
  )

  it.scopedLive("is answered as unavailable where the request is for nothing else", () =>
    Effect.gen(function* () {
      const { asks, streamed, whole } = yield* serve(inTurn(searches("museum"), "I cannot search."))
      const { content, leftOut, used } = yield* whole({ tools: [search] })
      assert.deepStrictEqual(content?.[0]?.["input"], { query: "museum" })
      assert.deepStrictEqual(content?.[1]?.["content"], failed("unavailable"))
      assert.deepStrictEqual(used, { web_search_requests: 0, web_fetch_requests: 0 })
      assert.strictEqual(leftOut, "tools.web_search_20250305")
      assert.strictEqual(asks.length, 2)

      for (const choice of [{ type: "tool", name: "web_search" }, { type: "any" }]) {
        const forced = yield* streamed({ tools: [search], tool_choice: choice })
        assert.deepStrictEqual(
          forced.content.map(({ type }) => type),
          ["server_tool_use", "web_search_tool_result", "text"]
        )
        assert.deepStrictEqual(forced.content[1]?.["content"], failed("unavailable"))
        assert.strictEqual(forced.stopReason, "end_turn")
      }
      const fetched = yield* whole({
        tools: [{ type: "web_fetch_20250910", name: "web_fetch" }, other],
        tool_choice: { type: "tool", name: "web_fetch" }
      })
      assert.deepStrictEqual(fetched.content?.[1]?.["caller"], { type: "direct" })
      assert.deepStrictEqual(fetched.content?.[1]?.["content"], {
        type: "web_fetch_tool_result_error",
        error_code: "unavailable"
      })
      assert.strictEqual(asks.length, 2)
    })
  )
})
