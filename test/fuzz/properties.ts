/**
 * Every property of the suite for longer: vitest over the files that hold any, once for each seed.
 */
import { spawn } from "node:child_process"
import { once } from "node:events"
import { readdirSync, readFileSync, rmSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"

const root = fileURLToPath(new URL("../..", import.meta.url))
const vitest = join(root, "node_modules/vitest/vitest.mjs")

/** As written with `it.prop`, `it.effect.prop` or fast-check's own `assert` and `sample`. */
const holdsProperties = /\.prop\(|\b(fc|FastCheck)\.(assert|sample)\(/

export const propertyFiles = (): ReadonlyArray<string> =>
  readdirSync(join(root, "test"), { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".test.ts") && !file.startsWith("e2e"))
    .map((file) => `test/${file}`)
    .filter((file) => holdsProperties.test(readFileSync(join(root, file), "utf8")))

interface Report {
  readonly numTotalTests: number
  readonly testResults: ReadonlyArray<{
    readonly name: string
    readonly status: string
    readonly message?: string
    readonly assertionResults: ReadonlyArray<{
      readonly fullName: string
      readonly status: string
      readonly failureMessages: ReadonlyArray<string>
    }>
  }>
}

/** What failed, each with fast-check's own message, which names the seed and the path to run it again. */
const failures = ({ testResults }: Report) =>
  testResults.flatMap(({ assertionResults, message = "", name, status }) => {
    const failed = assertionResults
      .filter((test) => test.status === "failed")
      .map(({ failureMessages, fullName }) => `${name}: ${fullName}\n${failureMessages.join("\n")}`)
    return failed.length === 0 && status === "failed" ? [`${name}\n${message}`] : failed
  })

/** Whether all of them hold, with `times` their cases from this seed. */
export const run = async (files: ReadonlyArray<string>, times: number, seed: number): Promise<boolean> => {
  const begun = Date.now()
  const report = join(root, `node_modules/.cache/properties-${seed}.json`)
  rmSync(report, { force: true })
  const flags = ["--project=unit", "--reporter=json", `--outputFile=${report}`, "--testTimeout=36000000"]
  const env = { ...process.env, PROPERTY_TIMES: String(times), PROPERTY_SEED: String(seed) }
  const stdio = ["ignore", "ignore", "inherit"] as const
  const child = spawn(process.execPath, [vitest, "run", ...flags, ...files], { cwd: root, env, stdio: [...stdio] })
  const [code] = await once(child, "exit")
  const read: Report = JSON.parse(readFileSync(report, "utf8"))
  const failed = failures(read)
  const verdict = code === 0 ? "all hold" : `${failed.length} FAILED`
  const took = Math.round((Date.now() - begun) / 1000)
  process.stdout.write(`seed ${seed}, ${times} times the cases, ${read.numTotalTests} tests, ${took} s: ${verdict}\n`)
  for (const one of failed) process.stdout.write(`${one}\n`)
  return code === 0
}
