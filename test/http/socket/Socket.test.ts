import { assert, describe, it } from "@effect/vitest"
import { Effect, Queue, Redacted } from "effect"
import OpenAI from "openai"
import { ResponsesWS } from "openai/resources/responses/ws"
import type { ClientOptions } from "ws"
import { finish, textDelta, thoughtDelta } from "../../../src/domain/Chat.ts"
import { BackendFailure, BackendUnavailable } from "../../../src/domain/ChatError.ts"
import * as RawHttp from "../../support/RawHttp.ts"
import * as SocketClient from "../../support/SocketClient.ts"
import * as TestBackend from "../../support/TestBackend.ts"
import * as TestGateway from "../../support/TestGateway.ts"

const { create } = SocketClient

interface Response {
  readonly id: string
  readonly output: ReadonlyArray<unknown>
}

const responseOf = (heard: ReadonlyArray<SocketClient.Heard>): Response => {
  const last = heard.at(-1)
  assert.isDefined(last?.["response"], JSON.stringify(last))
  return last?.["response"] as Response
}

const idOf = (heard: ReadonlyArray<SocketClient.Heard>) => responseOf(heard).id

const outputOf = (heard: ReadonlyArray<SocketClient.Heard>) => responseOf(heard).output

const errorOf = (heard: ReadonlyArray<SocketClient.Heard>) => {
  const [event] = heard
  assert.strictEqual(event?.type, "error")
  const error = (event?.["error"] ?? {}) as Record<string, string | null>
  return { status: event?.["status"], code: error["code"], message: error["message"], param: error["param"] }
}

/** Without what differs from one answer to the next. */
const plain = (text: string) =>
  text.replace(/"(resp|msg|rs|fc|ctc|call)_\w+"/g, '"$1"').replace(/"(created_at|completed_at)":\d+/g, '"$1":0')

const refused = (base: string, options: ClientOptions) =>
  Effect.flip(Effect.asVoid(SocketClient.connect(base, options)))

const upgrade = (path = "/v1/responses", more = "") =>
  `GET ${path} HTTP/1.1\r\nhost: localhost\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n${more}\r\n`

