import { execFileSync } from "node:child_process"
import { assert, describe, it } from "@effect/vitest"

const file = new URL("../../dist/bundle/start.cjs", import.meta.url).pathname
const look = `
  const { readFileSync } = require("node:fs"), [, file] = process.argv
  const options = { filename: file, cachedData: readFileSync(file + ".code") }
  console.log(new (require("node:vm").Script)(readFileSync(file, "latin1"), options).cachedDataRejected)
`

describe("the bundle", () => {
  it("comes with compiled code that a fresh process takes: V8 binds it to its flags", () => {
    const said = execFileSync(process.execPath, ["-e", look, file], { encoding: "utf8", env: {}, timeout: 20_000 })
    assert.strictEqual(said.trim(), "false")
  })
})
