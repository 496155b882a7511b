import { createServer, type ServerResponse } from "node:http"
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber } from "effect"
import type { Sink } from "../../../src/http/server/Sse.ts"
import * as SseWriter from "../../../src/http/server/SseWriter.ts"
import * as Unread from "../../../src/http/server/Unread.ts"
import * as RawHttp from "../../support/RawHttp.ts"

/** A bare server that hands its first response to the test. */
const serve = Effect.gen(function* () {
  const responses = yield* Deferred.make<ServerResponse>()
  const server = yield* Effect.acquireRelease(
    Effect.async<ReturnType<typeof createServer>>((resume) => {
      const server = createServer((_request, response) => Deferred.unsafeDone(responses, Effect.succeed(response)))
      server.listen(0, "127.0.0.1", () => resume(Effect.succeed(server)))
    }),
    (server) =>
      Effect.sync(() => {
        server.closeAllConnections()
        server.close()
      })
  )
  const address = server.address()
  const peer = yield* RawHttp.connect(typeof address === "object" && address !== null ? address.port : 0)
  yield* peer.send("GET / HTTP/1.1\r\nhost: a\r\n\r\n")
  const response = yield* Deferred.await(responses)
  response.writeHead(200)
  return { peer, response }
})

/** Gives the sink to the test. */
const held = () => {
  let stops = 0
  let sink: Sink | undefined
  return {
    source: (given: Sink) => {
      sink = given
      return () => {
        stops++
      }
    },
    sink: () => sink!,
    stops: () => stops
  }
}

describe("SseWriter", () => {
  it.scopedLive("joins what arrives within one turn of the event loop into one write", () =>
    Effect.gen(function* () {
      const { peer, response } = yield* serve
      const { sink, source } = held()
      const fiber = yield* Effect.fork(SseWriter.write(response, source, Unread.backlog()))
      yield* Effect.yieldNow()
      for (const letter of "abc") sink().write(letter)
      yield* peer.until("3\r\nabc\r\n")
      sink().write("d")
      sink().end()
      yield* Fiber.join(fiber)
      yield* peer.until("1\r\nd\r\n0\r\n\r\n")
    })
  )

  it.scopedLive("disconnects a reader that has stopped reading, after the time limit", () =>
    Effect.gen(function* () {
      const { peer, response } = yield* serve
      const { sink, source } = held()
      peer.socket.pause()
      const fiber = yield* Effect.fork(SseWriter.write(response, source, Unread.backlog(), 50))
      yield* Effect.yieldNow()
      const closed = Effect.async<void>((resume) => {
        response.on("close", () => resume(Effect.void))
      })
      // The kernel's buffers come first; then one piece waits in ours.
      for (let still = 0; still < 20; ) {
        if (response.writableLength === 0) {
          sink().write("x".repeat(100_000))
          still = 0
        } else still++
        yield* Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))
      }
      yield* closed
      assert.isTrue(response.destroyed)
      // The server's listener would do this.
      yield* Fiber.interrupt(fiber)
      sink().write("late")
      sink().end()
    })
  )

  it.scopedLive("limits each reader of a gateway to a small share while all together buffer too much", () =>
    Effect.gen(function* () {
      const turn = Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))
      /** Fills the kernel's buffers and most of what one reader may hold. */
      const stalled = Effect.fnUntraced(function* (backlog: Unread.Backlog) {
        const { peer, response } = yield* serve
        const { sink, source } = held()
        peer.socket.pause()
        const fiber = yield* Effect.forkScoped(SseWriter.write(response, source, backlog))
        yield* Effect.yieldNow()
        for (let still = 0; still < 20; ) {
          if (response.writableLength === 0) sink().write("x".repeat(100_000))
          still = response.writableLength === 0 ? 0 : still + 1
          yield* turn
        }
        for (let n = 0; n < 8; n++) sink().write("x".repeat(100_000))
        return { fiber, response }
      })
      const full = Unread.backlog()
      const readers = yield* Effect.replicateEffect(stalled(full), 70)
      const cut = readers.filter(({ response }) => response.destroyed).length
      assert.isAbove(cut, 5)
      assert.isBelow(cut, 30)
      const neighbour = yield* stalled(Unread.backlog())
      assert.isFalse(neighbour.response.destroyed, "a reader of another gateway is not cut")
      yield* Fiber.interrupt(neighbour.fiber)
      yield* Effect.forEach(readers, ({ fiber }) => Fiber.interrupt(fiber))
      assert.strictEqual(full.characters, 0)
      const { response } = yield* stalled(full)
      assert.isFalse(response.destroyed)
    })
  )

  it.scopedLive("has a shorter time limit while megabytes are buffered", () =>
    Effect.gen(function* () {
      const { peer, response } = yield* serve
      const { sink, source } = held()
      peer.socket.pause()
      const fiber = yield* Effect.fork(SseWriter.write(response, source, Unread.backlog(), 6_000))
      yield* Effect.yieldNow()
      const closed = Effect.async<void>((resume) => {
        response.on("close", () => resume(Effect.void))
      })
      sink().write("x".repeat(16_000_000))
      yield* Effect.timeout(closed, "4 seconds")
      yield* Fiber.interrupt(fiber)
    })
  )

  it.scopedLive("closes the connection and dies with the defect of its source", () =>
    Effect.gen(function* () {
      const { peer, response } = yield* serve
      const { sink, source } = held()
      const fiber = yield* Effect.fork(SseWriter.write(response, source, Unread.backlog()))
      yield* Effect.yieldNow()
      sink().write("half")
      yield* peer.until("half")
      sink().crash("bug")
      const exit = yield* Fiber.await(fiber)
      assert.isTrue(Exit.isFailure(exit) && exit.cause._tag === "Die")
      assert.isFalse((yield* peer.closed).endsWith("0\r\n\r\n"))
      assert.isTrue(response.writableEnded)
    })
  )

  it.scopedLive("stops its source when interrupted, and does not make a partial answer look complete", () =>
    Effect.gen(function* () {
      const { peer, response } = yield* serve
      const { sink, source, stops } = held()
      const fiber = yield* Effect.fork(SseWriter.write(response, source, Unread.backlog()))
      yield* Effect.yieldNow()
      sink().write("half")
      yield* peer.until("half")
      yield* Fiber.interrupt(fiber)
      assert.strictEqual(stops(), 1)
      assert.isFalse((yield* peer.closed).endsWith("0\r\n\r\n"))
    })
  )
})
