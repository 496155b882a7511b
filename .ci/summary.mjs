// The closing line of a run: what the test runner counted, in words any CI reads.
import { existsSync, readFileSync } from "node:fs"

const report = new URL("../node_modules/.cache/vitest.json", import.meta.url)
if (!existsSync(report)) {
  console.log("0 passed, 1 failed")
  process.exit(1)
}
const { numFailedTests, numFailedTestSuites, numPassedTests, success } = JSON.parse(readFileSync(report, "utf8"))
const failed = success ? 0 : Math.max(1, numFailedTests, numFailedTestSuites)
console.log(`${numPassedTests} passed, ${failed} failed`)
process.exit(failed === 0 && numPassedTests > 0 ? 0 : 1)
