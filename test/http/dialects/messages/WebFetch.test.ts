import { gzipSync } from "node:zlib"
import Anthropic from "@anthropic-ai/sdk"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Option } from "effect"
import { isPublic } from "../../../../src/http/chat/sources/PublicAddress.ts"
import { type Network, PublicNetwork } from "../../../../src/http/chat/sources/PublicFetch.ts"
import * as Server from "../../../../src/http/Server.ts"
import * as Pdf from "../../../support/Pdf.ts"
import { web } from "../../../support/Pictures.ts"
import * as Searches from "../../../support/Searches.ts"
import * as TestBackend from "../../../support/TestBackend.ts"
import * as TestGateway from "../../../support/TestGateway.ts"
import * as Grammar from "./Grammar.ts"

const tool = { type: "web_fetch_20250910", name: "web_fetch" }
const other = { name: "Bash", input_schema: { type: "object", properties: { command: { type: "string" } } } }

const call = (name: string, parameter: string, value: string) =>
  `<tool_call>\n<function=${name}>\n<parameter=${parameter}>\n${value}\n</parameter>\n</function>\n</tool_call>`
const fetches = (url: string) => call("web_fetch", "url", url)

/** Says one thing after the other, one for each chat; the last one again and again. */
const inTurn = (...answers: ReadonlyArray<string>): TestBackend.Script => {
  let at = 0
  return (turn, ask) => TestBackend.say(answers[Math.min(at++, answers.length - 1)] ?? "")(turn, ask)
}

const post = (said: string, body: object): RequestInit => ({
  method: "POST",
  headers: { "content-type": "application/json" },
  body: JSON.stringify({ model: "auto", max_tokens: 4096, messages: [{ role: "user", content: said }], ...body })
})

/** Takes 127.0.0.1 for a public address, which nothing but these tests may; `private` names have one of their own. */
const network: Partial<Network> = {
  mayConnect: (address) => address === "127.0.0.1" || isPublic(address),
  mayUsePort: () => true,
  resolve: (host) => Effect.succeed([host.startsWith("private") ? "10.0.0.1" : "127.0.0.1"])
}

const serve = Effect.fnUntraced(function* (
  script: TestBackend.Script,
  settings: Parameters<typeof TestGateway.serve>[1] = { webFetch: true }
) {
  const scripted = TestBackend.make(script)
  const server = Layer.provide(Server.layer, Layer.succeed(PublicNetwork, network))
  const { base, drained, request } = yield* TestGateway.serve(scripted, settings, server)
  const whole = Effect.fnUntraced(function* (said: string, body: object = { tools: [tool] }) {
    const { headers, json, status } = yield* request("/v1/messages", post(said, body))
    return {
      status,
      content: json["content"] as ReadonlyArray<Record<string, unknown>> | undefined,
      used: (json["usage"] as { server_tool_use?: unknown } | undefined)?.server_tool_use,
      error: json.error?.message,
      leftOut: headers.get("x-lingma-ignored-params")
    }
  })
  const streamed = (said: string, body: object = { tools: [tool] }) =>
    Effect.map(request("/v1/messages", post(said, { ...body, stream: true })), ({ text }) => Grammar.read(text))
  return { asks: scripted.asks, base, drained, streamed, whole }
})

const pages: Readonly<Record<string, readonly [type: string, body: string | Buffer]>> = {
  "/hours": ["text/html; charset=utf-8", "<title>Hours</title><p>Open from <b>nine</b>.</p><a href='/map'>Map</a>"],
  "/map": ["text/plain", "The map."],
  "/data": ["application/json", '{"open":9}'],
  "/gbk": ["text/html; charset=gbk", Buffer.from([0xc4, 0xe3, 0xba, 0xc3])],
  "/untold": ["", "<html><p>untold</p></html>"],
  "/picture": ["image/png", "png"],
  "/large": ["text/plain", "x".repeat((8 << 20) + 1)],
  "/long": ["text/plain", "word ".repeat(4000)],
  "/pdf": ["application/pdf", Buffer.from(Pdf.make(["Page one of it"]))],
  "/broken.pdf": ["application/pdf", "%PDF-1.7 broken"]
}

const museum = web(({ url = "" }, response) => {
  const to = /^\/to\/(.*)/.exec(url)?.[1]
  if (to !== undefined) return void response.writeHead(302, { location: decodeURIComponent(to) }).end()
  if (url === "/zipped") {
    const headers = { "content-type": "text/plain", "content-encoding": "gzip" }
    return void response.writeHead(200, headers).end(gzipSync("zipped"))
  }
  const [type, body] = pages[url] ?? []
  if (type === undefined) return void response.writeHead(404).end()
  response.writeHead(200, type === "" ? {} : { "content-type": type }).end(body)
})

const failed = (code: string) => ({ type: "web_fetch_tool_result_error", error_code: code })

