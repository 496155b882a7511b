import { execFileSync } from "node:child_process"
import { tmpdir } from "node:os"
import { assert, describe, it } from "@effect/vitest"

const file = new URL("../../dist/bundle/start.cjs", import.meta.url).pathname
const look = `
  const { readFileSync } = require("node:fs"), [, file] = process.argv
  const options = { filename: file, cachedData: readFileSync(file + ".code") }
  console.log(new (require("node:vm").Script)(readFileSync(file, "latin1"), options).cachedDataRejected)
`
/** What of Node the modules load as they are evaluated, before anything runs. */
const evaluate = `
  const [, file] = process.argv
  const script = new (require("node:vm").Script)(require("node:fs").readFileSync(file, "latin1"), { filename: file })
  script.runInThisContext()(require("node:module").createRequire(file), file, () => new Promise(() => {}))
  console.log(process.moduleLoadList.filter((name) => name.includes("undici")).length)
  process.exit()
`

describe("the bundle", () => {
  it("comes with compiled code that a fresh process takes: V8 binds it to its flags", () => {
    const said = execFileSync(process.execPath, ["-e", look, file], { encoding: "utf8", env: {}, timeout: 20_000 })
    assert.strictEqual(said.trim(), "false")
  })

  it("starts without Node's fetch, Request and Headers, which take 50 ms and some megabytes to load", () => {
    const options = { encoding: "utf8", env: {}, cwd: tmpdir(), timeout: 20_000 } as const
    assert.strictEqual(execFileSync(process.execPath, ["-e", evaluate, file], options).trim(), "0")
  })
})
