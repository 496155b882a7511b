import type { AddressInfo } from "node:net"
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Queue } from "effect"
import { vi } from "vitest"
import { Connections } from "../../../src/http/server/Connections.ts"
import * as SseWriter from "../../../src/http/server/SseWriter.ts"
import * as RawHttp from "../../support/RawHttp.ts"

const get = (path: string) => `GET ${path} HTTP/1.1\r\nhost: localhost\r\n\r\n`
const MEBIBYTE = 1024 * 1024

/** More than the kernel holds for a connection. */
const BIG = Buffer.alloc(24 * MEBIBYTE, "b")

/**
 * `/big` is an answer of 24 MB, `/run` one that is never finished, and `/` is a small one; what has a body is answered
 * when it has come.
 */
const served = (maxConnections: number) =>
  Effect.gen(function* () {
    const begun = yield* Queue.unbounded<string>()
    const server = yield* Effect.acquireRelease(
      Effect.sync(() => {
        const server = new Connections({ maxConnections, keepAliveTimeout: 60_000 })
        server.on("connection", (socket) => socket.on("error", () => {}))
        server.on("request", (request, response) => {
          const path = request.url ?? ""
          const end = (body: Buffer | string) => {
            response.end(body)
            SseWriter.linger(response)
          }
          if (path === "/run") response.write("running ")
          else if (path === "/big") end(BIG)
          else if (request.method === "POST") request.on("end", () => end("small")).resume()
          else end("small")
          begun.unsafeOffer(path)
        })
        return server
      }),
      (server) =>
        Effect.sync(() => {
          server.closeAllConnections()
          server.close()
        })
    )
    const listening = yield* Deferred.make<number>()
    server.listen(0, "127.0.0.1", () =>
      Deferred.unsafeDone(listening, Effect.succeed((server.address() as AddressInfo).port))
    )
    const port = yield* Deferred.await(listening)
    /** A connection whose request the server has begun. */
    const asking = Effect.fnUntraced(function* (request: string, reads = true) {
      const peer = yield* RawHttp.connect(port)
      if (!reads) peer.socket.pause()
      yield* peer.send(request)
      yield* Queue.take(begun)
      return peer
    })
    return { port, asking }
  })

/** Whether the server has closed it, as whoever reads on sees. */
const isCut = (peer: RawHttp.RawSocket) =>
  Effect.as(
    Effect.zipRight(
      Effect.sync(() => peer.socket.resume()),
      peer.closed
    ),
    true
  )

const later = (millis: number) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const now = performance.now()
      return vi.spyOn(performance, "now").mockImplementation(() => now + millis)
    }),
    (spy) => Effect.sync(() => spy.mockRestore())
  )

describe("a server with too many connections", () => {
  it.scopedLive("closes the oldest finished response that is not being read, and no running one", () =>
    Effect.gen(function* () {
      const { asking, port } = yield* served(4)
      const running = yield* asking(get("/run"))
      const first = yield* asking(get("/big").repeat(5), false)
      const second = yield* asking(get("/big").repeat(5), false)
      const third = yield* asking(get("/big").repeat(5), false)
      const client = yield* asking(get("/"))
      assert.match(yield* client.until("small"), /^HTTP\/1.1 200 /)
      assert.isTrue(yield* isCut(first))
      const another = yield* asking(get("/run"))
      assert.isTrue(yield* isCut(client))
      const yetAnother = yield* asking(get("/run"))
      assert.isTrue(yield* isCut(second))
      yield* asking(get("/run"))
      assert.isTrue(yield* isCut(third))
      // All work now: the next one has to go.
      assert.strictEqual(yield* (yield* RawHttp.connect(port)).closed, "")
      for (const peer of [running, another, yetAnother]) assert.match(peer.text(), /running/)
      for (const peer of [running, another, yetAnother]) assert.isFalse(peer.socket.closed)
    })
  )

  it.scopedLive("closes a response unread for too long before an idle connection", () =>
    Effect.gen(function* () {
      const { asking } = yield* served(2)
      const unread = yield* asking(get("/big"), false)
      const idle = yield* asking(get("/"))
      yield* idle.until("small")
      yield* later(2_500)
      const client = yield* asking(get("/"))
      yield* client.until("small")
      assert.isTrue(yield* isCut(unread))
      assert.isFalse(idle.socket.closed)
    })
  )

  it.scopedLive("closes an idle connection before a response to a slow reader", () =>
    Effect.gen(function* () {
      const { asking } = yield* served(2)
      const slow = yield* asking(get("/big"), false)
      const idle = yield* asking(get("/"))
      yield* idle.until("small")
      yield* asking(get("/"))
      assert.isTrue(yield* isCut(idle))
      yield* Effect.sync(() => slow.socket.resume())
      assert.include(yield* slow.until(/b$/), "200 OK")
    })
  )

  it.scopedLive("closes a request that has been arriving for too long, and no recent one", () =>
    Effect.gen(function* () {
      const { asking, port } = yield* served(2)
      const half = "POST / HTTP/1.1\r\nhost: localhost\r\ncontent-length: 10\r\n\r\n12345"
      yield* asking(get("/run"))
      const arriving = yield* asking(half)
      assert.strictEqual(yield* (yield* RawHttp.connect(port)).closed, "")
      assert.isFalse(arriving.socket.closed)
      yield* later(1_500)
      const client = yield* asking(get("/"))
      assert.match(yield* client.until("small"), /^HTTP\/1.1 200 /)
      assert.isTrue(yield* isCut(arriving))
    })
  )

  it.scopedLive("limits the bytes of finished responses that are not read yet", () =>
    Effect.gen(function* () {
      const { asking } = yield* served(100)
      const first = yield* asking(get("/big"), false)
      yield* asking(get("/big"), false)
      yield* asking(get("/big"), false)
      const last = yield* asking(get("/big"), false)
      assert.isTrue(yield* isCut(first))
      assert.isBelow(first.text().length, BIG.length)
      yield* Effect.sync(() => last.socket.resume())
      yield* last.until(/b$/)
      assert.isFalse(last.socket.closed)
    })
  )
})