/** What one page came to: its text, or the code of its failure. */
const outcome = Effect.fnUntraced(function* (address: string, more: object = {}, said = address) {
  const { whole } = yield* serve(inTurn(fetches(address), "done"))
  const { content } = yield* whole(`look at ${said}`, { tools: [{ ...tool, ...more }] })
  const result = content?.find(({ type }) => type === "web_fetch_tool_result")?.["content"] as {
    readonly error_code?: string
    readonly content?: { readonly source: { readonly data: string } }
  }
  return result.error_code ?? result.content?.source.data ?? ""
})

describe("a page that the gateway fetches", () => {
  it.scopedLive("is told to the model and answered in the blocks of the API", () =>
    Effect.gen(function* () {
      const { port } = yield* museum
      const hours = `http://museum.example:${port}/hours`
      const { asks, base, drained, streamed, whole } = yield* serve(
        inTurn(`I look.\n${fetches(hours)}`, "From nine.", fetches(hours), "Nine.", fetches(hours), "Nine!"),
        // One chat at a time: the first must give back what it holds before the next one.
        { webFetch: true, maxInFlight: 1, queueMax: 0 }
      )
      const { content, leftOut, used } = yield* whole(`when, by ${hours}?`, { tools: [tool, other] })
      assert.isNull(leftOut)
      assert.deepStrictEqual(
        content?.map(({ type }) => type),
        ["text", "server_tool_use", "web_fetch_tool_result", "text"]
      )
      const [, use, result, last] = content ?? []
      assert.deepInclude(use, { name: "web_fetch", input: { url: hours }, caller: { type: "direct" } })
      assert.strictEqual(result?.["tool_use_id"], use?.["id"])
      const data = `Open from nine.\n\nMap(http://museum.example:${port}/map)`
      assert.deepInclude(result?.["content"], {
        type: "web_fetch_result",
        url: hours,
        content: {
          type: "document",
          title: "Hours",
          citations: null,
          source: { type: "text", media_type: "text/plain", data }
        }
      })
      const { retrieved_at: at } = (result?.["content"] ?? {}) as { readonly retrieved_at: string }
      assert.strictEqual(new Date(at).toISOString(), at)
      assert.strictEqual(String(last?.["text"]).trim(), "From nine.")
      assert.deepStrictEqual(used, { web_search_requests: 0, web_fetch_requests: 1 })
      assert.include(asks[0]?.prompt, '{"name":"web_fetch"')
      assert.include(asks[1]?.prompt, "Open from nine.")

      const stream = yield* streamed(`when, by ${hours}?`)
      assert.deepStrictEqual(
        stream.content.map(({ type }) => type),
        ["server_tool_use", "web_fetch_tool_result", "text"]
      )
      const client = new Anthropic({ baseURL: base, apiKey: "any" })
      const messages: Array<Anthropic.MessageParam> = [{ role: "user", content: `and ${hours}?` }]
      const asked = {
        model: "auto",
        max_tokens: 640,
        tools: [{ type: "web_fetch_20250910", name: "web_fetch" } as const]
      }
      const answer = yield* Effect.promise(() => client.messages.stream({ ...asked, messages }).finalMessage())
      assert.strictEqual(answer.usage.server_tool_use?.web_fetch_requests, 1)
      messages.push({ role: "assistant", content: answer.content }, { role: "user", content: "sure?" })
      yield* Effect.promise(() => client.messages.create({ ...asked, messages }))
      assert.include(asks.at(-1)?.prompt, "Open from nine.")
      yield* drained
    })
  )

  it.scopedLive("is one that the conversation has named, by its user or by the result of a tool", () =>
    Effect.gen(function* () {
      const { hits, port } = yield* museum
      const at = (path: string) => `http://museum.example:${port}${path}`
      const code = "url_not_in_prior_context"
      assert.strictEqual(yield* outcome(at("/map"), {}, at("/mapped")), code)
      assert.strictEqual(yield* outcome(at("/map?leak=secret"), {}, at("/map")), code)
      assert.strictEqual(yield* outcome("http://made-up.example/"), "url_not_accessible")
      assert.deepStrictEqual(
        hits.filter((hit) => hit.includes("map")),
        []
      )
      for (const said of [`(${at("/map")}).`, `**${at("/map")}**`, `<${at("/map")}#part>`, `see ${at("/map")}, and`])
        assert.strictEqual(yield* outcome(at("/map"), {}, said), "The map.", said)
      // What a page leads to is named by it.
      const { asks, whole } = yield* serve(inTurn(fetches(at("/hours")), fetches(at("/map")), "done"))
      const { used } = yield* whole(at("/hours"))
      assert.deepStrictEqual(used, { web_search_requests: 0, web_fetch_requests: 2 })
      assert.include(asks[2]?.prompt, "The map.")
    })
  )

  it.scopedLive("may be text, JSON or a PDF, in any charset, and nothing else", () =>
    Effect.gen(function* () {
      const { port } = yield* museum
      const at = (path: string) => outcome(`http://museum.example:${port}${path}`)
      assert.strictEqual(yield* at("/data"), '{"open":9}')
      assert.strictEqual(yield* at("/gbk"), "你好")
      assert.strictEqual(yield* at("/untold"), "untold")
      assert.include(yield* at("/pdf"), "Page one of it")
      assert.strictEqual(yield* at("/broken.pdf"), "unsupported_content_type")
      assert.strictEqual(yield* at("/picture"), "unsupported_content_type")
      // Compressed, although nobody asked for that.
      assert.strictEqual(yield* at("/zipped"), "unsupported_content_type")
      assert.strictEqual(yield* at("/large"), "content_too_large")
      assert.strictEqual(yield* at("/missing"), "url_not_accessible")
      assert.strictEqual(yield* outcome("ftp://museum.example/x"), "invalid_tool_input")
      assert.strictEqual(yield* outcome("no address"), "invalid_tool_input")
      assert.strictEqual(yield* outcome(`http://museum.example/${"x".repeat(2048)}`), "url_too_long")
    })
  )

  it.scopedLive("is never at a private address, nor led to one", () =>
    Effect.gen(function* () {
      const { hits, port } = yield* museum
      const to = (url: string) => outcome(`http://museum.example:${port}/to/${encodeURIComponent(url)}`)
      assert.strictEqual(yield* outcome(`http://private.example:${port}/hours`), "url_not_accessible")
      assert.strictEqual(yield* outcome(`http://10.0.0.1:${port}/hours`), "url_not_accessible")
      assert.strictEqual(yield* to(`http://private.example:${port}/hours`), "url_not_accessible")
      assert.strictEqual(yield* to("file:///etc/passwd"), "url_not_accessible")
      assert.strictEqual(yield* to("/map"), "The map.")
      assert.isTrue(hits.every((hit) => hit.startsWith("museum.example/")))
    })
  )

  it.scopedLive("is bounded in number, in length and by domain, also where it leads to", () =>
    Effect.gen(function* () {
      const { port } = yield* museum
      const at = (host: string, path: string) => `http://${host}:${port}${path}`
      const allowed = { allowed_domains: ["museum.example"] }
      assert.strictEqual(yield* outcome(at("www.museum.example", "/map"), allowed), "The map.")
      assert.strictEqual(yield* outcome(at("other.example", "/map"), allowed), "url_not_allowed")
      const away = at("museum.example", `/to/${encodeURIComponent(at("other.example", "/map"))}`)
      assert.strictEqual(yield* outcome(away, allowed), "url_not_allowed")
      assert.strictEqual(yield* outcome(away, { blocked_domains: ["other.example"] }), "url_not_allowed")

      const long = yield* outcome(at("museum.example", "/long"), { max_content_tokens: 100 })
      assert.isBelow(long.length, 1500)
      assert.include(long, "(the rest of this page is left out)")

      const map = at("museum.example", "/map")
      const { asks, whole } = yield* serve(inTurn(`${fetches(map)}\n${fetches(map)}`, "done"))
      const { content } = yield* whole(map, { tools: [{ ...tool, max_uses: 1 }] })
      assert.deepStrictEqual(content?.[3]?.["content"], failed("max_uses_exceeded"))
      assert.notInclude(asks[1]?.prompt, '{"name":"web_fetch"')
    })
  )

  it.scopedLive("may be one that a search of the same answer has found", () =>
    Effect.gen(function* () {
      const { port } = yield* museum
      const map = `http://museum.example:${port}/map`
      const { url } = yield* Searches.finds([{ url: map, title: "Map", content: "A map" }])
      const { whole } = yield* serve(inTurn(call("web_search", "query", "map"), fetches(map), "done"), {
        webFetch: true,
        webSearchUrl: Option.some(url)
      })
      const { used } = yield* whole("where?", { tools: [{ type: "web_search_20250305", name: "web_search" }, tool] })
      assert.deepStrictEqual(used, { web_search_requests: 1, web_fetch_requests: 1 })
    })
  )

  it.scopedLive("is asked for with fields that are named where they have no effect, or refused", () =>
    Effect.gen(function* () {
      const { whole } = yield* serve(inTurn("done"))
      const cited = yield* whole("hi", { tools: [{ ...tool, citations: { enabled: true } }, other] })
      assert.strictEqual(cited.leftOut, "tools.web_fetch_20250910.citations")
      const narrow = { ...tool, url_sources: { user_input: { type: "none" } } }
      const { error, status } = yield* whole("hi", { tools: [narrow] })
      assert.strictEqual(status, 400)
      assert.include(error, "url_sources")
    })
  )
})

describe("a page where none are fetched", () => {
  it.scopedLive("is left out and named beside other tools, and told to be unavailable without", () =>
    Effect.gen(function* () {
      const { hits, port } = yield* museum
      const map = `http://museum.example:${port}/map`
      const { asks, whole } = yield* serve(inTurn("hi", fetches(map), "I cannot."), {})
      const beside = yield* whole(map, { tools: [tool, other] })
      assert.deepStrictEqual(beside.content, [{ type: "text", text: "hi" }])
      assert.strictEqual(beside.leftOut, "tools.web_fetch_20250910")
      assert.notInclude(asks[0]?.prompt, '{"name":"web_fetch"')
      const alone = yield* whole(map)
      assert.deepStrictEqual(alone.content?.[1]?.["content"], failed("unavailable"))
      assert.deepStrictEqual(hits, [])
    })
  )
})
