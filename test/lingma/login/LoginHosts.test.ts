import { assert, describe, it } from "@effect/vitest"
import { FastCheck as fc } from "effect"
import * as LoginHosts from "../../../src/lingma/login/LoginHosts.ts"

const start = "https://login.example.com/lingma/login?state=abc&port=37510"
const local = "http://127.0.0.1:37510/login?state=abc&port=37510"

describe("a password may be typed", () => {
  it("on listed hosts only, by https and their own port", () => {
    const { mayType } = LoginHosts.make(start, ["login.example.com", "other.example.com:8443"], 37510)
    for (const url of [start, "https://LOGIN.example.com/x", "https://other.example.com:8443/"]) {
      assert.isTrue(mayType(url), url)
    }
    for (const url of [
      "http://login.example.com/",
      "https://login.example.com:8443/",
      "https://login.example.com.evil.example/",
      "https://evil.example/login.example.com",
      "https://login.example.com@evil.example/",
      "https://user:pass@login.example.com/",
      "https://user@login.example.com/",
      "https://:pass@login.example.com/",
      "https://sub.login.example.com/",
      "https://login.example.com./",
      "https://other.example.com/",
      "ftp://login.example.com/",
      "javascript:alert(1)",
      "about:blank",
      "",
      "http://127.0.0.1:37510/auth/callback?state=abc"
    ]) {
      assert.isFalse(mayType(url), url)
    }
  })

  it("on this machine by http too, at the port of the address or the one that is listed", () => {
    const bare = LoginHosts.make(local, ["127.0.0.1"], 37510).mayType
    assert.isTrue(bare("http://127.0.0.1:37510/login/frame"))
    assert.isFalse(bare("http://127.0.0.1:4000/login"))
    assert.isFalse(bare("http://localhost:37510/login"))
    assert.isFalse(bare("http://127.0.0.2:37510/login"))
    assert.isFalse(LoginHosts.make(local, [], 37510).mayType(local))
    assert.isTrue(LoginHosts.make(local, ["127.0.0.1:4000"], 37510).mayType("http://127.0.0.1:4000/login"))
    assert.isFalse(LoginHosts.make(local, ["127.0.0.1:4000"], 37510).mayType(local))
  })

  it("nowhere that is not listed, whatever the address", () => {
    fc.assert(
      fc.property(fc.webUrl({ withQueryParameters: true, withFragments: true }), (url) => {
        assert.isFalse(LoginHosts.make(url, ["login.example.com", "127.0.0.1"], undefined).mayType(url))
      })
    )
    fc.assert(
      fc.property(fc.string(), (text) => {
        LoginHosts.make(text, [text], undefined).mayType(text)
      })
    )
  })
})

describe("the callback", () => {
  it("is Lingma's own, on this machine, at the port it named", () => {
    const { isCallback } = LoginHosts.make(start, [], 37510)
    assert.isTrue(isCallback("http://127.0.0.1:37510/auth/callback?state=abc"))
    for (const url of [
      "http://127.0.0.1:1/auth/callback",
      "http://127.0.0.1:37510/auth/callback/x",
      "https://127.0.0.1:37510/auth/callback",
      "http://evil.example:37510/auth/callback"
    ]) {
      assert.isFalse(isCallback(url), url)
    }
  })

  it("is told by the address, also when that is wrapped in another", () => {
    assert.deepStrictEqual(LoginHosts.expected(start), { port: 37510, state: "abc" })
    const wrapped = `https://account.example.com/oauth?callback=${encodeURIComponent(start)}`
    assert.deepStrictEqual(LoginHosts.expected(wrapped), { port: 37510, state: "abc" })
    assert.deepStrictEqual(LoginHosts.expected("nonsense"), { port: undefined, state: undefined })
  })

  it("is taken from a paste only when it is the awaited one", () => {
    const good = "http://127.0.0.1:37510/auth/callback?state=abc&auth=x&token=y"
    assert.strictEqual(LoginHosts.callbackQuery(`  ${good}\n`, "abc"), "?state=abc&auth=x&token=y")
    assert.strictEqual(LoginHosts.callbackQuery(good, "other"), undefined)
    for (const wrong of [good.replace("127.0.0.1", "evil.example"), good.replace("callback", "elsewhere"), "x", ""]) {
      assert.strictEqual(LoginHosts.callbackQuery(wrong, "abc"), undefined, wrong)
    }
  })
})
