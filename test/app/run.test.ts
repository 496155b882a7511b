import { spawn } from "node:child_process"
import { fileURLToPath } from "node:url"
import { assert, describe, it } from "@effect/vitest"

const module = fileURLToPath(new URL("../../src/app/run.ts", import.meta.url))

/** Ends itself by SIGTERM; while it drains, `signal` comes, later than what counts as the same signal. */
const program = (signal: NodeJS.Signals) => `
import { Effect } from "effect"
import { run } from ${JSON.stringify(module)}
const drained = Effect.gen(function* () {
  yield* Effect.sleep(1_100)
  process.kill(process.pid, "${signal}")
  yield* Effect.sleep(300)
  console.log("drained")
})
run(Effect.acquireUseRelease(
  Effect.void,
  () => Effect.sync(() => process.kill(process.pid, "SIGTERM")).pipe(Effect.zipRight(Effect.never)),
  () => drained
))
`

const ends = (signal: NodeJS.Signals) => {
  const child = spawn(process.execPath, ["--import", "tsx", "--input-type=module", "-e", program(signal)])
  let said = ""
  child.stdout.on("data", (text: Buffer) => {
    said += text.toString()
  })
  return new Promise<readonly [string, NodeJS.Signals | null]>((resolve) =>
    child.on("close", (_, by) => resolve([said.trim(), by]))
  )
}

describe("A program that drains", () => {
  it("is not cut off by a reload or a closed terminal, but by another signal to end", { timeout: 30_000 }, async () => {
    assert.deepStrictEqual(await Promise.all([ends("SIGHUP"), ends("SIGTERM")]), [
      ["drained", null],
      ["", "SIGTERM"]
    ])
  })
})
