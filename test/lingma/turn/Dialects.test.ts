import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Schedule, Scope } from "effect"
import { BackendFailure } from "../../../src/domain/ChatError.ts"
import * as Turn from "../../../src/domain/Turn.ts"
import { LingmaRpc } from "../../../src/lingma/rpc/LingmaRpc.ts"
import { describe as words } from "../../../src/lingma/rpc/RpcError.ts"
import * as AskDialect from "../../../src/lingma/turn/AskDialect.ts"
import * as SessionDialect from "../../../src/lingma/turn/SessionDialect.ts"
import { Metrics } from "../../../src/observe/Metrics.ts"
import { ask, ended } from "../../support/Endings.ts"
import * as FakeLingma from "../../support/FakeLingma.ts"

const picture = { mediaType: "image/png", data: "aGk=" }

const options = (rpc: LingmaRpc["Type"], lifetime: Scope.Scope) => ({
  rpc,
  lifetime,
  instance: "a",
  cwd: "/empty",
  ended,
  refused: (error: Parameters<typeof words>[0], started: boolean) =>
    new BackendFailure({ instance: "a", started, detail: words(error) })
})

/** A connection, and a dialect begun in a scope of its own. */
const begin = (dialect: "session" | "ask", server: FakeLingma.FakeLingma, asking = ask) =>
  Effect.gen(function* () {
    const connect = LingmaRpc.make({ url: server.url, timeout: "2 seconds", initialize: {} })
    const rpc = yield* Effect.provide(connect, Metrics.layer)
    yield* rpc.ready
    const lifetime = yield* Effect.scope
    const scope = yield* Scope.make()
    const turn = Turn.make({ instance: "a" })
    const run = dialect === "session" ? SessionDialect.begin : AskDialect.begin
    const begun = yield* Effect.fork(Scope.extend(run(options(rpc, lifetime), asking, turn), scope))
    return { rpc, scope, turn, begun, close: Scope.close(scope, Exit.void) }
  })

const ending = (statusCode: number) => ({
  jsonrpc: "2.0",
  method: "session/update",
  params: { sessionId: "s1", update: { sessionUpdate: "notification", type: "chat_finish", data: { statusCode } } }
})

const until = <A>(value: Effect.Effect<A>, holds: (value: A) => boolean) =>
  Effect.repeat(value, { until: holds, schedule: Schedule.spaced("5 millis") })

const called = (name: string) => (message: FakeLingma.Message) => message.method === name
const push = (method: string, params: object) => ({
  jsonrpc: "2.0",
  id: 1,
  method,
  params: { requestId: "r1", ...params }
})

