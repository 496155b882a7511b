import { assert, describe, it } from "@effect/vitest"
import * as Machine from "../../../src/app/doctor/Machine.ts"
import * as PublicUrl from "../../../src/app/doctor/PublicUrl.ts"

const id = ({ id, state }: { readonly id: string; readonly state: string }) => `${state} ${id}`

describe("doctor on the machine", () => {
  it("names a Node that is too old", () => {
    assert.strictEqual(id(Machine.node("18.20.4")), "fail node.old")
    assert.strictEqual(id(Machine.node("20.18.1")), "fail node.old")
    assert.deepStrictEqual(
      ["20.19.0", "22.0.0", "25.1.0"].map((one) => id(Machine.node(one))),
      Array(3).fill("ok node")
    )
  })

  it("names a disk that is full or nearly so, and one that takes no more files", () => {
    const disk = (megabytes: number, ffree = 1000) =>
      id(Machine.disk("/x", { bavail: megabytes, bsize: 1024 * 1024, files: 1000, ffree }))
    assert.deepStrictEqual([disk(10), disk(100), disk(5000)], ["fail disk.full", "warn disk.tight", "ok disk"])
    assert.strictEqual(disk(5000, 0), "fail disk.inodes")
    // A file system without a fixed number of files has 0 of 0.
    assert.strictEqual(id(Machine.disk("/x", { bavail: 5000, bsize: 1024 * 1024, files: 0, ffree: 0 })), "ok disk")
  })

  it("names a clock that was never set, and one that went back", () => {
    const now = Date.UTC(2026, 10, 29)
    assert.strictEqual(id(Machine.clock(0, undefined)), "fail clock.past")
    assert.strictEqual(id(Machine.clock(now, { path: "x", at: now + 3_600_000 })), "warn clock.back")
    assert.strictEqual(id(Machine.clock(now, { path: "x", at: now + 1000 })), "ok clock")
  })

  it("names proxies that take what goes to this machine", () => {
    const ids = (env: NodeJS.ProcessEnv) => Machine.proxies(env).map(id)
    assert.deepStrictEqual(ids({ http_proxy: "http://proxy:3128" }), ["warn proxy.loopback"])
    assert.deepStrictEqual(ids({ HTTP_PROXY: "http://proxy:3128", NO_PROXY: "example.com, 127.0.0.1" }), [])
    assert.deepStrictEqual(ids({ HTTPS_PROXY: "proxy" }), ["warn proxy.url"])
    assert.deepStrictEqual(ids({}), [])
  })
})

describe("doctor at the public URL", () => {
  it("reads a proxy's answer", () => {
    const seen = (status: number, text: string) => id(PublicUrl.judge("https://lingma.example.com", status, text))
    assert.strictEqual(seen(200, '{"pool_size":1}'), "ok public")
    assert.strictEqual(seen(403, '{"error":{}}'), "warn public.host")
    assert.strictEqual(seen(502, "<html>"), "fail public.upstream")
    assert.strictEqual(seen(301, ""), "warn public.redirect")
    assert.strictEqual(seen(404, "<html>"), "warn public.other")
  })
})
