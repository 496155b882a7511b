import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Layer, Option, Redacted } from "effect"
import { GatewayConfig, type Settings } from "../../../src/config/Config.ts"
import { anonymous } from "../../../src/domain/keys/Caller.ts"
import { Auth, keyOf } from "../../../src/http/edge/Auth.ts"
import type * as Key from "../../../src/team/keys/Key.ts"
import * as KeyRing from "../../../src/team/keys/KeyRing.ts"

const request = (headers: Record<string, string>) =>
  HttpServerRequest.fromWeb(new Request("http://localhost/internal/stats", { headers }))

const apiKeys = [Redacted.make("api-one"), Redacted.make("api-two")]
const adminKeys = [Redacted.make("admin")]
const origins = ["https://app.example.com"]

const outcome = (check: typeof Auth.Service.admin, headers: Record<string, string>) =>
  Effect.map(Effect.either(check(request(headers))), (result) =>
    result._tag === "Left" ? result.left.reason : "let in"
  )

describe("Auth", () => {
  it("reads a key from the Authorization or the x-api-key header", () => {
    assert.strictEqual(keyOf(request({ authorization: "BEARER  k " })), "k")
    assert.strictEqual(keyOf(request({ "x-api-key": "k" })), "k")
    assert.isUndefined(keyOf(request({ authorization: "Basic k" })))
  })

  it.effect("lets nobody in by settings that rely on keys which are not read here", () =>
    Effect.gen(function* () {
      const isOpen = (settings: Partial<Settings>) =>
        Effect.map(Auth, (auth) => auth.isOpen()).pipe(
          Effect.provide(Layer.provide(Auth.layer, GatewayConfig.layer(settings)))
        )
      assert.isTrue(yield* isOpen({}))
      assert.isFalse(yield* isOpen({ keysFile: Option.some("keys.yaml") }))
      assert.isFalse(yield* isOpen({ host: "0.0.0.0" }))
      assert.isTrue(yield* isOpen({ host: "0.0.0.0", allowOpen: true }))
    })
  )

  it("identifies callers by their API keys, and treats all as one without keys", () => {
    const { caller } = Auth.make({ apiKeys, adminKeys, origins })
    const one = caller(request({ authorization: "Bearer api-one" }))
    assert.strictEqual(caller(request({ "x-api-key": "api-one" })), one)
    assert.notStrictEqual(caller(request({ "x-api-key": "api-two" })), one)
    assert.match(one.id, /^key_[\w-]{22}$/)
    assert.deepInclude(one, { name: "key-1", weight: 1 })
    assert.strictEqual(caller(request({ "x-api-key": "api-two" })).name, "key-2")
    const open = Auth.make({ apiKeys: [], adminKeys, origins })
    assert.strictEqual(open.caller(request({ "x-api-key": "any" })), open.caller(request({})))
    assert.strictEqual(open.caller(request({})), anonymous)
  })

  it("names a key that is listed twice by its first place", () => {
    const { caller } = Auth.make({ apiKeys: [...apiKeys, apiKeys[0]!], adminKeys, origins })
    assert.strictEqual(caller(request({ "x-api-key": "api-one" })).name, "key-1")
  })

  it.effect("accepts everybody when no keys are configured", () =>
    Effect.gen(function* () {
      const { admin, api } = Auth.make({ apiKeys: [], adminKeys: [], origins })
      assert.strictEqual(yield* outcome(api, {}), "let in")
      assert.strictEqual(yield* outcome(admin, {}), "let in")
    })
  )

  it.effect("requires an admin key for the administration, or an API key if there are no admin keys", () =>
    Effect.gen(function* () {
      const own = Auth.make({ apiKeys, adminKeys, origins })
      assert.strictEqual(yield* outcome(own.admin, { authorization: "Bearer admin" }), "let in")
      assert.strictEqual(yield* outcome(own.admin, { authorization: "Bearer api-one" }), "not_admin")
      assert.strictEqual(yield* outcome(own.api, { authorization: "Bearer admin" }), "wrong")
      const shared = Auth.make({ apiKeys, adminKeys: [], origins })
      assert.strictEqual(yield* outcome(shared.admin, { "x-api-key": "api-two" }), "let in")
      assert.strictEqual(yield* outcome(shared.admin, {}), "missing")
    })
  )

  it.effect("accepts each of several keys, and nothing similar to one", () =>
    Effect.gen(function* () {
      const { api } = Auth.make({ apiKeys, adminKeys, origins })
      for (const key of ["api-one", "api-two"]) assert.strictEqual(yield* outcome(api, { "x-api-key": key }), "let in")
      for (const key of ["api-on", "api-one1", "API-ONE", "api-three", "api-one,api-two", "api-one, api-two"]) {
        assert.strictEqual(yield* outcome(api, { "x-api-key": key }), "wrong", key)
      }
      const { api: sole } = Auth.make({ apiKeys: apiKeys.slice(0, 1), adminKeys, origins })
      assert.strictEqual(yield* outcome(sole, { "x-api-key": "api-two" }), "wrong")
    })
  )

  it.effect("rejects requests of unlisted web origins to the administration", () =>
    Effect.gen(function* () {
      const { admin } = Auth.make({ apiKeys, adminKeys, origins })
      const key = { authorization: "Bearer admin" }
      assert.strictEqual(yield* outcome(admin, { ...key, origin: "https://evil.example" }), "origin")
      assert.strictEqual(yield* outcome(admin, { ...key, origin: "null" }), "origin")
      assert.strictEqual(yield* outcome(admin, { ...key, origin: "https://app.example.com" }), "let in")
    })
  )

  it.effect("lets a named key administer only where it is made for that, whatever the settings lack", () =>
    Effect.gen(function* () {
      const named = (name: string, isAdmin: boolean): Key.Known => {
        const [known] = KeyRing.ofSettings([Redacted.make(`sk-${name}`)])
        return { ...known!, key: { ...known!.key, name, isAdmin, source: "database" } }
      }
      const keys = [named("boss", true), named("alice", false)]
      const auth = Auth.ofRing(KeyRing.fixed(keys, Clock.make()), { adminKeys: [], origins })
      const by = (name: string) => ({ authorization: `Bearer sk-${name}` })
      for (const check of [auth.admin, auth.metrics]) {
        assert.strictEqual(yield* outcome(check, by("boss")), "let in")
        assert.strictEqual(yield* outcome(check, by("alice")), check === auth.admin ? "not_admin" : "wrong")
        assert.strictEqual(yield* outcome(check, {}), "missing")
      }
      assert.strictEqual(yield* outcome(auth.api, by("alice")), "let in")
      assert.strictEqual(yield* outcome(auth.api, by("carol")), "wrong")
    })
  )

  it.effect("tells a key that has expired from one that is wrong", () =>
    Effect.gen(function* () {
      const [known] = KeyRing.ofSettings([Redacted.make("sk-old")])
      const key = { ...known!.key, expiresAt: 0 }
      const { api } = Auth.ofRing(KeyRing.fixed([{ ...known!, key }], Clock.make()), { adminKeys, origins })
      assert.strictEqual(yield* outcome(api, { "x-api-key": "sk-old" }), "expired")
      assert.strictEqual(yield* outcome(api, { "x-api-key": "sk-new" }), "wrong")
    })
  )

  it.effect("looks a request's key up once, whoever asks meanwhile, and again once the keys have changed", () =>
    Effect.gen(function* () {
      const named = (secret: string) => KeyRing.ofSettings([Redacted.make(secret)])
      let ring = KeyRing.fixed(named("sk-a"), Clock.make())
      let looks = 0
      const find = (given: string) => {
        looks++
        return ring.find(given)
      }
      const all = () => ring.all()
      const auth = Auth.ofRing({ ...ring, all, find }, { adminKeys, origins })
      const [one, other] = [request({ "x-api-key": "sk-a" }), request({ authorization: "Bearer sk-a" })]
      for (const each of [one, other]) {
        yield* auth.api(each)
        assert.strictEqual(auth.caller(each).name, "key-1")
      }
      for (const each of [one, other]) assert.strictEqual(auth.key(each)?.name, "key-1")
      assert.strictEqual(looks, 2)
      ring = KeyRing.fixed(named("sk-b"), Clock.make())
      assert.isUndefined(auth.key(one))
      assert.strictEqual(looks, 3)
      // At the door nothing that was found before counts.
      assert.strictEqual((yield* Effect.flip(auth.api(other))).reason, "wrong")
    })
  )
})
