import { assert, describe, it } from "@effect/vitest"
import * as Login from "../../src/domain/Login.ts"

const words: ReadonlyArray<readonly [Login.AccountState, string]> = [
  [Login.signedIn, "signed_in"],
  [Login.idle, "idle"],
  [{ _tag: "Running", by: "browser" }, "running"],
  [{ _tag: "Running", by: "person" }, "waiting_for_person"],
  ...Login.loginReasons.map(
    (reason) => [{ _tag: "Failed", reason, detail: "told to nobody", until: 0 }, `login_failed:${reason}`] as const
  )
]

describe("the state of an account", () => {
  it("has one word each for logs and answers", () => {
    for (const [state, word] of words) assert.strictEqual(Login.word(state), word)
  })

  it("ends by itself while a browser signs it in, and waits for a person who was given the address", () => {
    const those = (is: (state: Login.AccountState) => boolean) =>
      words.flatMap(([state, word]) => (is(state) ? [word] : []))
    assert.deepStrictEqual(those(Login.endsByItself), ["running"])
    assert.deepStrictEqual(those(Login.awaitsPerson), ["waiting_for_person"])
  })
})