describe("SessionDialect", () => {
  const lingma = FakeLingma.make((message, peer) => {
    if (message.method === "session/new") peer.send({ id: message.id, result: { sessionId: "s1" } })
    else if (message.method === "session/prompt") peer.send({ jsonrpc: "2.0", id: message.id })
    else if (message.method !== undefined) peer.send({ id: message.id, result: null })
  })
  const finished = {
    jsonrpc: "2.0",
    method: "session/update",
    params: {
      sessionId: "s1",
      _meta: { "ai-coding/request-id": "r1" },
      update: { sessionUpdate: "notification", type: "chat_finish", data: { reason: "success", statusCode: 200 } }
    }
  }

  it.scopedLive("asks in the order of the protocol, and removes the session after a good end without cancelling", () =>
    Effect.gen(function* () {
      const server = yield* lingma
      const { begun, close, turn } = yield* begin("session", server)
      yield* begun
      yield* server.heard(called("session/prompt"))
      server.peers[0]!.send(finished)
      yield* turn.started
      yield* close
      const removal = yield* server.heard(called("chat/deleteSessionById"))
      assert.deepStrictEqual(removal.params, { sessionId: "s1" })
      assert.deepStrictEqual(
        server.received.map((message) => message.method),
        ["initialize", "session/new", "session/set_model", "session/prompt", "chat/deleteSessionById"]
      )
      const prompt = server.received[3]?.params
      assert.deepInclude(prompt, { sessionId: "s1", prompt: [{ type: "text", text: "hi" }] })
      assert.deepInclude(prompt?.["_meta"], {
        "ai-coding/request-id": "r1",
        "ai-coding/mode": "chat",
        "ai-coding/model": "auto"
      })
    })
  )

  it.scopedLive("sends pictures in the prompt, under the address of the product", () =>
    Effect.gen(function* () {
      for (const [name, product] of [
        ["lingma", "lingma"],
        ["QoderCN", "qodercn"]
      ]) {
        const server = yield* FakeLingma.make(
          (message, peer) => peer.send({ id: message.id, result: { sessionId: "s1" } }),
          undefined,
          { serverInfo: { name, version: "2.11.1" } }
        )
        const { begun } = yield* begin("session", server, {
          ...ask,
          images: [picture, { ...picture, mediaType: "image/jpeg" }]
        })
        yield* begun
        const { params } = yield* server.heard(called("session/prompt"))
        const uri = `${product}:///agent/file?path=%2Fempty%2Fimage-`
        assert.deepStrictEqual(params?.["prompt"], [
          { type: "text", text: "hi" },
          { type: "image", mimeType: "image/png", uri: `${uri}0.png`, data: picture.data },
          { type: "image", mimeType: "image/jpeg", uri: `${uri}1.jpeg`, data: picture.data }
        ])
      }
    })
  )

  it.scopedLive("cancels a turn that still runs, then removes its session", () =>
    Effect.gen(function* () {
      const server = yield* lingma
      const { begun, close, rpc } = yield* begin("session", server)
      yield* begun
      yield* close
      yield* server.heard(called("chat/deleteSessionById"))
      const methods = server.received.map((message) => message.method)
      assert.isBelow(methods.indexOf("session/cancel"), methods.indexOf("chat/deleteSessionById"))
      assert.isAtLeast(methods.indexOf("session/cancel"), 0)
      yield* until(rpc.stats, ({ pending, turns }) => pending === 0 && turns === 0)
    })
  )

  const methods = (server: FakeLingma.FakeLingma, cancels = false) =>
    server.received
      .filter(({ method }) => method === "session/cancel" || (!cancels && method === "chat/deleteSessionById"))
      .map(({ id, method }) => `${method} ${id === undefined ? "notified" : "asked"}`)
  const deletions = (server: FakeLingma.FakeLingma, n: number) =>
    until(
      Effect.sync(() => server.received.filter(called("chat/deleteSessionById")).length),
      (count) => count >= n
    )

  it.scopedLive("cancels by a notification where the request is unknown, and remembers that", () =>
    Effect.gen(function* () {
      const server = yield* FakeLingma.make((message, peer) => {
        if (message.method === "session/cancel") {
          if (message.id !== undefined)
            peer.send({ id: message.id, error: { code: -32601, message: "no such method" } })
        } else if (message.method !== "session/prompt") peer.send({ id: message.id, result: { sessionId: "s1" } })
      })
      const { begun, close, rpc } = yield* begin("session", server)
      yield* begun
      yield* close
      yield* deletions(server, 1)
      const first = ["session/cancel asked", "session/cancel notified", "chat/deleteSessionById asked"]
      assert.deepStrictEqual(methods(server), first)
      const scope = yield* Scope.make()
      const lifetime = yield* Effect.scope
      yield* Scope.extend(SessionDialect.begin(options(rpc, lifetime), ask, Turn.make({ instance: "a" })), scope)
      yield* Scope.close(scope, Exit.void)
      yield* deletions(server, 2)
      assert.deepStrictEqual(methods(server), [...first, "session/cancel notified", "chat/deleteSessionById asked"])
    })
  )

  it.scopedLive("cancels by a notification too where the request is not answered within a second, then by both", () =>
    Effect.gen(function* () {
      let answers = false
      const server = yield* FakeLingma.make((message, peer) => {
        if (message.method === "session/prompt" || (message.method === "session/cancel" && !answers)) return
        if (message.id !== undefined) peer.send({ id: message.id, result: { sessionId: "s1" } })
      })
      const { begun, close, rpc } = yield* begin("session", server)
      yield* begun
      const lifetime = yield* Effect.scope
      const [asked, notified] = ["session/cancel asked", "session/cancel notified"]
      const removed = "chat/deleteSessionById asked"
      const again = Effect.gen(function* () {
        const scope = yield* Scope.make()
        const turn = Turn.make({ instance: "a" })
        yield* Scope.extend(SessionDialect.begin(options(rpc, lifetime), ask, turn), scope)
        const before = methods(server).length
        yield* Scope.close(scope, Exit.void)
        yield* until(
          Effect.sync(() => methods(server).includes(removed, before)),
          (yes) => yes
        )
        yield* until(rpc.stats, ({ pending }) => pending <= 2)
        return methods(server).slice(before)
      })
      yield* close
      yield* deletions(server, 1)
      assert.deepStrictEqual(methods(server), [asked, notified, removed])
      const since = performance.now()
      assert.sameMembers(yield* again, [asked, notified, removed])
      assert.isBelow(performance.now() - since, 900, "not a second later")
      answers = true
      assert.sameMembers(yield* again, [asked, notified, removed])
      assert.deepStrictEqual(yield* again, [asked, removed], "it answers again")
    })
  )

  it.scopedLive("cancels nothing that has ended by itself, well or not", () =>
    Effect.gen(function* () {
      const ends = [
        (peer: FakeLingma.Peer) => peer.send(ending(200)),
        (peer: FakeLingma.Peer) => peer.send(ending(500)),
        (peer: FakeLingma.Peer, id: unknown) => peer.send({ id, error: { code: -32603, message: "no" } })
      ]
      for (const end of ends) {
        const server = yield* FakeLingma.make((message, peer) => {
          if (message.method === "session/prompt") end(peer, message.id)
          else peer.send({ id: message.id, result: { sessionId: "s1" } })
        })
        const { begun, close, turn } = yield* begin("session", server)
        yield* begun
        yield* until(
          Effect.sync(() => turn.state()),
          (state) => state !== "running"
        )
        assert.isFalse(server.received.some(({ method }) => method === "session/cancel"))
        assert.lengthOf(server.peers, 1)
        yield* close
        yield* deletions(server, 1)
        assert.deepStrictEqual(methods(server, true), [])
      }
    })
  )

  it.scopedLive("lets a turn that ran out of time go on once, and refuses every other permission", () =>
    Effect.gen(function* () {
      const options = [
        { optionId: "resume", kind: "allow_once" },
        { optionId: "no", kind: "reject_once" }
      ]
      const permission = (id: number, toolCall: object) => ({
        jsonrpc: "2.0",
        id,
        method: "session/request_permission",
        params: { sessionId: "s1", toolCall, options }
      })
      const server = yield* FakeLingma.make((message, peer) => {
        if (message.method !== "session/prompt") return peer.send({ id: message.id, result: { sessionId: "s1" } })
        peer.send(permission(900, { toolCallId: "t0" }))
        const update = { sessionUpdate: "tool_call", toolCallId: "t1", rawInput: { reasonForCode: 80408 } }
        peer.send({ jsonrpc: "2.0", method: "session/update", params: { sessionId: "s1", update } })
        peer.send(permission(901, { toolCallId: "t1" }))
        peer.send(permission(902, { toolCallId: "t1", reasonForCode: 80408 }))
      })
      const { begun } = yield* begin("session", server)
      yield* begun
      const outcomes = yield* Effect.forEach([900, 901, 902], (id) => server.heard((message) => message.id === id))
      assert.deepStrictEqual(
        outcomes.map(({ result }) => (result as { readonly outcome: { readonly optionId: string } }).outcome.optionId),
        ["no", "resume", "no"]
      )
    })
  )

  it.scopedLive("removes a session whose reply came after everybody had left", () =>
    Effect.gen(function* () {
      const held: Array<() => void> = []
      const server = yield* FakeLingma.make((message, peer) => {
        if (message.method !== "session/new") return peer.send({ id: message.id, result: null })
        held.push(() => peer.send({ id: message.id, result: { sessionId: "late" } }))
      })
      const { begun, close } = yield* begin("session", server)
      yield* server.heard(called("session/new"))
      yield* Fiber.interrupt(begun)
      yield* close
      for (const reply of held) reply()
      const removal = yield* server.heard(called("chat/deleteSessionById"))
      assert.deepStrictEqual(removal.params, { sessionId: "late" })
    })
  )

  it.scopedLive("tries the session's other name when the first is refused", () =>
    Effect.gen(function* () {
      const server = yield* FakeLingma.make((message, peer) => {
        if (message.method === "session/new") peer.send({ id: message.id, result: { id: "s1" } })
        else if (message.params?.["sessionId"] !== undefined && message.method === "chat/deleteSessionById")
          peer.send({ id: message.id, error: { code: -32603, message: "no id" } })
        else if (message.method !== "session/prompt") peer.send({ id: message.id, result: null })
      })
      const { begun, close } = yield* begin("session", server)
      yield* begun
      yield* close
      yield* server.heard((message) => message.params?.["id"] === "s1")
    })
  )

  it.scopedLive("does without set_model where that is unknown, and fails where the prompt is refused", () =>
    Effect.gen(function* () {
      const server = yield* FakeLingma.make((message, peer) => {
        if (message.method === "session/new") peer.send({ id: message.id, result: { sessionId: "s1" } })
        else if (message.method === "session/set_model")
          peer.send({ id: message.id, error: { code: -32601, message: "unknown method: session/set_model" } })
        else peer.send({ id: message.id, error: { code: -32603, message: "requestId is empty" } })
      })
      const { begun, turn } = yield* begin("session", server)
      yield* begun
      const error = yield* Effect.flip(turn.started)
      assert.isTrue(error._tag === "BackendFailure" && !error.started && error.detail.includes("requestId is empty"))
    })
  )

  it.scopedLive("tells a refusal before the turn from one after a tool has run", () =>
    Effect.forEach(
      [
        ["available_commands_update", false],
        ["tool_call", true]
      ] as const,
      ([sessionUpdate, started]) =>
        Effect.gen(function* () {
          const server = yield* FakeLingma.make((message, peer) => {
            if (message.method === "session/new") peer.send({ id: message.id, result: { sessionId: "s1" } })
            else if (message.method === "session/prompt") {
              peer.send({ method: "session/update", params: { sessionId: "s1", update: { sessionUpdate } } })
              peer.send({ id: message.id, error: { code: -32603, message: "late" } })
            } else peer.send({ id: message.id, result: null })
          })
          const { begun, turn } = yield* begin("session", server)
          yield* begun
          const error = yield* Effect.flip(turn.started)
          assert.isTrue(error._tag === "BackendFailure" && error.started === started, sessionUpdate)
        })
    )
  )
})

