import { assert, describe, it } from "@effect/vitest"
import { Effect, FastCheck, Fiber, Queue } from "effect"
import { Images, type Link, MOST } from "../../../src/http/chat/Images.ts"
import { NotFetched } from "../../../src/http/chat/sources/PublicFetch.ts"
import { dataUrl, gif, jpeg, png, webp } from "../../support/Pictures.ts"
import * as TestBackend from "../../support/TestBackend.ts"
import * as TestGateway from "../../support/TestGateway.ts"

const options = { imageLimitMb: 1, bodyLimitMb: 32, imageUrls: false }
const load = (links: ReadonlyArray<Link>, more: Partial<typeof options> = {}) =>
  Effect.flatMap(Images.make({ ...options, ...more }), (images) => images.load(links))
const one = (url: string) => Effect.map(load([{ param: "p", url }]), (all) => all.get("p"))
const refusal = (url: string) =>
  Effect.map(Effect.flip(one(url)), (error) => (error._tag === "ImageRefused" ? error.reason : error._tag))

describe("pictures by their addresses", () => {
  it.effect("wait in turns by caller: those of a flood are not all fetched before another's", () =>
    Effect.gen(function* () {
      const hosts: Array<string> = []
      const ends = yield* Queue.unbounded<void>()
      const resolve = (host: string) =>
        Effect.zipRight(
          Effect.sync(() => hosts.push(host)),
          Effect.zipRight(Queue.take(ends), new NotFetched({ reason: "none is there" }))
        )
      const { load } = yield* Images.make({ ...options, imageUrls: true, fetch: { resolve } })
      const asked = (id: string, n: number) =>
        Effect.fork(Effect.exit(load([{ param: "p", url: `http://${id}${n}.example/` }], { id, name: id, weight: 1 })))
      const settled = Effect.repeatN(Effect.yieldNow(), 50)
      const fibers = [
        ...(yield* Effect.forEach(
          Array.from({ length: 12 }, (_, n) => n),
          (n) => asked("a", n)
        ))
      ]
      yield* settled
      assert.strictEqual(hosts.length, 8)
      fibers.push(yield* asked("b", 0))
      yield* settled
      yield* Queue.offer(ends, undefined)
      yield* settled
      assert.deepStrictEqual(hosts.slice(8), ["b0.example"])
      yield* Fiber.interruptAll(fibers)
    })
  )
})

