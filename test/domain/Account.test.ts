import { assert, describe, it } from "@effect/vitest"
import { Either, FastCheck, Redacted } from "effect"
import * as Account from "../../src/domain/Account.ts"

const plain = (text: string) =>
  Either.map(Account.parse(text), (accounts) =>
    accounts.map(({ password, username }) => [username, Redacted.value(password)])
  )

describe("Account", () => {
  it("reads the short form, where the first colon splits", () => {
    assert.deepStrictEqual(
      plain("u1:p1, u2:p:2 "),
      Either.right([
        ["u1", "p1"],
        ["u2", "p:2"]
      ])
    )
  })

  it("reads JSON, where a password may hold anything", () => {
    const text = JSON.stringify([{ username: "u1", password: " a,b:c " }])
    assert.deepStrictEqual(plain(text), Either.right([["u1", " a,b:c "]]))
  })

  const wrong = [
    "",
    "u1",
    "u1:",
    ":secret",
    "u1:secret,",
    "u1:secret,u1:other",
    "[]",
    "[1]",
    '{"username":"u"}',
    "[oops"
  ]
  for (const text of wrong) {
    it(`refuses ${JSON.stringify(text)} by its rule, without a value`, () => {
      const rule = Either.getOrThrow(Either.flip(Account.parse(text)))
      assert.match(rule, /^must /)
      assert.notInclude(rule, "secret")
    })
  }

  it("hides passwords from logs", () => {
    assert.notInclude(JSON.stringify(Account.parse("u1:secret")), "secret")
  })

  const name = FastCheck.string({ minLength: 1 }).filter((text) => text.trim() === text && text !== "")
  const list = FastCheck.uniqueArray(FastCheck.record({ username: name, password: name }), {
    minLength: 1,
    selector: ({ username }) => username
  })
  it.prop("gives back every list written as JSON", [list], ([accounts]) => {
    const expected = accounts.map(({ password, username }) => [username, password])
    assert.deepStrictEqual(plain(JSON.stringify(accounts)), Either.right(expected))
  })
})
