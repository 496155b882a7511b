#!/usr/bin/env node
// From the first moment on: without a listener Node opens its inspector to this machine.
process.on("SIGUSR1", () => {})
// A plain start goes the quick way. `emulator` takes Lingma's own command line, so it is not parsed here.
const [command = "start", ...rest] = process.argv.slice(2)
if (command === "emulator") {
  const { run } = await import("../dist/bundle/emulator.js")
  process.exit(await run(rest, process.env))
} else if (command === "start" && rest.length === 0) {
  const { load } = await import("./load.js")
  load()
} else {
  await import("../dist/bundle/cli.js")
}
