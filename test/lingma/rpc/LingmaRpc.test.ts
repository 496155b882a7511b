import type { IncomingMessage } from "node:http"
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Schema, Stream } from "effect"
import { LingmaRpc, type LingmaRpcOptions } from "../../../src/lingma/rpc/LingmaRpc.ts"
import type { Method } from "../../../src/lingma/rpc/Protocol.ts"
import type { Json } from "../../../src/lingma/rpc/Pushes.ts"
import { Metrics } from "../../../src/observe/Metrics.ts"
import * as FakeLingma from "../../support/FakeLingma.ts"

const method = (name: string): Method<Record<string, unknown>, unknown> => ({
  name,
  params: Schema.Record({ key: Schema.String, value: Schema.Unknown }),
  result: Schema.Unknown
})
const strict: Method<Record<string, unknown>, { readonly n: number }> = {
  ...method("strict"),
  result: Schema.Struct({ n: Schema.Number })
}

const connect = (url: string, options: Partial<LingmaRpcOptions> = {}) =>
  LingmaRpc.make({ url, timeout: "2 seconds", initialize: {}, ...options }).pipe(
    Effect.tap((rpc) => rpc.ready),
    Effect.provide(Metrics.layer)
  )

/** Echoes `params`, rejects `fail`, hangs up on `drop`, is silent on `hang`. */
const lingma = FakeLingma.make((message, peer) => {
  if (message.method === undefined) return
  if (message.method === "drop") peer.drop()
  else if (message.method === "fail")
    peer.send({ id: message.id, error: { code: -32601, message: "unknown method: fail" } })
  else if (message.method === "bare") peer.send({ jsonrpc: "2.0", id: message.id })
  else if (message.method !== "hang") peer.send({ jsonrpc: "2.0", id: message.id, result: message.params })
})

const sink = () => {
  const pushes: Array<readonly [string, Json]> = []
  const lost = Effect.runSync(Deferred.make<string>())
  return {
    pushes,
    lost: Deferred.await(lost),
    onPush: (name: string, params: Json) => void pushes.push([name, params]),
    onLost: (error: { readonly reason: string }) => Deferred.unsafeDone(lost, Effect.succeed(error.reason))
  }
}

const update = (requestId: string | undefined, text: string, sessionId = "s") => ({
  jsonrpc: "2.0",
  method: "session/update",
  params: {
    sessionId,
    ...(requestId === undefined ? {} : { _meta: { "ai-coding/request-id": requestId } }),
    update: { sessionUpdate: "agent_message_chunk", content: { type: "text", text } }
  }
})

