/**
 * What is fuzzed: by the suite for a moment, by `npm run fuzz` for as long as one likes.
 */

import assert from "node:assert/strict"
import type { ServerResponse } from "node:http"
import * as Http from "node:http"
import { Writable } from "node:stream"
import { Effect, Fiber, FastCheck as fc } from "effect"
import * as Turn from "../../src/domain/Turn.ts"
import type { Sink } from "../../src/http/server/Sse.ts"
import * as SseWriter from "../../src/http/server/SseWriter.ts"
import * as Unread from "../../src/http/server/Unread.ts"
import * as Frame from "../../src/lingma/rpc/Frame.ts"
import type { Json } from "../../src/lingma/rpc/Pushes.ts"
import * as TurnSink from "../../src/lingma/turn/TurnSink.ts"
import { ended } from "../support/Endings.ts"
import * as Chats from "./chats.ts"
import * as Requests from "./requests.ts"

export interface Target {
  readonly name: string
  /** Runs in the suite. */
  readonly runs: number
  readonly property: (port: number) => fc.IRawProperty<unknown>
}

const frameBits = fc.oneof(
  fc.uint8Array({ maxLength: 40 }).map(Buffer.from),
  fc
    .constantFrom(
      "Content-Length: ",
      "\r\n",
      "\r\n\r\n",
      "5",
      "-1",
      "99999999999",
      "content-length:3\r\n\r\nabc",
      "{}",
      ":",
      "C"
    )
    .map((text) => Buffer.from(text)),
  fc.string().map((text) => Buffer.from(Frame.encode(text)))
)

const decoded = (parts: ReadonlyArray<Buffer>) => {
  const decoder = Frame.makeDecoder({ maxHeader: 200, maxBody: 500 })
  const bodies: Array<string> = []
  let broken: string | undefined
  for (const part of parts) {
    const error = decoder.push(part, (body) => bodies.push(body))
    if (broken !== undefined) assert.strictEqual(error?.reason, broken)
    broken = error?.reason
  }
  return { bodies, broken }
}

const frames = fc.asyncProperty(
  fc.array(frameBits, { maxLength: 12 }),
  fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1 }),
  async (bits, sizes) => {
    const bytes = Buffer.concat(bits)
    const parts: Array<Buffer> = []
    for (let at = 0, i = 0; at < bytes.length; i++) {
      parts.push(bytes.subarray(at, at + sizes[i % sizes.length]!))
      at += sizes[i % sizes.length]!
    }
    const whole = decoded([bytes])
    const cut = decoded(parts)
    assert.deepStrictEqual(cut, whole)
    for (const body of whole.bodies) assert.ok(body.length <= 500)
  }
)

const method = fc.constantFrom("session/update", "chat/answer", "chat/think", "chat/finish", "session/finish", "")
const loose = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { depthSize: "small" },
    fc.jsonValue({ maxDepth: 1 }),
    fc.dictionary(
      fc.constantFrom(
        "update",
        "sessionUpdate",
        "content",
        "text",
        "data",
        "type",
        "statusCode",
        "reason",
        "requestId",
        "usedTokens",
        "overwrite",
        "_meta"
      ),
      tie("value")
    ),
    fc.array(tie("value"), { maxLength: 3 }),
    fc.constantFrom("agent_message_chunk", "notification", "agent_thought_chunk", "chat_finish", "context_usage")
  )
})).value

const pushes = fc.asyncProperty(
  fc.array(
    fc.tuple(
      method,
      fc.dictionary(fc.constantFrom("update", "text", "statusCode", "reason", "overwrite", "extra"), loose)
    )
  ),
  async (all) => {
    const turn = Turn.make({ instance: "a" })
    turn.read({ onEvent: () => {}, onFailure: () => {} })
    const sink = TurnSink.make(turn, { instance: "a", ended })
    for (const [name, params] of all) sink.onPush(name, params as Json)
  }
)

