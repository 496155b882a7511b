import { createServer, get, type IncomingMessage, type Server, type ServerResponse } from "node:http"
import { assert, describe, it } from "@effect/vitest"
import { Effect, FastCheck, Queue } from "effect"
import * as ChunkedBody from "../../../src/http/server/ChunkedBody.ts"
import * as RawHttp from "../../support/RawHttp.ts"

/** Writes all pieces as fast as they are taken; ends with the last. */
const pour = (response: ServerResponse, pieces: ReadonlyArray<string>, onWait = () => {}) => {
  let at = 0
  const more = () => {
    while (at < pieces.length - 1) {
      if (!body.write(pieces[at++]!)) return onWait()
    }
    body.end(pieces[at] ?? "")
  }
  response.writeHead(200)
  const body = ChunkedBody.make(response, more)
  more()
}

const served = (onRequest: (response: ServerResponse, path: string) => void) =>
  Effect.acquireRelease(
    Effect.async<{ readonly server: Server; readonly port: number }>((resume) => {
      const server = createServer((request, response) => onRequest(response, request.url ?? ""))
      server.listen(0, "127.0.0.1", () => {
        const address = server.address()
        resume(Effect.succeed({ server, port: typeof address === "object" && address !== null ? address.port : 0 }))
      })
    }),
    ({ server }) =>
      Effect.sync(() => {
        server.closeAllConnections()
        server.close()
      })
  )

const fetched = (port: number, read: (response: IncomingMessage) => void = () => {}) =>
  Effect.async<string>((resume) => {
    get({ port, host: "127.0.0.1" }, (response) => {
      let text = ""
      response.setEncoding("utf8")
      response.on("data", (part) => {
        text += part
      })
      response.on("end", () => resume(Effect.succeed(text)))
      read(response)
    })
  })

const piece = FastCheck.string({ unit: FastCheck.constantFrom("a", "\r\n", "é", "你", "😀"), maxLength: 30 })

describe("ChunkedBody", () => {
  it.scopedLive("is decoded by an ordinary HTTP client", () =>
    Effect.gen(function* () {
      let pieces: ReadonlyArray<string> = []
      const { port } = yield* served((response) => pour(response, pieces))
      for (const sample of FastCheck.sample(FastCheck.array(piece, { minLength: 1, maxLength: 8 }), 100)) {
        pieces = sample
        assert.strictEqual(yield* fetched(port), sample.join(""))
      }
    })
  )

  it.scopedLive("waits for a slow reader, and continues where it stopped", () =>
    Effect.gen(function* () {
      const pieces = Array.from({ length: 400 }, (_, n) => `${n} ${"你".repeat(20_000)}\n`)
      const waits = yield* Queue.unbounded<void>()
      const { port } = yield* served((response) => pour(response, pieces, () => waits.unsafeOffer(undefined)))
      const text = yield* fetched(port, (response) => {
        response.pause()
        Effect.runFork(Effect.andThen(Queue.take(waits), () => response.resume()))
      })
      assert.isTrue(text === pieces.join(""))
    })
  )

  it.scopedLive("does not overtake an earlier response on the connection", () =>
    Effect.gen(function* () {
      const bodies = new Map<string, ChunkedBody.ChunkedBody>()
      const { port } = yield* served((response, path) => {
        response.writeHead(200)
        const body = ChunkedBody.make(response, () => {})
        bodies.set(path, body)
        body.write(`${path} begins`)
        body.write(`${path} goes on`)
      })
      const peer = yield* RawHttp.connect(port)
      yield* peer.send("GET /1 HTTP/1.1\r\nhost: a\r\n\r\nGET /2 HTTP/1.1\r\nhost: a\r\n\r\n")
      yield* peer.until("/1 goes on")
      bodies.get("/2")!.write("/2 waits")
      bodies.get("/1")!.end("/1 ends")
      yield* peer.until("/2 waits\r\n")
      bodies.get("/2")!.write("/2 is first now")
      bodies.get("/2")!.end("")
      const all = yield* peer.until("/2 is first now\r\n0\r\n\r\n")
      const said = [...all.matchAll(/^\/\d [a-z ]+(?=\r$)/gm)].map(([text]) => text)
      assert.deepStrictEqual(said, [
        "/1 begins",
        "/1 goes on",
        "/1 ends",
        "/2 begins",
        "/2 goes on",
        "/2 waits",
        "/2 is first now"
      ])
    })
  )

  it.scopedLive("is sent without chunks to an HTTP/1.0 client", () =>
    Effect.gen(function* () {
      const { port } = yield* served((response) => pour(response, ["a", "你", "c"]))
      const peer = yield* RawHttp.connect(port)
      yield* peer.send("GET / HTTP/1.0\r\nhost: a\r\n\r\n")
      assert.match(yield* peer.closed, /\r\n\r\na你c$/)
    })
  )
})
