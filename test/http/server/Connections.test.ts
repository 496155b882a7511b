import type { ServerResponse } from "node:http"
import type { AddressInfo, Socket } from "node:net"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Schedule } from "effect"
import { Connections } from "../../../src/http/server/Connections.ts"
import * as RawHttp from "../../support/RawHttp.ts"

const listening = Effect.acquireRelease(
  Effect.async<Connections>((resume) => {
    const server = new Connections({ maxConnections: 10 })
    server.listen(0, "127.0.0.1", () => resume(Effect.succeed(server)))
  }),
  (server) =>
    Effect.sync(() => {
      server.closeAllConnections()
      server.close()
    })
)

/** Resolves when a figure has stayed what it is for a while. */
const steady = (figure: () => number) => {
  let [last, times] = [-1, 0]
  return Effect.sync(() => {
    times = figure() === last ? times + 1 : 0
    last = figure()
    return times
  }).pipe(Effect.repeat({ until: (same) => same >= 20, schedule: Schedule.spaced("20 millis") }))
}

/** A server that answers nothing until it is told to, and a client of it. */
const holding = Effect.gen(function* () {
  const server = yield* listening
  let connection: Socket | undefined
  let isOpen = false
  const waiting: Array<ServerResponse> = []
  server.on("connection", (socket) => {
    connection = socket
  })
  server.on("request", (_, response) => (isOpen ? response.end("answer") : waiting.push(response)))
  const peer = yield* RawHttp.connect((server.address() as AddressInfo).port)
  const answer = () => {
    isOpen = true
    waiting[0]?.end("answer")
  }
  const answered = () => peer.text().split("\r\n\r\nanswer").length - 1
  return { answer, answered, peer, read: () => connection?.bytesRead ?? 0, waiting }
})

const request = (filler = "") => `GET / HTTP/1.1\r\nhost: a\r\nx: ${filler}\r\n\r\n`

describe("Connections", () => {
  it.scopedLive("keeps a request that comes before anything serves, and forgets that of a client that left", () =>
    Effect.gen(function* () {
      const server = yield* listening
      const { port } = server.address() as AddressInfo
      const sockets: Array<Socket> = []
      server.on("connection", (socket) => sockets.push(socket))
      const gone = yield* RawHttp.connect(port)
      yield* gone.send(request("gone"))
      yield* steady(() => sockets[0]?.bytesRead ?? 0)
      gone.socket.resetAndDestroy()
      yield* Effect.sync(() => sockets[0]?.destroyed).pipe(
        Effect.repeat({ until: (isGone) => isGone === true, schedule: Schedule.spaced("5 millis") })
      )
      const peer = yield* RawHttp.connect(port)
      yield* peer.send(request("early"))
      yield* steady(() => sockets[1]?.bytesRead ?? 0)
      const seen: Array<string> = []
      server.on("request", ({ headers }, response) => {
        seen.push(String(headers["x"]))
        response.end("answer")
      })
      yield* Effect.sync(() => peer.text().endsWith("answer")).pipe(
        Effect.repeat({ until: (done) => done, schedule: Schedule.spaced("5 millis") })
      )
      assert.deepStrictEqual(seen, ["early"])
    })
  )

  it.scopedLive("pauses a connection with queued requests, and resumes it as they are answered", () =>
    Effect.gen(function* () {
      const { answer, answered, peer, read, waiting } = yield* holding
      const count = 2_000
      const large = request("y".repeat(8_000))
      for (let i = 0; i < count; i++) peer.socket.write(large)
      yield* steady(read)
      assert.lengthOf(waiting, 1)
      assert.isBelow(read(), 40 * large.length)
      answer()
      yield* steady(answered)
      assert.strictEqual(answered(), count)
    })
  )

  it.scopedLive("resumes a connection after exactly the max number of queued requests, one fewer or one more", () =>
    Effect.gen(function* () {
      for (const count of [15, 16, 17]) {
        const { answer, answered, peer, read } = yield* holding
        yield* peer.send(request().repeat(count))
        yield* steady(read)
        assert.strictEqual(read(), count * request().length)
        answer()
        yield* steady(answered)
        yield* peer.send(request())
        yield* steady(answered)
        assert.strictEqual(answered(), count + 1)
      }
    })
  )
})
