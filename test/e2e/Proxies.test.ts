/**
 * The gateway behind nginx and Caddy, with the files of `deploy/` as they stand but for addresses and certificates.
 */
import { request } from "node:http"
import Anthropic from "@anthropic-ai/sdk"
import { assert, it, layer, type Vitest } from "@effect/vitest"
import { Context, Effect, Layer } from "effect"
import OpenAI from "openai"
import { WebSocket } from "ws"
import * as Proxy from "../support/Proxy.ts"
import { chat, content, internalStats, json, type Program, start } from "./support.ts"

/** One for all proxies. */
class Gateway extends Context.Tag("test/ProxiesGateway")<Gateway, Program>() {
  static readonly layer = Layer.scoped(Gateway, start({ GATEWAY_ALLOWED_HOSTS: "lingma.example.com" }))
}

/** A proxy in front of the gateway; the base URL is the proxy's. */
class Behind extends Context.Tag("test/ProxiesBehind")<Behind, { readonly program: Program; readonly base: string }>() {
  static readonly layer = (make: Proxy.Make) =>
    Layer.scoped(
      Behind,
      Effect.flatMap(Gateway, (program) =>
        Effect.map(Proxy.run(make, new URL(program.base).host), ({ base }) => ({ program, base }))
      )
    )
}

/** The file for many hosts, in front of one that is all of them: none is found down in the middle of a test. */
const haproxy: Proxy.Make = (dir, port, gateway) =>
  Proxy.haproxy({ servers: { a: gateway, b: gateway, c: gateway } })(dir, port)

const statusAs = (base: string, host: string) =>
  Effect.async<number>((resume) => {
    request(`${base}/v1/models`, { headers: { host } }, (response) => {
      response.resume()
      resume(Effect.succeed(response.statusCode ?? 0))
    }).end()
  })

const proxies = [
  ["nginx", Proxy.nginx],
  ["Caddy", Proxy.caddy],
  ["HAProxy", haproxy]
] as const
const installed = proxies.filter(([name]) => Proxy.find(name.toLowerCase()) !== undefined)

for (const [name] of proxies.filter((one) => !installed.includes(one)))
  it(`WAS NOT RUN: ${name} is not installed`, () => assert.isUndefined(Proxy.find(name.toLowerCase())))

const options = { timeout: "60 seconds", excludeTestServices: true } as const

const passes = (name: string, make: Proxy.Make, it: Vitest.MethodsNonLive<Gateway, true>) =>
  it.layer(Behind.layer(make), { timeout: "60 seconds" })(name, (it) => {
    it.effect("passes on each event of a stream at once", () =>
      Effect.gen(function* () {
        const { base } = yield* Behind
        const response = yield* chat({ base }, "[[emu tokens=20 interval=50]]", { stream: true })
        let pieces = 0
        let text = ""
        yield* Effect.promise(async () => {
          const decoder = new TextDecoder()
          for await (const bytes of response.body ?? []) {
            pieces++
            text += decoder.decode(bytes, { stream: true })
          }
        })
        assert.isTrue(content(text).endsWith("t19 "))
        // Each token is a piece of its own; a loaded machine may join a few.
        assert.isAbove(pieces, 10)
      })
    )

    it.effect("takes a body of 32 MB, as large as the gateway takes", () =>
      Effect.gen(function* () {
        const { base } = yield* Behind
        const content = "[[emu interval=0 tokens=1]]"
        const bodyOf = (a: string) =>
          JSON.stringify({ model: "auto", messages: [{ role: "user", content }], metadata: { a } })
        const body = bodyOf("x".repeat(32 * 1024 * 1024 - bodyOf("").length))
        const response = yield* chat({ base }, content, {}, { body })
        const answer = yield* json(response)
        // The gateway's own rule for a field, not the proxy's for a body.
        assert.notStrictEqual(response.status, 413)
        assert.isTrue(
          response.ok || answer.error?.type === "invalid_request_error",
          JSON.stringify(answer).slice(0, 300)
        )
      })
    )

    it.effect("opens a WebSocket at /v1/responses", () =>
      Effect.gen(function* () {
        const { base } = yield* Behind
        const last = yield* Effect.async<string, Error>((resume) => {
          const socket = new WebSocket(`${base.replace("http", "ws")}/v1/responses`)
          socket.on("error", (error) => resume(Effect.fail(error)))
          socket.on("open", () =>
            socket.send(
              JSON.stringify({ type: "response.create", model: "auto", input: "[[emu interval=0 tokens=3]]" })
            )
          )
          socket.on("message", (data) => {
            const { type } = JSON.parse(String(data)) as { readonly type: string }
            if (!/^(response\.completed|error)$/.test(type)) return
            socket.close()
            resume(Effect.succeed(type))
          })
        }).pipe(Effect.timeout("15 seconds"))
        assert.strictEqual(last, "response.completed")
      })
    )

    it.effect("passes the public name on, which the gateway knows if it is listed", () =>
      Effect.gen(function* () {
        const { base } = yield* Behind
        assert.strictEqual(yield* statusAs(base, "lingma.example.com"), 200)
        assert.strictEqual(yield* statusAs(base, "other.example.com"), 403)
      })
    )

    it.effect("tells the gateway that a client has left, which ends its chat", () =>
      Effect.gen(function* () {
        const { base, program } = yield* Behind
        const { concurrency: before } = yield* Effect.promise(() => internalStats(program))
        const leaving = new AbortController()
        const response = yield* chat(
          { base },
          "[[emu tokens=4000 interval=20]]",
          { stream: true },
          { signal: leaving.signal }
        )
        yield* Effect.promise(async () => {
          const reader = response.body?.getReader()
          await reader?.read()
          leaving.abort()
        })
        yield* Effect.repeat(
          Effect.promise(() => internalStats(program)),
          {
            until: ({ concurrency }) =>
              concurrency.in_flight === 0 && concurrency.cancelled_total === before.cancelled_total + 1
          }
        ).pipe(Effect.timeout("15 seconds"))
      })
    )

    it.effect("serves OpenAI's own client, whole and streamed", () =>
      Effect.gen(function* () {
        const { base } = yield* Behind
        const client = new OpenAI({ baseURL: `${base}/v1`, apiKey: "any-key" })
        const messages = [{ role: "user" as const, content: "[[emu interval=0 tokens=3]]" }]
        const whole = yield* Effect.promise(() => client.chat.completions.create({ model: "auto", messages }))
        assert.include(whole.choices[0]?.message.content, "t2")
        const text = yield* Effect.promise(async () => {
          let all = ""
          for await (const chunk of await client.chat.completions.create({ model: "auto", messages, stream: true }))
            all += chunk.choices[0]?.delta.content ?? ""
          return all
        })
        assert.include(text, "t2")
      })
    )

    it.effect("serves Anthropic's own client, whole and streamed", () =>
      Effect.gen(function* () {
        const { base } = yield* Behind
        const client = new Anthropic({ baseURL: base, apiKey: "any-key" })
        const messages = [{ role: "user" as const, content: "[[emu interval=0 tokens=3]]" }]
        const asked = { model: "auto", max_tokens: 100, messages }
        const whole = yield* Effect.promise(() => client.messages.create(asked))
        assert.include(JSON.stringify(whole.content), "t2")
        assert.include(yield* Effect.promise(() => client.messages.stream(asked).finalText()), "t2")
      })
    )
  })

if (installed.length > 0)
  layer(Gateway.layer, options)("a gateway", (it) => {
    for (const [name, make] of installed) passes(name, make, it)
  })