describe("a socket at /v1/responses", () => {
  it.scopedLive("says what HTTP says in its events, one by one", () =>
    Effect.gen(function* () {
      const call = "<tool_call>\n<function=look>\n<parameter=at>\nit\n</parameter>\n</function>\n</tool_call>"
      const events = [
        thoughtDelta("hm"),
        textDelta("Héllo "),
        textDelta("🏓\n\ndata: x\n"),
        textDelta(call),
        finish("stop")
      ]
      const { base, request } = yield* TestGateway.serve(TestBackend.make(TestBackend.emit(...events)))
      const tools = [
        { type: "function", name: "look", parameters: { type: "object", properties: { at: { type: "string" } } } }
      ]
      const body = { model: "auto", input: "hi", store: false, tools }
      const http = yield* request("/v1/responses", {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ ...body, stream: true })
      })
      const frames = http.text.split("\n").flatMap((line) => (line.startsWith("data: ") ? [line.slice(6)] : []))
      const client = yield* SocketClient.connect(base)
      yield* client.send({ type: "response.create", ...body })
      yield* client.answer
      assert.isAbove(frames.length, 10)
      const [first = "", ...others] = client.texts
      const told = `,"headers":{"x-lingma-instance":"${http.headers.get("x-lingma-instance")}"}}`
      assert.isTrue(first.endsWith(told), first)
      const texts = [`${first.slice(0, -told.length)}}`, ...others]
      assert.deepStrictEqual(texts.map(plain), frames.map(plain))
    })
  )

  it.scopedLive("names what was left out, and who answered, in the first event of an answer", () =>
    Effect.gen(function* () {
      const { base } = yield* TestGateway.serve(TestBackend.make())
      const client = yield* SocketClient.connect(base)
      const left = { temperature: 0, tools: [{ type: "web_search" }] }
      for (const more of [left, { ...left, stream_id: "lane" }, { ...left, generate: false }]) {
        yield* client.send(create(more))
        const [first, ...others] = yield* client.answer
        assert.strictEqual(first?.type, "response.created")
        assert.deepInclude(first?.["headers"], { "x-lingma-ignored-params": "temperature, tools.web_search" })
        assert.property(first?.["headers"], "x-lingma-instance")
        assert.isTrue(others.every((event) => !("headers" in event)))
      }
    })
  )

  it.scopedLive("goes on from what the connection has made, though nothing is stored", () =>
    Effect.gen(function* () {
      const scripted = TestBackend.make(TestBackend.say("the first answer"))
      const { base, drained } = yield* TestGateway.serve(scripted)
      const client = yield* SocketClient.connect(base)
      yield* client.send(create({ input: "the first question" }))
      const first = idOf(yield* client.answer)
      yield* client.send(create({ input: "the second question", previous_response_id: first }))
      const second = idOf(yield* client.answer)
      for (const text of ["the first question", "the first answer", "the second question"]) {
        assert.include(JSON.stringify(scripted.asks[1]), text)
      }
      yield* client.send(create({ input: "the third question", previous_response_id: second }))
      yield* client.answer
      assert.include(JSON.stringify(scripted.asks[2]), "the first question")
      yield* drained
      const other = yield* SocketClient.connect(base)
      yield* other.send(create({ previous_response_id: second }))
      assert.deepInclude(errorOf(yield* other.answer), {
        status: 400,
        code: "previous_response_not_found",
        param: "previous_response_id"
      })
      yield* other.send(create())
      assert.strictEqual((yield* other.answer).at(-1)?.type, "response.completed")
    })
  )

  it.scopedLive("forgets what a message went on from that failed", () =>
    Effect.gen(function* () {
      const { base } = yield* TestGateway.serve(TestBackend.make())
      const client = yield* SocketClient.connect(base)
      yield* client.send(create())
      const first = idOf(yield* client.answer)
      yield* client.send(create({ previous_response_id: first, tool_choice: "required" }))
      assert.strictEqual(errorOf(yield* client.answer).status, 400)
      yield* client.send(create({ previous_response_id: first }))
      assert.strictEqual(errorOf(yield* client.answer).code, "previous_response_not_found")
    })
  )

  it.scopedLive("makes a response without output for generate: false, to go on from", () =>
    Effect.gen(function* () {
      const scripted = TestBackend.make()
      const { base } = yield* TestGateway.serve(scripted)
      const client = yield* SocketClient.connect(base)
      yield* client.send(create({ generate: false, input: [], instructions: "be short" }))
      const warm = yield* client.answer
      assert.deepStrictEqual(
        warm.map(({ type }) => type),
        ["response.created", "response.in_progress", "response.completed"]
      )
      assert.deepStrictEqual(outputOf(warm), [])
      yield* client.send(create({ generate: false, previous_response_id: idOf(warm), input: "what is known already" }))
      const warmer = yield* client.answer
      assert.deepStrictEqual(scripted.asks, [])
      yield* client.send(create({ previous_response_id: idOf(warmer), input: "and now?" }))
      yield* client.answer
      const ask = JSON.stringify(scripted.asks)
      for (const text of ["what is known already", "and now?"]) assert.include(ask, text)
      yield* client.send(create({ generate: "no" }))
      assert.strictEqual(errorOf(yield* client.answer).param, "generate")
    })
  )

  it.scopedLive("answers what is wrong with an error, and lives on", () =>
    Effect.gen(function* () {
      const { base, request } = yield* TestGateway.serve(TestBackend.make(), { bodyLimitMb: 1 })
      const client = yield* SocketClient.connect(base)
      const cases: ReadonlyArray<readonly [sent: unknown, status: number, param: string | null]> = [
        ["{", 400, null],
        ["[]", 400, "type"],
        ['"x"', 400, "type"],
        [{ model: "auto", input: "hi" }, 400, "type"],
        [{ type: "response.cancel" }, 400, "type"],
        [{ type: "response.steer", previous_response_id: "resp_1", input: "x" }, 400, "type"],
        [create({ stream_id: 1 }), 400, "stream_id"],
        [create({ background: true }), 400, "background"],
        [create({ input: 3 }), 400, "input"],
        [create({ model: "no-such-model" }), 404, "model"],
        [create({ input: "x".repeat(1024 * 1024) }), 413, null]
      ]
      for (const [sent, status, param] of cases) {
        yield* client.send(sent)
        const error = errorOf(yield* client.answer)
        assert.deepStrictEqual([error.status, error.param], [status, param], JSON.stringify(sent).slice(0, 80))
      }
      client.ws.send(Buffer.from(JSON.stringify(create())))
      assert.strictEqual(errorOf(yield* client.answer).status, 400)
      yield* client.send(create())
      assert.strictEqual((yield* client.answer).at(-1)?.type, "response.completed")
      const { text } = yield* request("/metrics")
      assert.match(text, /http_requests_total\{(?=.*method="POST")(?=.*route="\/v1\/responses").*status="413".*\} 1\n/)
    })
  )

  it.scopedLive(
    "tells the headers of an error beside it, as Codex reads them, and in it, as the openai package does",
    () =>
      Effect.gen(function* () {
        const { base } = yield* TestGateway.serve(TestBackend.make())
        const client = yield* SocketClient.connect(base, { headers: { "x-request-id": "mine" } })
        yield* client.send(create({ input: 3 }))
        const [event] = yield* client.answer
        assert.deepStrictEqual(event?.["headers"], { "x-request-id": "mine.1" })
        assert.deepInclude(event?.["error"], { param: "input", headers: event?.["headers"] })
      })
  )

  it.scopedLive("tells the status of a refusal as it is, whatever a balancer asked for when it was opened", () =>
    Effect.gen(function* () {
      const away = new BackendUnavailable({ instance: "inst-0", detail: "away" })
      const { base } = yield* TestGateway.serve(TestBackend.make(undefined, { ensureReady: Effect.fail(away) }))
      const client = yield* SocketClient.connect(base, { headers: { "x-retry-not-started": "425" } })
      yield* client.send(create())
      assert.strictEqual(errorOf(yield* client.answer).status, 503)
    })
  )

  it.scopedLive("sends no answer to response.processed, which Codex sends", () =>
    Effect.gen(function* () {
      const { base } = yield* TestGateway.serve(TestBackend.make())
      const client = yield* SocketClient.connect(base)
      yield* client.send(create())
      const first = yield* client.answer
      yield* client.send({ type: "response.processed", response_id: idOf(first) })
      yield* client.send(create({ previous_response_id: idOf(first) }))
      yield* client.answer
      assert.notInclude(
        client.heard().map(({ type }) => type),
        "error"
      )
    })
  )

  it.scopedLive("puts the name on each event that a message asks for", () =>
    Effect.gen(function* () {
      const { base } = yield* TestGateway.serve(TestBackend.make())
      const client = yield* SocketClient.connect(base)
      yield* client.send(create({ stream_id: 'la"ne' }))
      yield* client.send(create({ stream_id: "other", input: 3 }))
      const named = yield* client.answer
      const wrong = yield* client.answer
      assert.deepStrictEqual([...new Set(named.map((event) => event["stream_id"]))], ['la"ne'])
      assert.deepStrictEqual(
        wrong.map((event) => event["stream_id"]),
        ["other"]
      )
    })
  )

  it.scopedLive("tells a turn that breaks as HTTP does", () =>
    Effect.gen(function* () {
      const failure = new BackendFailure({ instance: "inst-0", started: true, detail: "secret" })
      const scripted = TestBackend.make((turn) =>
        Effect.sync(() => {
          turn.emit(textDelta("half"))
          turn.fail(failure)
        })
      )
      const { base } = yield* TestGateway.serve(scripted)
      const client = yield* SocketClient.connect(base)
      yield* client.send(create())
      const heard = yield* client.answer
      assert.strictEqual(heard.at(-1)?.type, "response.failed")
      assert.notInclude(client.texts.join(), "secret")
    })
  )
})