describe("AskDialect", () => {
  it.scopedLive("asks once, and removes the session that the pushes named", () =>
    Effect.gen(function* () {
      const server = yield* FakeLingma.make((message, peer) => {
        if (message.method !== undefined) peer.send({ id: message.id, result: { success: true } })
      })
      const { begun, close, turn } = yield* begin("ask", server)
      yield* begun
      const { params } = yield* server.heard(called("chat/ask"))
      assert.deepInclude(params, { requestId: "r1", questionText: "hi", stream: true, mode: "chat" })
      assert.deepStrictEqual(params?.["extra"], { modelConfig: { key: "auto" } })
      server.peers[0]!.send(push("chat/answer", { sessionId: "s9", text: "a" }))
      server.peers[0]!.send(push("chat/finish", { sessionId: "s9", statusCode: 200 }))
      yield* turn.started
      yield* server.heard((message) => message.id === 1 && message.method === undefined)
      yield* until(Effect.sync(turn.state), (state) => state === "finished")
      yield* close
      const removal = yield* server.heard(called("chat/deleteSessionById"))
      assert.deepStrictEqual(removal.params, { sessionId: "s9" })
      assert.notInclude(
        server.received.map((message) => message.method),
        "chat/stop"
      )
    })
  )

  it.scopedLive("stops a turn whose client left, and removes its session once a late push names it", () =>
    Effect.gen(function* () {
      const server = yield* FakeLingma.make((message, peer) => {
        if (message.method !== undefined) peer.send({ id: message.id, result: { success: true } })
      })
      const { begun, close } = yield* begin("ask", server)
      yield* begun
      yield* server.heard(called("chat/ask"))
      yield* close
      const stop = yield* server.heard(called("chat/stop"))
      assert.deepStrictEqual(stop.params, { requestId: "r1" })
      server.peers[0]!.send(push("chat/answer", { sessionId: "late", text: "a" }))
      const removal = yield* server.heard(called("chat/deleteSessionById"))
      assert.deepStrictEqual(removal.params, { sessionId: "late" })
    })
  )

  it.scopedLive("uploads pictures first and asks with their addresses in order, whichever is told first", () =>
    Effect.gen(function* () {
      const held: Array<() => void> = []
      const server = yield* FakeLingma.make((message, peer) => {
        if (message.method !== "image/upload") return peer.send({ id: message.id, result: { success: true } })
        const { imageUri, requestId } = message.params ?? {}
        peer.send({ id: message.id, result: { requestId, result: { success: true } } })
        const method = "image/uploadResultNotification"
        const imageUrl = `https://store/${String(imageUri).slice(-4)}`
        held.unshift(() =>
          peer.send({ jsonrpc: "2.0", method, params: { errorCode: "", result: { requestId, imageUrl } } })
        )
        if (held.length === 2) for (const tell of held) tell()
      })
      const images = [picture, { mediaType: "image/gif", data: "aG8=" }]
      const { begun, rpc } = yield* begin("ask", server, { ...ask, images })
      yield* begun
      const uploads = server.received.filter(called("image/upload")).map(({ params }) => params?.["imageUri"])
      assert.deepStrictEqual(uploads, ["data:image/png;base64,aGk=", "data:image/gif;base64,aG8="])
      const { params } = yield* server.heard(called("chat/ask"))
      assert.deepStrictEqual(params?.["chatContext"], { imageUrls: ["https://store/aGk=", "https://store/aG8="] })
      assert.strictEqual((yield* rpc.stats).turns, 1)
    })
  )

  it.scopedLive("fails, and asks nothing, when a picture is not taken or the connection is lost meanwhile", () =>
    Effect.gen(function* () {
      const notice = (requestId: unknown, fields: object) => ({
        jsonrpc: "2.0",
        method: "image/uploadResultNotification",
        params: { requestId, ...fields }
      })
      const ways: ReadonlyArray<readonly [string, (message: FakeLingma.Message, peer: FakeLingma.Peer) => void]> = [
        ["success is false", ({ id }, peer) => peer.send({ id, result: { result: { success: false } } })],
        ["TOO_BIG", ({ id }, peer) => peer.send({ id, result: { errorCode: "TOO_BIG", result: { success: false } } })],
        [
          "no store",
          ({ id, params }, peer) => {
            peer.send({ id, result: { result: { success: true } } })
            peer.send(notice(params?.["requestId"], { errorMessage: "no store" }))
          }
        ],
        [
          "no address",
          ({ id, params }, peer) => {
            peer.send({ id, result: null })
            peer.send(notice(params?.["requestId"], {}))
          }
        ],
        [
          "unknown method",
          ({ id }, peer) => peer.send({ id, error: { code: -32601, message: "unknown method: image/upload" } })
        ],
        ["lost", (_, peer) => peer.drop()]
      ]
      for (const [words, way] of ways) {
        const server = yield* FakeLingma.make(way)
        const { begun, rpc } = yield* begin("ask", server, { ...ask, images: [picture] })
        const error = yield* Effect.flip(Fiber.join(begun))
        assert.include(
          words === "lost" ? error._tag : JSON.stringify(error),
          words === "lost" ? "RpcDisconnected" : words
        )
        assert.isUndefined(server.received.find(called("chat/ask")))
        assert.strictEqual((yield* rpc.stats).turns, 0)
      }
    })
  )

  it.scopedLive("fails when Lingma does not take the question", () =>
    Effect.gen(function* () {
      const server = yield* FakeLingma.make((message, peer) => {
        if (message.method === "chat/ask")
          peer.send({ id: message.id, result: { isSuccess: false, errorMessage: "busy" } })
      })
      const { begun, turn } = yield* begin("ask", server)
      yield* begun
      const error = yield* Effect.flip(turn.started)
      assert.isTrue(error._tag === "BackendFailure" && error.detail.includes("busy"))
    })
  )
})
