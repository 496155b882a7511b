import { spawn } from "node:child_process"
import { fileURLToPath } from "node:url"
import { assert, describe, it } from "@effect/vitest"

const module = fileURLToPath(new URL("../src/LogOutput.ts", import.meta.url))

/** Writes five megabytes without a pause, tells what is kept, and writes once more when its reader has caught up. */
const program = `
import * as LogOutput from ${JSON.stringify(module)}
const output = LogOutput.make()
for (let n = 0; n < 5000; n++) output.write("x".repeat(999) + "\\n")
process.stderr.write("kept " + process.stdout.writableLength + "\\n")
process.stdin.once("data", () => {
  output.write("last\\n")
  process.exit(0)
})
`

describe("LogOutput", () => {
  it("keeps little for the reader of a socket that stalls, and tells how many lines that cost", async () => {
    // What Node calls a pipe to a child is a socket.
    const child = spawn(process.execPath, ["--import", "tsx", "--input-type=module", "-e", program])
    child.stdout.pause()
    const kept = await new Promise<number>((resolve) =>
      child.stderr.on("data", (text: Buffer) => resolve(Number(/kept (\d+)/.exec(text.toString())?.[1])))
    )
    assert.isAtMost(kept, 1_100_000)
    let read = ""
    child.stdout.on("data", (text: Buffer) => {
      const before = read.length
      read += text.toString()
      // Everything that was kept has come.
      if (before <= kept && read.length > kept) setTimeout(() => child.stdin.write("go"), 200)
    })
    child.stdout.resume()
    await new Promise((resolve) => child.on("close", resolve))
    const lines = read.trimEnd().split("\n")
    assert.strictEqual(lines.at(-1), "last")
    const { dropped, message } = JSON.parse(lines.at(-2) ?? "") as {
      readonly dropped: number
      readonly message: string
    }
    assert.strictEqual(message, "log lines dropped")
    assert.strictEqual(lines.length - 2 + dropped, 5_000)
    assert.isAbove(dropped, 1_000)
  }, 20_000)
})
