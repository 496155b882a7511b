import type { Socket } from "node:net"
import * as Headers from "@effect/platform/Headers"
import type * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect } from "effect"
import { WebSocketServer } from "ws"
import * as Registry from "../../../src/http/dialects/Registry.ts"
import * as MessageRequest from "../../../src/http/server/MessageRequest.ts"
import * as Unread from "../../../src/http/server/Unread.ts"
import * as Connection from "../../../src/http/socket/Connection.ts"
import * as SocketClient from "../../support/SocketClient.ts"

const HOUR = 3_600_000
const times: Connection.Times = { age: HOUR, idle: HOUR, arriving: HOUR, look: 5, patience: HOUR }

/** One connection, whose messages are served by `serve`. */
const open = (
  own: Connection.Times,
  serve: (request: HttpServerRequest.HttpServerRequest) => Effect.Effect<void> = () => Effect.void
) =>
  Effect.gen(function* () {
    const ended = yield* Deferred.make<void>()
    const drains: Array<() => void> = []
    const onBegun = (begun: () => void) => {
      drains.push(begun)
      return () => {}
    }
    const server = yield* Effect.acquireRelease(
      Effect.async<WebSocketServer>((resume) => {
        const made: WebSocketServer = new WebSocketServer({ port: 0, host: "127.0.0.1" })
        made.once("listening", () => resume(Effect.succeed(made)))
      }),
      (made) => Effect.sync(() => made.close())
    )
    server.on("connection", (ws, { socket }) => {
      const run = Connection.run({
        ws,
        socket: socket as Socket,
        protocol: Registry.socket,
        headers: Headers.empty,
        nameOf: String,
        limit: 1024,
        reservation: () => ({ reserve: () => true, release: () => {} }),
        backlog: Unread.backlog(),
        serve: (request) => Effect.runFork(serve(request)),
        serving: () => () => {},
        drain: { isDraining: () => false, onBegun },
        times: own
      })
      Effect.runFork(Effect.zipRight(run, Deferred.succeed(ended, undefined)))
    })
    const address = server.address()
    const port = typeof address === "object" ? address?.port : undefined
    const client = yield* SocketClient.connect(`http://127.0.0.1:${port}`)
    const drain = Effect.sync(() => {
      for (const begun of drains) begun()
    })
    return { client, drain, ended: Deferred.await(ended) }
  })

const codesOf = ({ heard }: SocketClient.SocketClient) =>
  heard().map((event) => (event["error"] as { readonly code?: string } | undefined)?.code)

describe("a connection that lives too long", () => {
  it.scopedLive("is told so, and closed, where nothing runs on it", () =>
    Effect.gen(function* () {
      const { client, ended } = yield* open({ ...times, age: 30 })
      assert.strictEqual((yield* client.closed).code, 1001)
      assert.deepStrictEqual(codesOf(client), ["websocket_connection_limit_reached"])
      yield* ended
    })
  )

  it.scopedLive("ends with what runs on it, and what waits or comes then is not begun", () =>
    Effect.gen(function* () {
      const begun = yield* Deferred.make<void>()
      const done = yield* Deferred.make<void>()
      let count = 0
      const serve = () => {
        count++
        return Effect.zipRight(Deferred.succeed(begun, undefined), Deferred.await(done))
      }
      const own = { ...times }
      const { client, ended } = yield* open(own, serve)
      for (let i = 0; i < 3; i++) yield* client.send({})
      yield* Deferred.await(begun)
      own.age = 0
      yield* client.arrived
      // A few looks.
      yield* Effect.sleep("50 millis")
      assert.lengthOf(client.heard(), 0)
      for (let i = 0; i < 3; i++) yield* client.send({})
      yield* client.arrived
      yield* Deferred.succeed(done, undefined)
      assert.strictEqual((yield* client.closed).code, 1001)
      assert.lengthOf(client.heard(), 1)
      assert.strictEqual(count, 1)
      yield* ended
    })
  )

  it.scopedLive("without being asked for anything is closed", () =>
    Effect.gen(function* () {
      const { client, ended } = yield* open({ ...times, idle: 30 })
      const { code, reason } = yield* client.closed
      assert.deepStrictEqual([code, reason, client.texts.length], [1001, "nothing was asked for", 0])
      yield* ended
    })
  )

  it.scopedLive("in the middle of a message is closed, and not for its pings", () =>
    Effect.gen(function* () {
      const { client, ended } = yield* open({ ...times, arriving: 40 })
      yield* client.arrived
      yield* Effect.sleep("100 millis")
      yield* client.arrived
      assert.strictEqual(client.ws.readyState, client.ws.OPEN)
      client.ws.send("{", { fin: false })
      assert.strictEqual((yield* client.closed).code, 1008)
      yield* ended
    })
  )
})

describe("a connection that a drain ends", () => {
  it.scopedLive("serves what waited when it began, and nothing that comes then", () =>
    Effect.gen(function* () {
      const begun = yield* Deferred.make<void>()
      const done = yield* Deferred.make<void>()
      let count = 0
      const serve = () => {
        count++
        return Effect.zipRight(Deferred.succeed(begun, undefined), Deferred.await(done))
      }
      const { client, drain, ended } = yield* open(times, serve)
      for (let i = 0; i < 2; i++) yield* client.send({})
      yield* Deferred.await(begun)
      yield* client.arrived
      yield* drain
      for (let i = 0; i < 3; i++) yield* client.send({})
      yield* client.arrived
      yield* Deferred.succeed(done, undefined)
      assert.strictEqual((yield* client.closed).code, 1001)
      assert.strictEqual(count, 2)
      yield* ended
    })
  )
})

describe("what is kept by a connection", () => {
  it.scopedLive("is forgotten at its end, and at once where it is kept after that", () =>
    Effect.gen(function* () {
      const forgotten: Array<string> = []
      const kept = yield* Deferred.make<MessageRequest.Connection>()
      const { client, ended } = yield* open(times, (request) =>
        Effect.sync(() => {
          const connection = MessageRequest.of(request)?.connection
          assert.isDefined(connection)
          connection.onClose(() => void forgotten.push("before"))
          Deferred.unsafeDone(kept, Effect.succeed(connection))
        })
      )
      yield* client.send({})
      const connection = yield* Deferred.await(kept)
      assert.deepStrictEqual(forgotten, [])
      client.ws.close()
      yield* ended
      assert.deepStrictEqual(forgotten, ["before"])
      connection.onClose(() => void forgotten.push("after"))
      assert.deepStrictEqual(forgotten, ["before", "after"])
    })
  )
})
