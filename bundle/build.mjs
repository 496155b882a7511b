/**
 * Builds `dist`, if anything that it is made of has changed since: types and modules by tsc, the dashboard, then the bundle.
 */
import { spawnSync } from "node:child_process"
import { rmSync, writeFileSync } from "node:fs"
import { join, resolve } from "node:path"
import { fileURLToPath } from "node:url"
import { inputsOf, isBuilt, isDamaged, outputsOf, stampFile } from "./stamp.mjs"

const root = resolve(fileURLToPath(new URL("..", import.meta.url)))

const step = (name, args) => {
  process.stderr.write(`  ${name} …`)
  const begin = performance.now()
  const { error, status } = spawnSync(process.execPath, args, { cwd: root, stdio: "inherit" })
  if (status !== 0) {
    process.stderr.write(`\n${error?.message ?? "The build failed."}\n`)
    process.exit(1)
  }
  process.stderr.write(` ${((performance.now() - begin) / 1000).toFixed(1)} s\n`)
}

if (!isBuilt(root)) {
  process.stderr.write("Building Lingma gateway; this is done once, and again when its code has changed.\n")
  // Of what is there now: what is changed meanwhile is built the next time.
  const inputs = inputsOf(root)
  // tsc writes what it believes to have changed: where something is missing it begins anew.
  rmSync(isDamaged(root) ? join(root, "dist") : stampFile(root), { recursive: true, force: true })
  step("compiling", [join(root, "node_modules/typescript/bin/tsc"), "-p", "tsconfig.build.json"])
  step("building the dashboard", [join(root, "bundle/dashboard.mjs")])
  step("bundling", [join(root, "bundle/main.mjs")])
  writeFileSync(stampFile(root), JSON.stringify({ inputs, outputs: outputsOf(root) }))
}
