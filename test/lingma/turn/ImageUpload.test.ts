import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Fiber, TestClock } from "effect"
import { LingmaRpc } from "../../../src/lingma/rpc/LingmaRpc.ts"
import * as ImageUpload from "../../../src/lingma/turn/ImageUpload.ts"
import { Metrics } from "../../../src/observe/Metrics.ts"
import * as FakeLingma from "../../support/FakeLingma.ts"

describe("what an upload is answered", () => {
  it("is read at either depth, under any of the names", () => {
    for (const json of [
      { requestId: "r", imageUrl: "u" },
      { result: { requestId: "r", imageUrl: "u" }, errorCode: "", errorMessage: "" },
      { success: true, data: { url: "u" } },
      { errorCode: "0", result: { image_url: "u" } }
    ]) {
      assert.deepStrictEqual(ImageUpload.read(json), { url: "u" })
    }
    for (const json of [{ success: false }, { result: { success: false, imageUrl: "u" } }]) {
      assert.deepStrictEqual(ImageUpload.read(json), { refusal: "success is false" })
    }
    assert.deepStrictEqual(ImageUpload.read({ errorCode: "E", errorMessage: "m" }), { refusal: "m" })
    for (const json of [{}, { result: { success: true } }, { result: null, imageUrl: "" }, { result: [], url: 5 }]) {
      assert.isUndefined(ImageUpload.read(json))
    }
  })
})

describe("an upload", () => {
  it.scoped("that never gets an address is given up", () =>
    Effect.gen(function* () {
      const server = yield* FakeLingma.make(({ id }, peer) => peer.send({ id, result: { result: { success: true } } }))
      const connect = LingmaRpc.make({ url: server.url, timeout: "2 seconds", initialize: {} })
      const rpc = yield* Effect.withClock(Effect.provide(connect, Metrics.layer), Clock.make())
      yield* rpc.ready
      const picture = { mediaType: "image/png", data: "aGk=" }
      const waiting = yield* Effect.fork(Effect.flip(ImageUpload.all(rpc, [picture])))
      yield* server.heard(({ method }) => method === "image/upload")
      yield* TestClock.adjust("29 seconds")
      assert.isNull(waiting.unsafePoll())
      yield* TestClock.adjust("2 seconds")
      assert.deepInclude(yield* Fiber.join(waiting), { _tag: "RpcTimeout", method: "image/upload" })
      assert.deepInclude(yield* rpc.stats, { turns: 0, pending: 0 })
    })
  )
})
