// The closing line of a run: what the test runner counted, in words any CI reads.
import { existsSync, readFileSync } from "node:fs"

/** One report for each of the two runs of `npm test`; one that is missing has failed. */
const counts = ["vitest-unit.json", "vitest.json"].map((name) => {
  const report = new URL(`../node_modules/.cache/${name}`, import.meta.url)
  if (!existsSync(report)) return { passed: 0, failed: 1 }
  const { numFailedTests, numFailedTestSuites, numPassedTests, success } = JSON.parse(readFileSync(report, "utf8"))
  const ok = success && numPassedTests > 0
  return { passed: numPassedTests, failed: ok ? 0 : Math.max(1, numFailedTests, numFailedTestSuites) }
})
const passed = counts.reduce((sum, one) => sum + one.passed, 0)
const failed = counts.reduce((sum, one) => sum + one.failed, 0)
console.log(`${passed} passed, ${failed} failed`)
process.exit(failed === 0 ? 0 : 1)
