import { createServer } from "node:net"
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Queue, TestClock } from "effect"
import { Images } from "../../../src/http/chat/Images.ts"
import { isPublic } from "../../../src/http/chat/sources/PublicAddress.ts"
import type { Network } from "../../../src/http/chat/sources/PublicFetch.ts"
import { jpeg, png, web } from "../../support/Pictures.ts"

/** Takes 127.0.0.1 for a public address, which nothing but these tests may. */
const asPublic: Partial<Network> = {
  mayConnect: (address) => address === "127.0.0.1" || isPublic(address),
  mayUsePort: () => true,
  resolve: () => Effect.succeed(["127.0.0.1"])
}

const load = (urls: ReadonlyArray<string>, fetch: Partial<Network> = asPublic, bodyLimitMb = 32) =>
  Images.make({ imageLimitMb: 1, bodyLimitMb, imageUrls: true, fetch }).pipe(
    Effect.flatMap((images) => images.load(urls.map((url, i) => ({ param: `p${i}`, url }))))
  )
const reasonOf = (url: string, fetch?: Partial<Network>) =>
  Effect.map(Effect.flip(load([url], fetch)), (error) => (error._tag === "ImageRefused" ? error.reason : error._tag))

describe("an image's address", () => {
  it.scopedLive("gives the picture, typed by its bytes, asked for without a trace of the caller", () =>
    Effect.gen(function* () {
      let sent: object = {}
      const { hits, port } = yield* web((request, response) => {
        sent = request.headers
        response.writeHead(200, { "content-type": "text/plain" }).end(jpeg(5000))
      })
      const all = yield* load([`http://pictures.example:${port}/a.png`])
      assert.deepStrictEqual(all.get("p0"), { mediaType: "image/jpeg", data: jpeg(5000).toString("base64") })
      assert.deepStrictEqual(hits, ["pictures.example/a.png"])
      assert.deepStrictEqual(Object.keys(sent).sort(), [
        "accept",
        "accept-encoding",
        "connection",
        "host",
        "user-agent"
      ])
    })
  )

  it.scopedLive("on this machine is refused without a connection, by number or by name", () =>
    Effect.gen(function* () {
      let connections = 0
      const server = createServer((socket) => {
        connections++
        socket.destroy()
      })
      yield* Effect.addFinalizer(() => Effect.sync(() => server.close()))
      const port = yield* Effect.async<number>((resume) => {
        server.listen(0, "127.0.0.1", () => {
          const address = server.address()
          resume(Effect.succeed(typeof address === "object" ? (address?.port ?? 0) : 0))
        })
      })
      const anyPort = { mayUsePort: () => true }
      for (const host of ["127.0.0.1", "127.1", "2130706433", "0x7f.1", "0177.0.0.1", "[::1]", "[::ffff:127.0.0.1]"]) {
        assert.strictEqual(yield* reasonOf(`http://${host}:${port}/`, anyPort), "not_fetched", host)
      }
      for (const found of [["127.0.0.1"], ["::1"], ["8.8.8.8", "127.0.0.1"], ["127.0.0.1", "8.8.8.8"], []]) {
        const resolve = () => Effect.succeed(found)
        assert.strictEqual(yield* reasonOf(`http://a.example:${port}/`, { ...anyPort, resolve }), "not_fetched")
      }
      assert.strictEqual(connections, 0)
    })
  )

  it.scopedLive(
    "is resolved once for each hop, so that a name which resolves to another address later has no effect",
    () =>
      Effect.gen(function* () {
        const answers = [["127.0.0.1"], ["10.0.0.1"]]
        let asked = 0
        const resolve = () => Effect.sync(() => answers[asked++] ?? ["10.0.0.1"])
        const plain = yield* web((_, response) => response.end(png()))
        yield* load([`http://turncoat.example:${plain.port}/`], { ...asPublic, resolve })
        assert.strictEqual(asked, 1)

        asked = 0
        const moved = yield* web((_, response) => response.writeHead(302, { location: "/again" }).end())
        const reason = yield* reasonOf(`http://turncoat.example:${moved.port}/`, { ...asPublic, resolve })
        assert.deepStrictEqual([reason, asked, moved.hits], ["not_fetched", 2, ["turncoat.example/"]])
      })
  )

  it.scopedLive("may redirect three times, but not to a private address or another scheme", () =>
    Effect.gen(function* () {
      const { hits, port } = yield* web(({ url = "" }, response) => {
        const [, kind, rest] = url.split("/")
        if (kind === "to") response.writeHead(301, { location: decodeURIComponent(rest ?? "") }).end()
        else if (kind === "0") response.end(png())
        else response.writeHead(307, { location: `/${Number(kind) - 1}` }).end()
      })
      const at = (path: string) => `http://a.example:${port}/${path}`
      assert.strictEqual((yield* load([at("3")])).size, 1)
      assert.strictEqual(yield* reasonOf(at("4")), "not_fetched")
      hits.length = 0
      for (const bad of [
        ...["http://10.0.0.1/", "http://169.254.169.254/latest/meta-data/", "http://[::1]/", "http://[fd00::1]/"],
        ...["file:///etc/passwd", "ftp://a.example/", "http://u:p@a.example/", "http://[", ""]
      ]) {
        assert.strictEqual(yield* reasonOf(at(`to/${encodeURIComponent(bad)}`)), "not_fetched", bad)
      }
      assert.isTrue(
        hits.every((hit) => hit.startsWith("a.example/to/")),
        hits.join(" ")
      )
      const other = yield* web((_, response) => response.end(png()))
      const elsewhere = at(`to/${encodeURIComponent(`http://b.example:${other.port}/`)}`)
      assert.strictEqual((yield* load([elsewhere])).size, 1)
      const oneOnly = { ...asPublic, mayUsePort: (wanted: number) => wanted === port }
      assert.strictEqual(yield* reasonOf(elsewhere, oneOnly), "not_fetched")
      assert.lengthOf(other.hits, 1)
    })
  )

  it.scopedLive("is refused with the same words whether it gives no picture, one that is too large, or nothing", () =>
    Effect.gen(function* () {
      const { port } = yield* web(({ url }, response) => {
        if (url === "/missing") response.writeHead(404).end(png())
        else if (url === "/text") response.end("secret".repeat(1000))
        else if (url === "/short") response.end("\x89PNG")
        else if (url === "/empty") response.end()
        else if (url === "/zipped")
          response.writeHead(200, { "content-encoding": "gzip" }).end(Buffer.from([31, 139, 8]))
        else if (url === "/long") response.end(png((1 << 20) + 1))
        else if (url === "/endless") {
          const more = () => {
            while (response.writable && response.write(png(65_536)));
            response.once("drain", more)
          }
          more()
        } else if (url === "/cut") {
          response.writeHead(200, { "content-length": 1000 }).write(png(500), () => response.destroy())
        } else response.destroy()
      })
      const messages = new Set<string>()
      for (const path of ["missing", "text", "short", "empty", "zipped", "long", "endless", "cut", "nothing"]) {
        messages.add((yield* Effect.flip(load([`http://a.example:${port}/${path}`]))).message)
      }
      messages.add((yield* Effect.flip(load(["http://10.0.0.1/"], asPublic))).message)
      messages.add((yield* Effect.flip(load(["http://a.example:9/"], asPublic))).message)
      assert.deepStrictEqual([...messages], ["No image could be fetched from this address."])
    })
  )

  it.scopedLive("counts against what one request may hold", () =>
    Effect.gen(function* () {
      const { port } = yield* web((_, response) => response.end(png(900_000)))
      const urls = Array.from({ length: 3 }, () => `http://a.example:${port}/`)
      assert.strictEqual((yield* load(urls)).size, 3)
      const error = yield* Effect.flip(load(urls, asPublic, 2))
      assert.deepInclude(error, { _tag: "ImageRefused", reason: "too_large" })
    })
  )

  it.scoped("is given up after ten seconds, wherever it hangs", () =>
    Effect.gen(function* () {
      const reached = yield* Deferred.make<void>()
      const { port } = yield* web((_, response) => {
        response.write(png(40))
        Deferred.unsafeDone(reached, Effect.void)
      })
      const waiting = yield* Effect.fork(reasonOf(`http://a.example:${port}/`))
      yield* Deferred.await(reached)
      yield* TestClock.adjust("9 seconds")
      assert.isNull(waiting.unsafePoll())
      yield* TestClock.adjust("2 seconds")
      assert.strictEqual(yield* Fiber.join(waiting), "not_fetched")

      const silent = yield* Effect.fork(reasonOf("http://a.example/", { resolve: () => Effect.never }))
      yield* TestClock.adjust("11 seconds")
      assert.strictEqual(yield* Fiber.join(silent), "not_fetched")
    })
  )

  it.scoped("is given up, too, when all of a request's together take half a minute", () =>
    Effect.gen(function* () {
      const asked = yield* Queue.unbounded<string>()
      const resolve = (host: string) =>
        Effect.zipRight(asked.offer(host), Effect.as(Effect.sleep("9 seconds"), ["127.0.0.1"]))
      const { port } = yield* web((_, response) => response.end(png()))
      const urls = Array.from({ length: 16 }, (_, i) => `http://h${i}.example:${port}/`)
      const waiting = yield* Effect.fork(Effect.flip(load(urls, { ...asPublic, resolve })))
      for (let round = 0; round < 3; round++) {
        yield* Queue.takeN(asked, 4)
        yield* TestClock.adjust("9 seconds")
      }
      yield* Queue.takeN(asked, 4)
      yield* TestClock.adjust("2 seconds")
      assert.isNull(waiting.unsafePoll())
      yield* TestClock.adjust("2 seconds")
      assert.deepInclude(yield* Fiber.join(waiting), { _tag: "ImageRefused", reason: "not_fetched", param: "p12" })
    })
  )

  it.scopedLive("is one of at most four at a time, and cut off when its reader leaves", () =>
    Effect.gen(function* () {
      const open = new Set<object>()
      const four = yield* Deferred.make<void>()
      const gone = yield* Deferred.make<void>()
      let most = 0
      const { port } = yield* web((_, response) => {
        open.add(response)
        most = Math.max(most, open.size)
        if (open.size === 4) Deferred.unsafeDone(four, Effect.void)
        response.on("close", () => {
          open.delete(response)
          if (open.size === 0) Deferred.unsafeDone(gone, Effect.void)
        })
      })
      const reader = yield* Effect.fork(load(Array.from({ length: 20 }, () => `http://a.example:${port}/`)))
      yield* Deferred.await(four)
      yield* Fiber.interrupt(reader)
      yield* Deferred.await(gone)
      assert.strictEqual(most, 4)
    })
  )
})
