#!/usr/bin/env node
import { run } from "../dist/bundle/emulator.js"

// Without a listener Node opens its inspector to this machine.
process.on("SIGUSR1", () => {})
process.exit(await run(process.argv.slice(2), process.env))
