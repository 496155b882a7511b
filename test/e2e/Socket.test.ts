/**
 * `/v1/responses` over a WebSocket, by the real program: keys, turns that go on from each other, leaving, floods, a drain.
 */
import { assert, layer } from "@effect/vitest"
import { Context, Effect, Layer } from "effect"
import * as SocketClient from "../support/SocketClient.ts"
import * as Agents from "./agents.ts"
import { eventually, lingmas, type Program, settled, start, told } from "./support.ts"

class Gateway extends Context.Tag("test/Gateway")<Gateway, Program>() {}

const { create } = SocketClient
const headers = { authorization: "Bearer sk-socket-right" }

const open = (program: Program) => SocketClient.connect(program.base, { headers })

const begun = (client: SocketClient.SocketClient) =>
  client.until((heard) => heard.some(({ type }) => type === "response.output_text.delta"))

const options = { timeout: "60 seconds", excludeTestServices: true } as const
layer(Layer.scoped(Gateway, start()), options)("a WebSocket at /v1/responses", (it) => {
  it.scoped("warms up, and goes on over three turns of which nothing is stored", () =>
    Effect.gen(function* () {
      const program = yield* Gateway
      yield* Agents.script(program, "the first answer", "the second answer")
      const client = yield* open(program)
      const idOf = (heard: ReadonlyArray<SocketClient.Heard>) =>
        (heard.at(-1)?.["response"] as { readonly id: string } | undefined)?.id
      yield* client.send(create({ generate: false, input: [] }))
      const warm = idOf(yield* client.answer)
      yield* client.send(create({ input: "the first question", previous_response_id: warm }))
      const first = idOf(yield* client.answer)
      yield* client.send(create({ input: "the second question", previous_response_id: first }))
      yield* client.answer
      const prompt = yield* Agents.lastPrompt(program)
      for (const text of ["the first question", "the first answer", "the second question"]) assert.include(prompt, text)
      yield* settled(program)
    })
  )

  it.scoped("ends its turn upstream when its client leaves", () =>
    Effect.gen(function* () {
      const program = yield* Gateway
      const client = yield* open(program)
      yield* client.send(create({ input: "[[emu tokens=3000 first=0 interval=10]]" }))
      yield* begun(client)
      client.ws.terminate()
      yield* settled(program, "2 seconds")
      const { tokens = 0 } = yield* told(lingmas(program)[0]!)
      assert.isBelow(tokens, 1_000)
    })
  )

  it.scoped("takes a thousand messages at once for what they are, and serves others meanwhile", () =>
    Effect.gen(function* () {
      const program = yield* Gateway
      const flood = yield* open(program)
      for (let i = 0; i < 1_000; i++)
        flood.ws.send(JSON.stringify(create({ input: `[[emu tokens=3 first=0 interval=0]] ${i}` })))
      const other = yield* open(program)
      yield* other.send(create({ input: "[[emu tokens=3 first=0 interval=0]]" }))
      assert.strictEqual((yield* other.answer).at(-1)?.type, "response.completed")
      const all = yield* flood.until((heard) => heard.filter(SocketClient.isLast).length === 1_000)
      const refused = all.filter(({ type }) => type === "error")
      assert.isTrue(refused.every((event) => event["status"] === 429))
      assert.isAtLeast(refused.length, 900)
      yield* settled(program)
    })
  )
})

layer(Layer.scoped(Gateway, start({ API_KEYS: "sk-socket-right" })), options)("a gateway with keys", (it) => {
  it.scoped("refuses a WebSocket with 401 before it is one, without the key", () =>
    Effect.gen(function* () {
      const program = yield* Gateway
      const refused = yield* Effect.flip(Effect.asVoid(SocketClient.connect(program.base)))
      assert.strictEqual(refused.status, 401)
      assert.isString(JSON.parse(refused.body).error.message)
    })
  )

  it.scoped("that is told to end lets the turns of its sockets end, and closes those without one at once", () =>
    Effect.gen(function* () {
      const program = yield* Gateway
      const idle = yield* open(program)
      const busy = yield* open(program)
      yield* busy.send(create({ input: "[[emu tokens=50 first=0 interval=20]]" }))
      yield* begun(busy)
      program.child.kill("SIGTERM")
      assert.strictEqual((yield* idle.closed).code, 1001)
      assert.strictEqual((yield* busy.answer).at(-1)?.type, "response.completed")
      assert.strictEqual((yield* busy.closed).code, 1001)
      yield* eventually(() => (program.child.exitCode === null ? undefined : true), "an end")
      assert.strictEqual(program.child.exitCode, 0)
    })
  )
})