describe("a data URL", () => {
  it.effect("is taken in each of the four types, and as base64 beside a type", () =>
    Effect.gen(function* () {
      for (const [mediaType, bytes] of [
        ["image/png", png()],
        ["image/jpeg", jpeg()],
        ["image/gif", gif()],
        ["image/webp", webp()]
      ] as const) {
        const data = bytes.toString("base64")
        assert.deepStrictEqual(yield* one(dataUrl(mediaType, bytes)), { mediaType, data })
        assert.deepStrictEqual((yield* load([{ param: "p", data }])).get("p"), { mediaType, data })
      }
    })
  )

  it.effect("has the type its bytes say, whatever it is called", () =>
    Effect.gen(function* () {
      for (const head of [
        "data:image/png;base64,",
        "DATA:IMAGE/JPG;BASE64,",
        "data:;base64,",
        "data:image/x-icon;charset=utf-8;base64,"
      ]) {
        assert.strictEqual((yield* one(head + jpeg().toString("base64")))?.mediaType, "image/jpeg", head)
      }
    })
  )

  it.effect("is refused when it is no picture, no base64 or too large", () =>
    Effect.gen(function* () {
      const good = dataUrl("image/png", png())
      for (const [url, reason] of [
        [dataUrl("image/png", Buffer.from("hello")), "not_an_image"],
        [dataUrl("image/png", png().subarray(0, 7)), "not_an_image"],
        [dataUrl("image/webp", Buffer.from("RIFF....WAVEfmt ")), "not_an_image"],
        [dataUrl("image/svg+xml", Buffer.from("<svg/>")), "not_an_image"],
        [dataUrl("image/bmp", Buffer.from("BM......")), "not_an_image"],
        ["data:image/png;base64,", "not_an_image"],
        ["data:image/png,abc", "not_base64"],
        ["data:image/png;base64", "not_base64"],
        [`data:image/png${";x".repeat(200)};base64,AAAA`, "not_base64"],
        [`${good}=`, "not_base64"],
        [`${good.replace(/=+$/, "")}===`, "not_base64"],
        [dataUrl("image/png", png(301)).replace(/=+$/, "="), "not_base64"],
        [`${dataUrl("image/png", png(300))}A`, "not_base64"],
        [good.replace("iVBO", "iVB\f"), "not_base64"],
        [good.replace("iVBO", "iV_-"), "not_base64"],
        [dataUrl("image/png", png((1 << 20) + 1)), "too_large"]
      ] as const) {
        assert.strictEqual(yield* refusal(url), reason, url.slice(0, 60))
      }
      assert.strictEqual((yield* one(dataUrl("image/png", png(1 << 20))))?.mediaType, "image/png")
    })
  )

  it("survives whole, whatever the bytes after its head", () =>
    FastCheck.assert(
      FastCheck.asyncProperty(FastCheck.uint8Array({ maxLength: 200 }), async (tail) => {
        const bytes = Buffer.concat([png(8), tail])
        const image = await Effect.runPromise(one(dataUrl("image/png", bytes)))
        assert.isTrue(Buffer.from(image?.data ?? "", "base64").equals(bytes))
      })
    ))

  it("is checked strictly: one foreign character anywhere, and it is not base64", () => {
    const data = png(300).toString("base64")
    return FastCheck.assert(
      FastCheck.asyncProperty(
        FastCheck.nat(data.length - 1),
        FastCheck.constantFrom("%", " ", "\t", "\f", "\u00a0", "-", "_", "=", "é", "\0"),
        async (at, foreign) => {
          // At the very end it is padding.
          FastCheck.pre(foreign !== "=" || at < data.length - 2)
          const spoiled = data.slice(0, at) + foreign + data.slice(at + 1)
          assert.strictEqual(await Effect.runPromise(refusal(`data:image/png;base64,${spoiled}`)), "not_base64")
        }
      )
    )
  })

  it.effect("with line breaks or without padding is taken, and passed on as plain base64", () =>
    Effect.gen(function* () {
      for (const size of [300, 301, 302]) {
        const data = png(size).toString("base64")
        const bare = data.replace(/=+$/, "")
        const lines = data.replace(/.{76}/g, "$&\r\n")
        for (const sent of [bare, lines, `${lines}\n`, bare.replace(/.{64}/g, "$&\n"), `\n${data}\r\n`]) {
          const loaded = yield* load([
            { param: "a", data: sent },
            { param: "b", url: `data:image/png;base64,${sent}` }
          ])
          for (const image of loaded.values()) assert.deepStrictEqual(image, { mediaType: "image/png", data })
        }
      }
      const whole = png(1 << 20).toString("base64")
      const broken = whole.replace(/.{76}/g, "$&\r\n")
      assert.strictEqual((yield* load([{ param: "p", data: broken }])).get("p")?.data, whole)
    })
  )

  it.effect("of many megabytes is judged in linear time, good or bad", () =>
    Effect.gen(function* () {
      const data = png(24 << 20).toString("base64")
      const began = process.cpuUsage()
      for (const url of [data, `${data.slice(0, -1)}%`, `%${data.slice(1)}`, "=".repeat(data.length)]) {
        yield* Effect.either(load([{ param: "p", url: `data:image/png;base64,${url}` }], { imageLimitMb: 32 }))
      }
      assert.isBelow(process.cpuUsage(began).user / 1000, 10_000)
    })
  )
})