describe("who asks for a socket", () => {
  it.scopedLive("is told 401 before it without a key, and with a wrong one", () =>
    Effect.gen(function* () {
      const apiKeys = [Redacted.make("sk-right")]
      const scripted = TestBackend.make()
      const { base } = yield* TestGateway.serve(scripted, { apiKeys })
      for (const headers of [{}, { authorization: "Bearer wrong" }]) {
        const { body, status } = yield* refused(base, { headers })
        assert.strictEqual(status, 401)
        assert.strictEqual(JSON.parse(body).error.type, "invalid_request_error")
      }
      const client = yield* SocketClient.connect(base, { headers: { authorization: "Bearer sk-right" } })
      yield* client.send(create())
      assert.strictEqual((yield* client.answer).at(-1)?.type, "response.completed")
    })
  )

  it.scopedLive("is refused by Host and by origin as it has no key, and let in where it is listed", () =>
    Effect.gen(function* () {
      const corsOrigins = ["https://listed.example"]
      const { base, port } = yield* TestGateway.serve(TestBackend.make(), { corsOrigins })
      assert.strictEqual((yield* refused(base, { origin: "https://evil.example" })).status, 403)
      assert.strictEqual((yield* refused(base, { headers: { host: "rebound.example" } })).status, 403)
      for (const origin of [...corsOrigins, `http://127.0.0.1:${port}`]) {
        const client = yield* SocketClient.connect(base, { origin })
        yield* client.send(create())
        assert.strictEqual((yield* client.answer).at(-1)?.type, "response.completed")
      }
    })
  )

  it.scopedLive("is told 426 where it is switched off, at another path, or by a handshake that is none", () =>
    Effect.gen(function* () {
      const ask = (port: number, text: string) =>
        Effect.scoped(
          Effect.gen(function* () {
            const peer = yield* RawHttp.connect(port)
            yield* peer.send(text)
            return yield* peer.closed
          })
        )
      const off = yield* TestGateway.serve(TestBackend.make(), { responsesWebsocket: false })
      assert.match(yield* ask(off.port, upgrade()), /^HTTP\/1.1 426 [\s\S]*\r\nupgrade: HTTP\/1.1\r\n/i)
      const { port } = yield* TestGateway.serve(TestBackend.make())
      assert.match(yield* ask(port, upgrade("/v1/models")), /^HTTP\/1.1 400 /)
      assert.match(yield* ask(port, upgrade().replace("version: 13", "version: 12")), /^HTTP\/1.1 426 /)
      assert.match(yield* ask(port, upgrade().replace("Q==", "!==")), /^HTTP\/1.1 426 /)
      assert.match(yield* ask(port, upgrade("/v1/responses", "content-length: 3\r\n")), /^HTTP\/1.1 426 /)
      const withoutUpgrade = upgrade().replace("connection: upgrade\r\nupgrade: websocket", "connection: close")
      assert.match(yield* ask(port, withoutUpgrade), /^HTTP\/1.1 426 /)
      const before = "GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n"
      assert.notMatch(yield* ask(port, before + upgrade()), / 101 /)
      assert.match(yield* ask(port, upgrade("/healthz")), /^HTTP\/1.1 400 /)
    })
  )

  it.scopedLive("has a line in the log for the connection and for each message, by names that belong together", () =>
    Effect.gen(function* () {
      const gateway = yield* TestGateway.serve(TestBackend.make())
      const client = yield* SocketClient.connect(gateway.base, { headers: { "x-request-id": "mine" } })
      yield* client.send(create())
      yield* client.answer
      client.ws.close()
      yield* client.closed
      yield* gateway.close
      const lines = gateway.lines
        .filter(({ message }) => message === "request")
        .map(({ annotations: { method, request_id, status } }) => ({ method, request_id, status }))
      assert.deepStrictEqual(lines, [
        { method: "POST", request_id: "mine.1", status: 200 },
        { method: "GET", request_id: "mine", status: 101 }
      ])
    })
  )
})

