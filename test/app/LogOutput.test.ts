import { spawn } from "node:child_process"
import { closeSync, existsSync, mkdtempSync, openSync, readFileSync, rmSync, truncateSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { assert, describe, it } from "@effect/vitest"
import * as LogOutput from "../../src/app/LogOutput.ts"

const module = fileURLToPath(new URL("../../src/app/LogOutput.ts", import.meta.url))

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

/** A thousand lines of a hundred bytes, and one more when it is told to. */
const writesTwice = `
import * as LogOutput from ${JSON.stringify(module)}
const output = LogOutput.make()
for (let n = 0; n < 1000; n++) output.write(n + " " + "x".repeat(100) + "\\n")
process.stderr.write("full\\n")
process.stdin.once("data", () => {
  output.write("last\\n")
  output.close()
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

/** A sink that takes what it is allowed to, and keeps what it took. */
const scripted = () => {
  const state = { text: "", room: Number.POSITIVE_INFINITY, code: "ENOSPC", isClosed: false }
  const output = LogOutput.over({
    write: (bytes) => {
      const taken = Math.min(bytes.length, state.room)
      if (taken === 0) throw Object.assign(new Error(state.code), { code: state.code })
      state.room -= taken
      state.text += Buffer.from(bytes.subarray(0, taken)).toString()
      return taken
    },
    close: () => {
      state.isClosed = true
    }
  })
  return { state, output }
}
const droppedIn = (text: string) => [...text.matchAll(/"dropped":(\d+)/g)].map(([, count]) => Number(count))

describe("LogOutput over a disk or a pipe that fails", () => {
  for (const code of ["ENOSPC", "EDQUOT", "EAGAIN", "EIO"]) {
    it(`ends the line that ${code} cut in two, and tells once how many it cost`, () => {
      const { output, state } = scripted()
      Object.assign(state, { code, room: 9 })
      for (const line of ["one\n", "two two\n", "three\n", "four\n"]) output.write(line)
      assert.strictEqual(state.text, "one\ntwo t")
      state.room = Number.POSITIVE_INFINITY
      output.write("five\n")
      output.write("six\n")
      assert.deepStrictEqual(state.text.replace(/\{.*\}/, "DROPPED"), "one\ntwo two\nDROPPED\nfive\nsix\n")
      assert.deepStrictEqual(droppedIn(state.text), [2])
    })
  }

  it("tells nothing of a line to the next reader of a pipe whose reader had gone, but that it is lost", () => {
    const { output, state } = scripted()
    Object.assign(state, { code: "EPIPE", room: 2 })
    for (const line of ["one\n", "two\n", "three\n"]) output.write(line)
    state.text = ""
    state.room = Number.POSITIVE_INFINITY
    output.write("four\n")
    assert.match(state.text, /^\{.*\}\nfour\n$/)
    assert.deepStrictEqual(droppedIn(state.text), [3])
  })

  it("keeps nothing but one line, however long it lasts", () => {
    const { output, state } = scripted()
    state.room = 0
    for (let n = 0; n < 10_000; n++) output.write(`${n} ${"x".repeat(100)}\n`)
    state.room = Number.POSITIVE_INFINITY
    output.close()
    assert.isTrue(state.isClosed)
    assert.match(state.text, /^0 x+\n\{.*\}\n$/)
    assert.deepStrictEqual(droppedIn(state.text), [9_999])
  })

  it("goes on over a real file that may not grow, until it may again", async () => {
    const dir = mkdtempSync(join(tmpdir(), "lingma-log-"))
    const file = join(dir, "log")
    const child = spawn("/bin/sh", [
      "-c",
      `ulimit -f 64; exec "$@" >> ${file}`,
      "sh",
      ...[process.execPath, "--import", "tsx", "--input-type=module", "-e", writesTwice]
    ])
    const said = (word: string) =>
      new Promise<void>((resolve, reject) => {
        child.stderr.on("data", (text: Buffer) => {
          if (text.toString().includes(word)) resolve()
        })
        child.on("close", () => reject(new Error(`never: ${word}`)))
      })
    await said("full")
    const first = readFileSync(file, "utf8")
    truncateSync(file)
    const ended = new Promise<number | null>((resolve) => child.on("close", resolve))
    child.stdin.end("go")
    assert.strictEqual(await ended, 0)
    const second = readFileSync(file, "utf8")
    rmSync(dir, { recursive: true, force: true })
    const written = (first + second).split("\n").filter((line) => /^\d+ x+$/.test(line))
    const [dropped = 0] = droppedIn(second)
    assert.isAbove(dropped, 100)
    assert.strictEqual(written.length + dropped, 1_000)
    assert.match(second, /"log lines dropped".*\nlast\n$/)
  }, 20_000)

  if (existsSync("/dev/full")) {
    it("goes on where every write finds the disk full", async () => {
      const full = openSync("/dev/full", "w")
      const child = spawn(process.execPath, ["--import", "tsx", "--input-type=module", "-e", writesTwice], {
        stdio: ["pipe", full, "ignore"]
      })
      closeSync(full)
      child.stdin?.end("go")
      assert.strictEqual(await new Promise((resolve) => child.on("close", resolve)), 0)
    }, 20_000)
  }
})