/** A response, and its own socket, that takes what it likes, when it likes. */
class Slow extends Writable {
  readonly socket = this
  readonly setTimeout = () => {}
  received = ""
  readonly #late: ReadonlyArray<boolean>
  #n = 0
  constructor(late: ReadonlyArray<boolean>) {
    super({ highWaterMark: 30, decodeStrings: false })
    this.#late = late
  }
  override _write(chunk: string | Buffer, _: BufferEncoding, done: () => void): void {
    this.received += chunk.toString()
    if (this.#late[this.#n++ % this.#late.length] === true) setImmediate(done)
    else done()
  }
}

type Step = { readonly text: string } | "wait" | "end" | "crash" | "leave"
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.string({ unit: "binary", maxLength: 50 }).map((text) => ({ text })) },
  { weight: 2, arbitrary: fc.constant<Step>("wait") },
  { weight: 1, arbitrary: fc.constantFrom<Array<Step>>("end", "crash", "leave") }
)
const pause = () => new Promise((resolve) => setImmediate(resolve))

const writer = fc.asyncProperty(
  fc.array(step, { maxLength: 30 }),
  fc.array(fc.boolean(), { minLength: 1 }),
  async (steps, late) => {
    const response = new Slow(late)
    let sink: Sink | undefined
    let stops = 0
    const source = (given: Sink) => {
      sink = given
      return () => {
        stops++
      }
    }
    const fiber = Effect.runFork(SseWriter.write(response as unknown as ServerResponse, source, Unread.backlog()))
    await pause()
    let sent = ""
    let how: Step = "wait"
    for (const one of steps) {
      if (one === "wait") await pause()
      else if (typeof one === "object") {
        if (how === "wait") sent += one.text
        sink?.write(one.text)
      } else {
        if (how === "wait") how = one
        if (one === "end") sink?.end()
        else if (one === "crash") sink?.crash("bug")
        else await Effect.runPromise(Fiber.interrupt(fiber))
      }
    }
    if (how === "wait") {
      how = "end"
      sink?.end()
    }
    for (let i = 0; i < 1_000 && !(response.writableFinished || response.destroyed); i++) await pause()
    // Strings are compared as they were written: bytes are the stream's own business.
    if (how === "end") assert.strictEqual(response.received, sent)
    else assert.ok(sent.startsWith(response.received) && response.destroyed)
    assert.ok(stops <= 1)
    await Effect.runPromise(Fiber.interrupt(fiber))
  }
)

const agent = new Http.Agent({ keepAlive: true, maxSockets: 1 })
interface Heard {
  readonly status: number
  readonly type: string
  readonly text: string
}
export const ask = (port: number, path: string, body: Buffer) =>
  new Promise<Heard>((resolve, reject) => {
    const headers = { "content-type": "application/json", "content-length": body.length }
    const request = Http.request({ agent, host: "127.0.0.1", port, path, method: "POST", headers, timeout: 10_000 })
    request.on("timeout", () => request.destroy(new Error("no answer in time"))).on("error", reject)
    request.on("response", (response) => {
      let text = ""
      response.setEncoding("utf8").on("data", (part: string) => {
        text += part
      })
      response.on("end", () =>
        resolve({ status: response.statusCode ?? 0, type: response.headers["content-type"] ?? "", text })
      )
      response.on("error", reject)
    })
    request.end(body)
  })

/** What a model that only ever says hello is rightly blamed for. */
const blamed = /called no tool, although|does not fit the (response|output) format/

export const judge = ({ status, text, type }: Heard): void => {
  if (type.startsWith("text/event-stream")) {
    assert.strictEqual(status, 200)
    assert.ok(text.endsWith("\n\n"))
    for (const line of text.split("\n")) {
      assert.match(line, /^(data: .*|event: [a-z_.]+|:.*|)$/s)
      if (line.startsWith("data: ") && line !== "data: [DONE]") JSON.parse(line.slice(6))
    }
    return
  }
  assert.match(type, /^application\/json/)
  const body = JSON.parse(text) as { readonly error?: { readonly message: string } }
  if (status !== 200) assert.equal(typeof body.error?.message, "string")
  if (status >= 500) assert.match(body.error?.message ?? "", blamed)
  else assert.ok(status === 200 || (status >= 400 && status < 500), `${status}`)
}

const requests = (port: number) =>
  fc.asyncProperty(Requests.request, async ({ body, path }) => judge(await ask(port, path, body)))

export const targets: ReadonlyArray<Target> = [
  { name: "frames", runs: 1_000, property: () => frames },
  { name: "pushes", runs: 100, property: () => pushes },
  { name: "writer", runs: 300, property: () => writer },
  {
    name: "chats",
    runs: 100,
    property: () => fc.asyncProperty(Chats.play, (play) => Effect.runPromise(Chats.run(play)))
  },
  { name: "requests", runs: 400, property: requests }
]
