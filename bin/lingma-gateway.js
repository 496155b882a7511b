#!/usr/bin/env node
// `emulator` takes Lingma's own command line, so it is not parsed here.
if (process.argv[2] === "emulator") {
  const { run } = await import("../dist/bundle/emulator.js")
  process.exit(await run(process.argv.slice(3), process.env))
} else {
  await import("../dist/bundle/gateway.js")
}