describe("the pictures of a request", () => {
  it.effect("come back by their param; the first that is refused is named", () =>
    Effect.gen(function* () {
      const links = [
        { param: "a", url: dataUrl("image/png", png()) },
        { param: "b", url: dataUrl("image/gif", gif()) }
      ]
      assert.deepStrictEqual([...(yield* load(links)).keys()], ["a", "b"])
      const error = yield* Effect.flip(load([...links, { param: "c", url: "data:image/png;base64,AAAA" }]))
      assert.isTrue(error._tag === "ImageRefused" && error.param === "c")
    })
  )

  it.effect("are counted: a hundred are taken", () =>
    Effect.gen(function* () {
      assert.isAtLeast(MOST, 100)
      const url = dataUrl("image/png", png())
      const many = Array.from({ length: MOST + 1 }, (_, i) => ({ param: `p${i}`, url }))
      assert.strictEqual((yield* load(many.slice(1))).size, MOST)
      const error = yield* Effect.flip(load(many))
      assert.deepInclude(error, { _tag: "ImageRefused", reason: "too_many", param: `p${MOST}` })
    })
  )
})

describe("an address", () => {
  it.effect("is not fetched unless that is switched on, and a file never", () =>
    Effect.gen(function* () {
      for (const url of [
        "https://a.example/b.png",
        "http://169.254.169.254/",
        "file:///etc/passwd",
        "/etc/passwd",
        ""
      ]) {
        assert.strictEqual(yield* refusal(url), "not_a_data_url")
      }
      for (const url of [
        ...[
          "file:///etc/passwd",
          "/etc/passwd",
          "",
          "ftp://a.example/b.png",
          "blob:https://a.example/b",
          "//a.example/b"
        ],
        ...["http://user@a.example/", "https://:secret@a.example/", "http://a.example:22/", "https://a.example:8443/"],
        ...["javascript:1", "gopher://a.example/", "http://", "http://[::1", "lingma:///agent/file?path=/etc/passwd"]
      ]) {
        const error = yield* Effect.flip(load([{ param: "p", url }], { imageUrls: true }))
        assert.deepInclude(error, { _tag: "ImageRefused", reason: "bad_address" }, url)
      }
    })
  )
})

describe("over HTTP", () => {
  const ask = (...urls: ReadonlyArray<string>) => ({
    model: "auto",
    messages: [
      {
        role: "user",
        content: [{ type: "text", text: "hi" }, ...urls.map((url) => ({ type: "image_url", image_url: { url } }))]
      }
    ]
  })

  it.scopedLive("pictures reach the backend whole, typed by their bytes, also megabytes of them", () =>
    Effect.gen(function* () {
      const scripted = TestBackend.make()
      const gateway = yield* TestGateway.serve(scripted)
      const large = png(6 << 20)
      const answer = yield* gateway.chat(ask(dataUrl("image/png", large), dataUrl("image/png", webp())))
      assert.strictEqual(answer.status, 200)
      const [first, second] = scripted.asks[0]?.images ?? []
      assert.isTrue(Buffer.from(first?.data ?? "", "base64").equals(large))
      assert.deepStrictEqual(second, { mediaType: "image/webp", data: webp().toString("base64") })
    })
  )

  it.scopedLive("a refusal is a 400 that names the part, and no word of what was sent; no slot is taken", () =>
    Effect.gen(function* () {
      const scripted = TestBackend.make()
      const gateway = yield* TestGateway.serve(scripted, { imageUrls: true })
      const good = dataUrl("image/png", png())
      for (const bad of [
        `${gateway.base}/healthz`,
        "http://127.0.0.1/secret.png",
        "http://localhost/secret.png",
        "https://[::ffff:169.254.169.254]/secret.png",
        "file:///secret.png",
        "data:image/png;base64,c2VjcmV0"
      ]) {
        const { json, status, text } = yield* gateway.chat(ask(good, bad))
        assert.deepStrictEqual(
          [status, json.error?.type, json.error?.param, json.error?.code],
          [400, "invalid_request_error", "messages[0].content[2].image_url", "unsupported_value"],
          bad
        )
        assert.notMatch(text, /secret|127\.0|169\.254|healthz/)
      }
      assert.strictEqual((yield* gateway.guard.stats).accepted, 0)
      assert.lengthOf(scripted.asks, 0)
    })
  )
})
