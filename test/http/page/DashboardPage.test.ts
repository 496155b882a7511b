import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { request as ask } from "node:http"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { brotliDecompressSync, gunzipSync } from "node:zlib"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Redacted } from "effect"
import { Directory } from "../../../src/http/DashboardPage.ts"
import * as Server from "../../../src/http/Server.ts"
import * as TestBackend from "../../support/TestBackend.ts"
import * as TestGateway from "../../support/TestGateway.ts"

const html = '<!doctype html><script type="module" src="dashboard/assets/page-ABCD1234.js"></script>'

const built = Effect.map(
  Effect.acquireRelease(
    Effect.sync(() => mkdtempSync(join(tmpdir(), "dashboard-"))),
    (dir) => Effect.sync(() => rmSync(dir, { recursive: true, force: true }))
  ),
  (dir) => {
    mkdirSync(join(dir, "assets"))
    writeFileSync(join(dir, "index.html"), html)
    writeFileSync(join(dir, "assets", "page-ABCD1234.js"), "console.log(1)")
    writeFileSync(join(dir, "assets", "notes.txt"), "secret")
    writeFileSync(join(dir, "secret.js"), "secret")
    return dir
  }
)

const serve = (dir: string) =>
  TestGateway.serve(
    TestBackend.make(),
    { apiKeys: [Redacted.make("a-key-of-clients-1")] },
    Layer.provide(Server.layer, Layer.succeed(Directory, dir))
  )

/** As it is on the wire: `fetch` unpacks, and writes paths anew. */
const raw = (port: number, path: string, headers: Record<string, string> = {}) =>
  Effect.async<{ readonly status: number; readonly headers: NodeJS.Dict<string | string[]>; readonly body: Buffer }>(
    (resume) => {
      ask({ host: "127.0.0.1", port, path, headers }, (response) => {
        const parts: Array<Buffer> = []
        response.on("data", (part: Buffer) => parts.push(part))
        response.on("end", () =>
          resume(
            Effect.succeed({
              status: response.statusCode ?? 0,
              headers: response.headers,
              body: Buffer.concat(parts)
            })
          )
        )
      }).end()
    }
  )

describe("/dashboard", () => {
  it.scopedLive("is served without a key, and trusts nothing but its own files", () =>
    Effect.gen(function* () {
      const { port, request } = yield* serve(yield* built)
      const page = yield* request("/dashboard")
      assert.deepStrictEqual([page.status, page.text], [200, html])
      assert.strictEqual(page.headers.get("content-type"), "text/html; charset=utf-8")
      assert.strictEqual(page.headers.get("cache-control"), "no-cache")
      assert.strictEqual(page.headers.get("x-content-type-options"), "nosniff")
      assert.strictEqual(page.headers.get("referrer-policy"), "no-referrer")
      const policy = page.headers.get("content-security-policy") ?? ""
      assert.notInclude(policy, "unsafe")
      for (const part of ["default-src 'none'", "script-src 'self'", "frame-ancestors 'none'", "base-uri 'none'"])
        assert.include(policy, part)

      const path = "/dashboard/assets/page-ABCD1234.js"
      const plain = yield* raw(port, path)
      assert.deepStrictEqual([plain.status, String(plain.body)], [200, "console.log(1)"])
      assert.strictEqual(plain.headers["cache-control"], "public, max-age=31536000, immutable")
      assert.strictEqual(plain.headers["content-type"], "text/javascript; charset=utf-8")
      const br = yield* raw(port, path, { "accept-encoding": "gzip, br" })
      assert.strictEqual(br.headers["content-encoding"], "br")
      assert.strictEqual(String(brotliDecompressSync(br.body)), "console.log(1)")
      const gzip = yield* raw(port, path, { "accept-encoding": "gzip, br;q=0" })
      assert.strictEqual(String(gunzipSync(gzip.body)), "console.log(1)")
      assert.strictEqual((yield* request("/dashboard", { method: "HEAD" })).status, 200)
      assert.strictEqual((yield* request("/dashboard", { method: "POST" })).status, 405)
    })
  )

  it.scopedLive("is packed for who can unpack it, and caches are told so, also where other origins may read", () =>
    Effect.gen(function* () {
      const directory = Layer.succeed(Directory, yield* built)
      const { request } = yield* TestGateway.serve(
        TestBackend.make(),
        { corsOrigins: ["https://app.example.com"] },
        Layer.provide(Server.layer, directory)
      )
      const asset = yield* request("/dashboard/assets/page-ABCD1234.js")
      assert.strictEqual(asset.headers.get("vary"), "accept-encoding, Origin")
      const other = yield* request("/healthz")
      assert.strictEqual(other.headers.get("vary"), "Origin")
    })
  )

  it.scopedLive("answers no other file, however it is asked for", () =>
    Effect.gen(function* () {
      const { port } = yield* serve(yield* built)
      for (const name of [
        "notes.txt",
        "page-0.js",
        "../secret.js",
        "..%2fsecret.js",
        "%2e%2e/secret.js",
        "index.html",
        ""
      ]) {
        const { body, status } = yield* raw(port, `/dashboard/assets/${name}`)
        assert.strictEqual(status, 404, name)
        assert.notStrictEqual(String(body), "secret", name)
      }
    })
  )

  it.scopedLive("is where browsers are sent that ask for /, and nobody else", () =>
    Effect.gen(function* () {
      const { port, request } = yield* serve(yield* built)
      const browser = yield* raw(port, "/", { accept: "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8" })
      assert.deepStrictEqual([browser.status, browser.headers["location"]], [302, "dashboard"])
      const other = yield* request("/")
      assert.deepStrictEqual([other.status, other.json["docs"]], [200, "/docs"])
    })
  )

  it.scopedLive("says so where it was not built, and is there once it is", () =>
    Effect.gen(function* () {
      const dir = join(yield* built, "later")
      const { request } = yield* serve(dir)
      const missing = yield* request("/dashboard")
      assert.deepStrictEqual([missing.status, missing.json.error?.code], [404, "dashboard_not_built"])
      mkdirSync(join(dir, "assets"), { recursive: true })
      writeFileSync(join(dir, "index.html"), html)
      assert.strictEqual((yield* request("/dashboard")).text, html)
    })
  )

  it.scopedLive("heeds the rules for hosts", () =>
    Effect.gen(function* () {
      const dir = yield* built
      const { port } = yield* TestGateway.serve(
        TestBackend.make(),
        {},
        Layer.provide(Server.layer, Layer.succeed(Directory, dir))
      )
      assert.strictEqual((yield* raw(port, "/dashboard", { host: "evil.example" })).status, 403)
      assert.strictEqual((yield* raw(port, "/dashboard", { host: "localhost" })).status, 200)
    })
  )
})
