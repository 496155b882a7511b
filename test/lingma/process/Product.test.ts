import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Product from "../../../src/lingma/process/Product.ts"
import { LingmaRpc } from "../../../src/lingma/rpc/LingmaRpc.ts"
import { Metrics } from "../../../src/observe/Metrics.ts"
import * as FakeLingma from "../../support/FakeLingma.ts"

const by = (name: unknown, version: unknown, place?: string) =>
  Product.of({ hello: { capabilities: {}, serverInfo: { name, version } }, place })

describe("the product", () => {
  it("is Lingma by the versions and places seen, and by default", () => {
    for (const version of ["0.7.1", "2.11.1", "2.11.2", "2.25.0", "1.4.0", undefined, 3]) {
      assert.strictEqual(by("lingma", version), "lingma")
    }
    for (const hello of [undefined, null, {}, [], "qodercn", { serverInfo: null }, { serverInfo: { name: 1 } }]) {
      assert.strictEqual(Product.of({ hello, place: undefined }), "lingma")
    }
    for (const place of [
      "/home/a/.lingma/bin/2.11.1/x86_64_linux/Lingma",
      "/home/a/qoder-notes/Lingma",
      "/opt/decoder/x"
    ]) {
      assert.strictEqual(by("lingma", "2.11.1", place), "lingma", place)
    }
  })

  it("is QoderCN by name, by version, or by where it lies", () => {
    assert.strictEqual(by("QoderCN", "9"), "qodercn")
    assert.strictEqual(by("lingma", "1.25.3"), "qodercn")
    for (const place of [
      ...["/home/a/.qodercn/vscode/SharedClientCache", "/home/a/.config/QoderCN/SharedClientCache"],
      ...[
        "C:\\Users\\a\\AppData\\Roaming\\QoderCN\\SharedClientCache",
        "/Applications/Qoder CN.app/Contents/bin/Lingma"
      ]
    ]) {
      assert.strictEqual(by("lingma", "2.11.1", place), "qodercn", place)
    }
  })

  it.scopedLive("is known from the handshake", () =>
    Effect.gen(function* () {
      const server = yield* FakeLingma.make(undefined, undefined, {
        serverInfo: { name: "QoderCN", version: "1.25.0" }
      })
      const connect = LingmaRpc.make({ url: server.url, timeout: "2 seconds", initialize: {} })
      const rpc = yield* Effect.provide(connect, Metrics.layer)
      yield* rpc.ready
      assert.strictEqual(rpc.product(), "qodercn")
    })
  )
})
