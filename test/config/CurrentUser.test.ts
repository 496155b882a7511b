import { homedir, userInfo } from "node:os"
import { assert, describe, it } from "@effect/vitest"
import * as CurrentUser from "../../src/config/CurrentUser.ts"

const unknown = () => {
  throw new Error("ENOENT: no such file or directory, uv_os_homedir")
}

describe("the user of the process", () => {
  it("is who the system says", () => {
    assert.strictEqual(CurrentUser.home(), homedir())
    assert.strictEqual(CurrentUser.name(), userInfo().username)
  })

  it("has neither a name nor a home in a container that runs it by a number, which is no failure", () => {
    assert.strictEqual(CurrentUser.home(unknown), "/")
    assert.strictEqual(
      CurrentUser.home(() => ""),
      "/"
    )
    assert.isUndefined(CurrentUser.name(unknown))
  })
})
