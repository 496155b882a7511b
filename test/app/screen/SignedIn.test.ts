import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, TestClock } from "effect"
import * as SignedIn from "../../../src/app/screen/SignedIn.ts"
import { Pool } from "../../../src/chat/Pool.ts"
import * as Login from "../../../src/domain/Login.ts"
import * as TestBackend from "../../support/TestBackend.ts"

const seen = (more: Partial<SignedIn.Seen> = {}): SignedIn.Seen => ({
  id: "inst-0",
  account: undefined,
  loggedIn: true,
  login: Login.signedIn,
  state: "ready",
  ...more
})
const out = (login: Login.AccountState) => seen({ id: "inst-1", loggedIn: false, login })
const failed = out({ _tag: "Failed", reason: "bad_credentials", detail: "secret", until: 0 })

describe("whether accounts are signed in, on the start screen,", () => {
  it("is said of the only one in a word, with the reason where it is known", () => {
    const words: ReadonlyArray<readonly [SignedIn.Seen, string]> = [
      [seen(), "(signed in)"],
      [out(Login.idle), "(signed out)"],
      [failed, "(signed out: password refused)"],
      [out({ _tag: "Running", by: "browser" }), "(signing in)"],
      [out({ _tag: "Running", by: "person" }), "(signed out: waits for a person)"],
      [seen({ state: "starting", loggedIn: undefined, login: Login.idle }), "(starting)"],
      [seen({ loggedIn: undefined, login: Login.idle }), "(does not say whether it is signed in)"]
    ]
    for (const [one, word] of words) assert.strictEqual(SignedIn.words([one]), word)
  })

  it("is said of each of several, by its account where that is known, which is masked", () => {
    const words = SignedIn.words([seen({ account: "ann@example.com" }), failed])
    assert.match(words, /^an\S+ \(signed in\), inst-1 \(signed out: password refused\)$/)
    assert.notInclude(words, "example.com")
    assert.match(SignedIn.words(Array.from({ length: 20 }, () => failed)), /, and 12 more$/)
  })

  it("has a person sign in where nothing else does", () => {
    assert.deepStrictEqual(
      [seen(), out(Login.idle), failed, out({ _tag: "Running", by: "browser" })].map((one) => SignedIn.isOut([one])),
      [false, true, true, false]
    )
  })

  it.effect("is waited for while Lingma starts, and not for long", () =>
    Effect.gen(function* () {
      let state: "starting" | "ready" = "starting"
      const { backend } = TestBackend.make(undefined, {
        status: Effect.sync(() => ({ ...TestBackend.ready, state }))
      })
      const pool = yield* Pool.make([backend])
      const soon = yield* Effect.fork(SignedIn.look(pool))
      yield* TestClock.adjust("200 millis")
      assert.isTrue((yield* Fiber.poll(soon))._tag === "None")
      state = "ready"
      yield* TestClock.adjust("100 millis")
      assert.strictEqual(SignedIn.words(yield* soon), "(signed in)")
      state = "starting"
      const never = yield* Effect.fork(SignedIn.look(pool))
      yield* TestClock.adjust("2 seconds")
      assert.strictEqual(SignedIn.words(yield* never), "(starting)")
    }).pipe(Effect.scoped)
  )
})