describe("a connection", () => {
  const begun = (client: SocketClient.SocketClient) =>
    client.until((heard) => heard.some(({ type }) => type === "response.output_text.delta"))

  it.scopedLive("serves one message after the other, and no more than a few wait", () =>
    Effect.gen(function* () {
      const scripted = TestBackend.make(TestBackend.silent)
      const { base, drained, guard } = yield* TestGateway.serve(scripted)
      const client = yield* SocketClient.connect(base)
      for (let i = 0; i < 1_000; i++) client.ws.send(JSON.stringify(create({ input: `question ${i}` })))
      const heard = yield* client.until((all) => all.length >= 983)
      assert.isTrue(heard.every((event) => event.type === "error" && event["status"] === 429))
      assert.strictEqual((yield* guard.stats).inFlight, 1)
      for (let i = 0; i < 17; i++) {
        const turn = yield* Queue.take(scripted.turns)
        assert.strictEqual(scripted.asks.length, i + 1)
        turn.emit(textDelta(`answer ${i}`))
        turn.emit(finish("stop"))
      }
      const all = yield* client.until(
        (events) => events.filter(({ type }) => type === "response.completed").length === 17
      )
      assert.lengthOf(
        all.filter(({ type }) => type === "error"),
        983
      )
      yield* drained
    })
  )

  it.scopedLive("whose client leaves gives its slot back at once", () =>
    Effect.gen(function* () {
      const scripted = TestBackend.make(TestBackend.emit(textDelta("half")))
      const { base, drained, lines } = yield* TestGateway.serve(scripted)
      const client = yield* SocketClient.connect(base)
      yield* client.send(create())
      yield* client.send(create())
      yield* begun(client)
      client.ws.terminate()
      yield* drained
      assert.deepStrictEqual([scripted.counts.opened, scripted.counts.closed], [1, 1])
      yield* Effect.sleep("1 millis").pipe(
        Effect.repeat({ until: () => lines.some(({ message }) => message === "request") })
      )
      assert.strictEqual(lines.find(({ message }) => message === "request")?.annotations["outcome"], "cancelled")
    })
  )

  it.scopedLive("ends with its turn as the gateway drains, and at once when nothing runs", () =>
    Effect.gen(function* () {
      const scripted = TestBackend.make(TestBackend.silent)
      const { base, close } = yield* TestGateway.serve(scripted)
      const idle = yield* SocketClient.connect(base)
      const busy = yield* SocketClient.connect(base)
      yield* busy.send(create())
      const turn = yield* Queue.take(scripted.turns)
      turn.emit(textDelta("half"))
      yield* begun(busy)
      const closing = yield* Effect.fork(close)
      assert.strictEqual((yield* idle.closed).code, 1001)
      yield* busy.send(create())
      yield* busy.arrived
      turn.emit(textDelta(" whole"))
      turn.emit(finish("stop"))
      assert.strictEqual((yield* busy.answer).at(-1)?.type, "response.completed")
      assert.strictEqual((yield* busy.closed).code, 1001)
      assert.lengthOf(
        busy.heard().filter(({ type }) => type === "error"),
        0
      )
      yield* closing
    })
  )

  it.scopedLive("that is not read is cut, and its slot is free", () =>
    Effect.gen(function* () {
      const scripted = TestBackend.make(TestBackend.silent)
      const { base, drained } = yield* TestGateway.serve(scripted)
      const client = yield* SocketClient.connect(base)
      yield* client.send(create())
      const turn = yield* Queue.take(scripted.turns)
      client.ws.pause()
      const piece = textDelta("x".repeat(64 * 1024))
      // Beyond what the kernel takes, and then a megabyte.
      yield* Effect.sync(() => turn.emit(piece)).pipe(
        Effect.zipRight(Effect.sleep("1 millis")),
        Effect.repeat({ until: () => scripted.counts.closed === 1, times: 2_000 })
      )
      assert.strictEqual(scripted.counts.closed, 1)
      yield* drained
    })
  )

  it.scopedLive("takes an answer whole that comes in one piece of megabytes", () =>
    Effect.gen(function* () {
      const pieces = Array.from({ length: 64 }, () => "y".repeat(64 * 1024))
      const { base } = yield* TestGateway.serve(TestBackend.make(TestBackend.say(...pieces)))
      const client = yield* SocketClient.connect(base)
      yield* client.send(create())
      const heard = yield* client.answer
      assert.strictEqual(heard.at(-1)?.type, "response.completed")
    })
  )

  it.scopedLive("is ended by a message that is too large to be read past, after it was told so", () =>
    Effect.gen(function* () {
      const { base } = yield* TestGateway.serve(TestBackend.make(), { bodyLimitMb: 1 })
      const client = yield* SocketClient.connect(base)
      yield* client.send(create({ input: "x".repeat(2.5 * 1024 * 1024) }))
      assert.strictEqual(errorOf(yield* client.answer).status, 413)
      assert.strictEqual((yield* client.closed).code, 1009)
    })
  )

  it.scopedLive("counts its messages with all others, until they are served", () =>
    Effect.gen(function* () {
      const scripted = TestBackend.make(TestBackend.silent)
      const { base } = yield* TestGateway.serve(scripted, { bodiesLimitMb: 2, bodyLimitMb: 2, bodiesPerKeyMb: 2 })
      const first = yield* SocketClient.connect(base)
      yield* first.send(create({ input: "x".repeat(1.5 * 1024 * 1024) }))
      const turn = yield* Queue.take(scripted.turns)
      const second = yield* SocketClient.connect(base)
      yield* second.send(create({ input: "x".repeat(1.5 * 1024 * 1024) }))
      assert.deepInclude(errorOf(yield* second.answer), { status: 429, code: "backpressure" })
      assert.strictEqual((yield* second.closed).code, 1013)
      turn.emit(textDelta("y"))
      turn.emit(finish("stop"))
      yield* first.answer
      const third = yield* SocketClient.connect(base)
      yield* third.send(create({ input: "x".repeat(1.5 * 1024 * 1024) }))
      const again = yield* Queue.take(scripted.turns)
      again.emit(textDelta("y"))
      again.emit(finish("stop"))
      assert.strictEqual((yield* third.answer).at(-1)?.type, "response.completed")
    })
  )

  it.scopedLive("that is idle makes room for others, one that is served does not", () =>
    Effect.gen(function* () {
      const scripted = TestBackend.make(TestBackend.silent)
      const { base, port } = yield* TestGateway.serve(scripted, { maxConnections: 2 })
      const busy = yield* SocketClient.connect(base)
      yield* busy.send(create())
      const turn = yield* Queue.take(scripted.turns)
      const idle = yield* SocketClient.connect(base)
      const third = yield* RawHttp.connect(port)
      yield* idle.closed
      yield* third.send("GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n")
      yield* third.until("200 OK")
      turn.emit(textDelta("y"))
      turn.emit(finish("stop"))
      assert.strictEqual((yield* busy.answer).at(-1)?.type, "response.completed")
    })
  )

  it.scopedLive("serves the WebSocket class of the openai package", () =>
    Effect.gen(function* () {
      const { base } = yield* TestGateway.serve(TestBackend.make())
      const openai = new OpenAI({ baseURL: `${base}/v1`, apiKey: "any-key" })
      const text = yield* Effect.promise(async () => {
        const ws = new ResponsesWS(openai)
        ws.on("error", () => {})
        ws.send({ type: "response.create", model: "auto", input: "hi" })
        let said = ""
        for await (const event of ws) {
          if (event.type !== "message") continue
          if (event.message.type === "response.output_text.delta") said += event.message.delta
          if (event.message.type === "response.completed" || event.message.type === "error") ws.close()
        }
        return said
      })
      assert.strictEqual(text, "Hello")
    })
  )
})