describe("LingmaRpc", () => {
  it.scopedLive("shakes hands first, then matches replies to calls by id", () =>
    Effect.gen(function* () {
      const server = yield* lingma
      const rpc = yield* connect(server.url)
      const replies = yield* Effect.forEach([1, 2, 3], (n) => rpc.call(method("echo"), { n }), {
        concurrency: "unbounded"
      })
      assert.deepStrictEqual(replies, [{ n: 1 }, { n: 2 }, { n: 3 }])
      assert.strictEqual(server.received[0]?.method, "initialize")
      assert.strictEqual((yield* rpc.stats).pending, 0)
    })
  )

  it.scopedLive("takes a reply without result as a reply", () =>
    Effect.gen(function* () {
      const rpc = yield* connect((yield* lingma).url)
      assert.isNull(yield* rpc.call(method("bare"), {}))
    })
  )

  it.scopedLive("fails a call that is rejected, answered out of shape or not at all", () =>
    Effect.gen(function* () {
      const rpc = yield* connect((yield* lingma).url)
      const rejected = yield* Effect.flip(rpc.call(method("fail"), {}))
      assert.isTrue(rejected._tag === "RpcRejected" && rejected.unknownMethod)
      assert.strictEqual((yield* Effect.flip(rpc.call(strict, { n: "one" })))._tag, "RpcMalformed")
      const late = yield* Effect.flip(rpc.call(method("hang"), {}, { timeout: "20 millis" }))
      assert.strictEqual(late._tag, "RpcTimeout")
      assert.strictEqual((yield* rpc.stats).pending, 0)
    })
  )

  it.scopedLive("forgets a call whose caller left", () =>
    Effect.gen(function* () {
      const server = yield* lingma
      const rpc = yield* connect(server.url)
      const calling = yield* Effect.fork(rpc.call(method("hang"), {}))
      yield* server.heard((message) => message.method === "hang")
      yield* Fiber.interrupt(calling)
      assert.strictEqual((yield* rpc.stats).pending, 0)
    })
  )

  it.scopedLive("lets a late reply be heard after its caller left", () =>
    Effect.gen(function* () {
      const held: Array<() => void> = []
      const server = yield* FakeLingma.make((message, peer) =>
        held.push(() => peer.send({ id: message.id, result: { session: 7 } }))
      )
      const rpc = yield* connect(server.url)
      const heard = yield* Deferred.make<unknown>()
      const calling = yield* Effect.fork(
        rpc.call(method("session/new"), {}, { onReply: (result) => Deferred.unsafeDone(heard, Effect.succeed(result)) })
      )
      yield* server.heard((message) => message.method === "session/new")
      yield* Fiber.interrupt(calling)
      for (const reply of held) reply()
      assert.deepStrictEqual(yield* Deferred.await(heard), { session: 7 })
      assert.strictEqual((yield* rpc.stats).pending, 0)
    })
  )

  it.scopedLive("fails what was pending when the connection is lost, refuses while it is down, and comes back", () =>
    Effect.gen(function* () {
      const server = yield* lingma
      const rpc = yield* connect(server.url)
      const turn = sink()
      yield* rpc.subscribe({ requestId: "r" }, turn)
      const hanging = yield* Effect.fork(Effect.flip(rpc.call(method("hang"), {})))
      yield* server.heard((message) => message.method === "hang")
      assert.strictEqual((yield* Effect.flip(rpc.call(method("drop"), {})))._tag, "RpcDisconnected")
      assert.strictEqual((yield* Fiber.join(hanging))._tag, "RpcDisconnected")
      assert.include(yield* turn.lost, "closed")
      assert.strictEqual((yield* Effect.flip(rpc.call(method("echo"), {})))._tag, "RpcDisconnected")
      yield* Stream.runDrain(Stream.takeUntil(rpc.state.changes, (state) => state === "ready"))
      assert.deepStrictEqual(yield* rpc.call(method("echo"), { n: 1 }), { n: 1 })
      assert.deepInclude(yield* rpc.stats, { pending: 0, turns: 0 })
    })
  )

  it.scopedLive("routes pushes by the request they name, and by session only where they name none", () =>
    Effect.gen(function* () {
      const server = yield* lingma
      const rpc = yield* connect(server.url)
      const one = sink()
      const two = sink()
      yield* rpc.subscribe({ requestId: "r1", sessionId: "s1" }, one)
      yield* rpc.subscribe({ requestId: "r2", sessionId: "s2" }, two)
      const peer = server.peers[0]!
      peer.send(update("r2", "b", "s1"))
      peer.send(update("r1", "a", "s2"))
      peer.send(update(undefined, "c", "s1"))
      peer.send(update("gone", "x", "s1"))
      peer.send({ id: 999, result: {} })
      yield* rpc.call(method("echo"), {})
      const texts = (of: ReturnType<typeof sink>) =>
        of.pushes.map(([, params]) => JSON.stringify(params).match(/"text":"(.)"/)?.[1])
      assert.deepStrictEqual(texts(one), ["a", "c"])
      assert.deepStrictEqual(texts(two), ["b"])
      assert.deepInclude(yield* rpc.stats, { strayPushes: 1, strayReplies: 1 })
    })
  )

  it.scopedLive(
    "tries QoderCN's path when the root is refused, with the headers, and none but those given elsewhere",
    () =>
      Effect.gen(function* () {
        const seen: Array<unknown> = []
        const server = yield* FakeLingma.make(undefined, undefined, undefined, {
          verifyClient: ({ req }: { readonly req: IncomingMessage }) => {
            seen.push([req.url, req.headers["cosy-machinetoken"], req.headers.origin])
            return req.url === "/ws"
          }
        })
        yield* connect(server.url, { headers: Effect.succeed({ "Cosy-MachineToken": "t" }) })
        server.peers[0]?.drop()
        yield* server.heard(({ id }) => id === 2).pipe(Effect.timeout("2 seconds"))
        assert.deepStrictEqual(seen, [
          ["/", "t", undefined],
          ["/ws", "t", undefined],
          ["/ws", "t", undefined]
        ])
      })
  )

  it.scopedLive("lets an error that names no turn end the only one, and a fatal one all of them", () =>
    Effect.gen(function* () {
      const server = yield* lingma
      const rpc = yield* connect(server.url)
      const one = sink()
      const two = sink()
      const push = (name: string, params: object = { message: "boom" }) =>
        server.peers[0]!.send({ jsonrpc: "2.0", id: name, method: name, params })
      yield* rpc.subscribe({ requestId: "r1", sessionId: "s1" }, one)
      push("error")
      push("error", { sessionId: "of another" })
      yield* rpc.call(method("echo"), {})
      yield* rpc.subscribe({ requestId: "r2", sessionId: "s2" }, two)
      push("error")
      push("fatal_error")
      yield* rpc.call(method("echo"), {})
      const names = (of: ReturnType<typeof sink>) => of.pushes.map(([name]) => name)
      assert.deepStrictEqual(names(one), ["error", "fatal_error"])
      assert.deepStrictEqual(names(two), ["fatal_error"])
    })
  )

  it.scopedLive("answers what the other side asks before the handshake", () =>
    Effect.gen(function* () {
      const fake = yield* FakeLingma.make(
        () => {},
        (peer) => peer.send({ jsonrpc: "2.0", id: "first", method: "extension/register", params: {} })
      )
      yield* connect(fake.url)
      const answer = yield* fake.heard(({ id }) => id === "first").pipe(Effect.timeout("2 seconds"))
      assert.notStrictEqual(answer.result, undefined)
      assert.strictEqual(fake.received.length, 2)
    })
  )

  it.scopedLive("answers every request of the other side at once, and refuses tools", () =>
    Effect.gen(function* () {
      const others: Array<string> = []
      const server = yield* lingma
      yield* connect(server.url, { onPush: (name) => others.push(name) })
      const ask = (id: number, name: string, params: object = {}) => {
        server.peers[0]!.send({ jsonrpc: "2.0", id, method: name, params })
        return server.heard((message) => message.id === id && message.method === undefined)
      }
      // Ids of the two directions overlap on purpose.
      assert.deepStrictEqual(yield* ask(1, "extension/register"), { jsonrpc: "2.0", id: 1, result: null } as object)
      assert.deepInclude(yield* ask(2, "no/such"), { error: { code: -32601, message: "unknown method: no/such" } })
      const tool = yield* ask(3, "tool/invoke", { toolCallId: "t", name: "run", requestId: "r" })
      assert.deepInclude(tool.result, { toolCallId: "t", success: false })
      const permission = yield* ask(4, "session/request_permission", {
        options: [
          { optionId: "yes", kind: "allow_once" },
          { optionId: "no", kind: "reject_once" }
        ]
      })
      assert.deepStrictEqual(permission.result, { outcome: { outcome: "selected", optionId: "no" } })
      assert.include(others, "extension/register")
    })
  )

  it.scopedLive("closes the connection on a message in thousands of fragments", () =>
    Effect.gen(function* () {
      const server = yield* lingma
      const rpc = yield* connect(server.url)
      const turn = sink()
      yield* rpc.subscribe({ requestId: "r" }, turn)
      for (let i = 0; i < 5_000; i++) server.peers[0]!.raw("C", { fin: false })
      yield* turn.lost
    })
  )

  for (const [what, data] of [
    ["bytes that are no frame", "{}"],
    ["a header without end", `Content-Length: 1${" ".repeat(5000)}`],
    ["a body that is no JSON", "Content-Length: 3\r\n\r\n{]}"],
    ["a body that is no object", "Content-Length: 2\r\n\r\n[]"],
    ["an endless body", "Content-Length: 99999999\r\n\r\n"]
  ] as const) {
    it.scopedLive(`closes the connection on ${what}, and opens another`, () =>
      Effect.gen(function* () {
        const server = yield* lingma
        const rpc = yield* connect(server.url)
        const turn = sink()
        yield* rpc.subscribe({ requestId: "r" }, turn)
        server.peers[0]!.raw(data)
        yield* turn.lost
        yield* rpc.ready
        yield* Stream.runDrain(Stream.takeUntil(rpc.state.changes, (state) => state === "ready"))
        assert.strictEqual(server.peers.length, 2)
      })
    )
  }
})
