/**
 * The end of all end-to-end runs: fails when anything that one of them left holds a password or a token.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"

interface Entry {
  readonly program?: boolean
  readonly bytes?: number
  readonly found: ReadonlyArray<string>
}

export const setup = () => {
  // One for all projects of end-to-end tests; the first that asks has it.
  if (process.env["LINGMA_TEST_LEDGER"] !== undefined) return
  const dir = mkdtempSync(join(tmpdir(), "lingma-ledger-"))
  const ledger = join(dir, "ledger.jsonl")
  writeFileSync(ledger, "")
  process.env["LINGMA_TEST_LEDGER"] = ledger
  return () => {
    const entries = readFileSync(ledger, "utf8")
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => JSON.parse(line) as Entry)
    rmSync(dir, { recursive: true, force: true })
    const found = entries.flatMap((entry) => entry.found)
    if (found.length > 0) throw new Error(`secrets were written:\n  ${found.join("\n  ")}`)
    const programs = entries.filter(({ program }) => program).length
    const mebibytes = entries.reduce((sum, { bytes = 0 }) => sum + bytes, 0) / 2 ** 20
    process.stdout.write(`secrets: ${programs} programs, ${mebibytes.toFixed(1)} MiB searched, none found\n`)
  }
}
