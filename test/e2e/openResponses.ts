/**
 * Asks a gateway over the emulator for responses, by HTTP and WebSocket, and holds what it answers to the Open Responses
 * specification.
 */
import { assert } from "@effect/vitest"
import { Context, Effect, Layer, type Schema } from "effect"
import * as OpenResponses from "../support/OpenResponses.ts"
import * as SocketClient from "../support/SocketClient.ts"
import * as Spoken from "../support/Spoken.ts"
import * as Agents from "./agents.ts"
import { type Program, start } from "./support.ts"

export class Gateway extends Context.Tag("test/Gateway")<Gateway, Program>() {}

type Answer = typeof OpenResponses.Response.Type
export type Body = Readonly<Record<string, unknown>>

export const user = (content: unknown) => ({ type: "message", role: "user", content })
export const assistant = (content: unknown, more: object = {}) => ({
  type: "message",
  role: "assistant",
  content,
  ...more
})

export const weather = {
  type: "function",
  name: "get_weather",
  description: "Get the current weather for a location",
  parameters: { type: "object", properties: { location: { type: "string" } }, required: ["location"] }
}
export const asksWeather = { input: [user("What's the weather like in San Francisco?")], tools: [weather] }
export const callsWeather = Spoken.call("get_weather", { location: "San Francisco, CA" })

export const isSound = <A, I>(schema: Schema.Schema<A, I>, value: unknown): A => {
  assert.deepStrictEqual(OpenResponses.faults(schema, value), [])
  return value as A
}

export const post = (body: Body, path = "/v1/responses") =>
  Effect.gen(function* () {
    const { base } = yield* Gateway
    const answer = yield* Effect.promise(async () => {
      const response = await fetch(base + path, {
        method: "POST",
        headers: { "content-type": "application/json", authorization: "Bearer any" },
        body: JSON.stringify(body)
      })
      return { status: response.status, type: response.headers.get("content-type"), text: await response.text() }
    })
    return { ...answer, json: (): unknown => JSON.parse(answer.text) }
  })

export const whole = (body: Body) =>
  Effect.map(post({ model: "auto", ...body }), (answer) => {
    assert.strictEqual(answer.status, 200, answer.text)
    assert.match(answer.type ?? "", /^application\/json/)
    return isSound(OpenResponses.Response, answer.json())
  })

const endings = /^response\.(completed|incomplete|failed)$/

/** Each event is sound, numbered, and about an item that is open; the response at the end says what they said. */
const isStream = (events: ReadonlyArray<unknown>): Answer => {
  const read = events.map((event) => isSound(OpenResponses.Event, event))
  assert.deepStrictEqual(
    read.map((event) => event.sequence_number),
    read.map((_, i) => i)
  )
  assert.deepStrictEqual(
    read.slice(0, 2).map(({ type }) => type),
    ["response.created", "response.in_progress"]
  )
  const done: Array<unknown> = []
  let open: string | undefined
  let said = ""
  for (const event of read) {
    if (event.type === "response.output_item.added") {
      assert.isUndefined(open)
      open = event.item?.id
      said = ""
      assert.deepStrictEqual([event.output_index, event.item?.status], [done.length, "in_progress"])
    } else if (event.type === "response.output_item.done") {
      assert.strictEqual(event.item?.id, open)
      done.push(event.item)
      open = undefined
    } else if ("item_id" in event) {
      assert.deepStrictEqual([event.item_id, event.output_index], [open, done.length])
      if ("delta" in event) said += event.delta
      else if ("text" in event) assert.strictEqual(event.text, said)
      else if ("arguments" in event) assert.strictEqual(event.arguments, said)
    }
  }
  const last = read.at(-1)
  if (last === undefined || !("response" in last)) return assert.fail("it did not end")
  assert.match(last.type, endings)
  assert.strictEqual(last.type, `response.${last.response.status}`)
  const { output, status } = last.response
  // What a failure broke off has no end of its own.
  const ended = status === "failed" ? output.filter((item) => item.status === "completed") : output
  assert.deepStrictEqual<ReadonlyArray<unknown>>(ended, done)
  return last.response
}

export const streamed = (body: Body) =>
  Effect.map(post({ model: "auto", ...body, stream: true }), ({ status, text, type }) => {
    assert.strictEqual(status, 200, text)
    assert.match(type ?? "", /^text\/event-stream/)
    const frames = text.trim().split("\n\n")
    const events = frames.map((frame) => {
      const [, name, data] = /^event: (.*)\ndata: (.*)$/.exec(frame) ?? assert.fail(frame)
      const event = JSON.parse(data ?? "") as { readonly type: string }
      assert.strictEqual(event.type, name)
      return event
    })
    return { events, response: isStream(events) }
  })

export const isWhole = ({ error, output, status }: Answer, ...types: ReadonlyArray<string>) => {
  assert.deepStrictEqual([status, error], ["completed", null])
  assert.deepStrictEqual(
    output.map(({ type }) => type),
    types
  )
}

export const textOf = ({ output }: Answer): string =>
  output
    .flatMap((item) => (item.type === "message" ? item.content : []))
    .map((part) => ("text" in part ? part.text : ""))
    .join("")

export const script = (...texts: ReadonlyArray<string>) => Effect.flatMap(Gateway, (it) => Agents.script(it, ...texts))
export const wasAsked = (...texts: ReadonlyArray<string>) =>
  Effect.map(Effect.flatMap(Gateway, Agents.lastPrompt), (prompt) => {
    for (const text of texts) assert.include(prompt, text)
  })

export const connect = Effect.flatMap(Gateway, ({ base }) =>
  SocketClient.connect(base, { headers: { authorization: "Bearer any" } })
)
export const { create } = SocketClient

/** One answer over a socket. */
const turn = (client: SocketClient.SocketClient, message: unknown) =>
  Effect.zipRight(client.send(message), client.answer)

export const told = (client: SocketClient.SocketClient, message: unknown) => Effect.map(turn(client, message), isStream)

export const refused = (client: SocketClient.SocketClient, message: unknown) =>
  Effect.map(turn(client, message), (events) => {
    assert.lengthOf(events, 1)
    return isSound(OpenResponses.SocketError, events[0]).error.code
  })

export const compacts = {
  model: "auto",
  prompt_cache_key: "openresponses",
  input: [user("We launch on Tuesday and tell support first."), assistant("Understood: Tuesday, support first.")]
}

export const gateway = Layer.scoped(Gateway, start())
export const options = { timeout: "60 seconds", excludeTestServices: true } as const
