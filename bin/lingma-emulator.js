#!/usr/bin/env node
import { run } from "../dist/emulator/Main.js"

process.exit(await run(process.argv.slice(2), process.env))
