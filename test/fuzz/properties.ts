/**
 * Every property of the suite for longer: vitest over the files that hold any, once for each seed.
 */
import { spawn } from "node:child_process"
import { once } from "node:events"
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"

const root = fileURLToPath(new URL("../..", import.meta.url))
const vitest = join(root, "node_modules/vitest/vitest.mjs")
const hour = 3_600_000

/** As written with `it.prop`, `it.effect.prop` or fast-check's own `assert` and `sample`. */
const holdsProperties = /\.prop\(|\b(fc|FastCheck)\.(assert|sample)\(/

export const propertyFiles = (): ReadonlyArray<string> =>
  readdirSync(join(root, "test"), { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".test.ts") && !file.startsWith("e2e"))
    .map((file) => `test/${file}`)
    .filter((file) => holdsProperties.test(readFileSync(join(root, file), "utf8")))

/** Whether all of them hold, with `times` their cases from this seed; vitest tells the rest, with the path of each failure. */
export const run = async (files: ReadonlyArray<string>, times: number, seed: number): Promise<boolean> => {
  const begun = Date.now()
  const flags = ["--project=unit", "--reporter=default", `--testTimeout=${hour}`]
  const env = { ...process.env, PROPERTY_TIMES: String(times), PROPERTY_SEED: String(seed) }
  const child = spawn(process.execPath, [vitest, "run", ...flags, ...files], { cwd: root, env, stdio: "inherit" })
  const [code] = await once(child, "exit")
  const took = Math.round((Date.now() - begun) / 1000)
  const verdict = code === 0 ? "all hold" : "FAILED"
  process.stdout.write(`${files.length} files, seed ${seed}, ${times} times the cases, ${took} s: ${verdict}\n`)
  return code === 0
}
