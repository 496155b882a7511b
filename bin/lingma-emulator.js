#!/usr/bin/env node
import { run } from "../dist/bundle/emulator.js"

process.exit(await run(process.argv.slice(2), process.env))
