/**
 * Starts the gateway once, asks what a first client asks, and keeps the code that was compiled for it.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setFlagsFromString } from "node:v8"
import { compiled, load } from "../bin/load.js"

const home = mkdtempSync(join(tmpdir(), "lingma-gateway-"))
process.on("exit", () => rmSync(home, { recursive: true, force: true, maxRetries: 5 }))
process.chdir(home)
process.env.GATEWAY_PORT = "0"
process.env.STATE_DIRECTORY = home

const said = new Promise((resolve) => {
  let text = ""
  // Also where the build has a terminal: a person's screen is another one.
  process.stderr.isTTY = false
  process.stderr.write = (chunk) => {
    text += chunk
    const found = /base URL +(http:\S+)/.exec(text)?.[1]
    if (found !== undefined) resolve(found)
    return true
  }
})

process.argv = [process.execPath, "lingma-gateway", "start"]
const script = load()
const base = await said
for (const stream of [false, true]) {
  const body = JSON.stringify({ model: "auto", stream, messages: [{ role: "user", content: "Hello" }] })
  const headers = { "content-type": "application/json" }
  const answer = await fetch(`${base}/chat/completions`, { method: "POST", headers, body })
  await answer.text()
  if (!answer.ok) process.exit(1)
}
// V8 takes code only where its flags are those of the start; `src/app/V8Memory.ts` changes one later.
setFlagsFromString("--allocation-site-pretenuring")
writeFileSync(compiled, script.createCachedData())
process.kill(process.pid, "SIGTERM")
