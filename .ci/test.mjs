/**
 * All checks, in an order that is short on two cores: what fails soon comes first. The diagnostics of Effect take three
 * minutes of one core, so they run beside everything at the lowest priority: end-to-end tests mostly wait.
 */
import { spawn } from "node:child_process"
import { constants, setPriority } from "node:os"
import { fileURLToPath } from "node:url"

const cwd = fileURLToPath(new URL("..", import.meta.url))
const running = new Set()
const seconds = (since) => `${((performance.now() - since) / 1000).toFixed(0)} s`

/** Ends with the code; what runs in the background says what it has to say when it is over. */
const run = (command, args, { background = false, isLast = false } = {}) =>
  new Promise((resolve) => {
    const begun = performance.now()
    const child = spawn(command, args, {
      cwd,
      stdio: ["ignore", background ? "pipe" : "inherit", background ? "pipe" : "inherit"]
    })
    running.add(child)
    const said = []
    child.stdout?.on("data", (part) => said.push(part))
    child.stderr?.on("data", (part) => said.push(part))
    if (isLast && child.pid !== undefined) setPriority(child.pid, constants.priority.PRIORITY_LOW)
    child.on("error", (error) => said.push(`${error.message}\n`))
    child.on("close", (code) => {
      running.delete(child)
      process.stdout.write(
        `${Buffer.concat(said.map((part) => Buffer.from(part)))}${[command, ...args].join(" ")}: ${seconds(begun)}\n`
      )
      resolve(code ?? 1)
    })
  })
const npm = (script, options) => run("npm", ["run", "--silent", script], options)

/** The first that fails ends all. */
const must = async (...steps) => {
  const codes = await Promise.all(steps)
  if (codes.every((code) => code === 0)) return
  for (const child of running) child.kill()
  process.exit(1)
}

for (const signal of ["SIGINT", "SIGTERM"])
  process.on(signal, () => {
    for (const child of running) child.kill(signal)
    process.exit(1)
  })

const effect = npm("lint:effect", { background: true, isLast: true })
const installed = [".ci/agents.mjs", ".ci/site.mjs"].map((script) => run("node", [script], { background: true }))
await must(npm("check"), npm("build"))
await must(npm("test:unit"))
await must(...installed)
await must(npm("test:apart"))
await must(effect)
