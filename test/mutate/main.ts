/**
 * Mutation tests of the core: `npm run mutate [-- --only Frame,Turn]`. Each file is changed in some hundred small ways,
 * one at a time, and its direct tests must fail. Prints what they let pass and a table; exits 1 when a file has less
 * than its share noticed. Some minutes for all of them, so it is no part of `npm test`.
 */
import { readFileSync } from "node:fs"
import { basename } from "node:path"
import { parseArgs } from "node:util"
import { type Change, changeOf, isSame, type Mutant } from "./Change.ts"
import { equivalents } from "./equivalents.ts"
import * as Run from "./Run.ts"
import { targets } from "./targets.ts"

/** Percent of the changes to each file that its tests must notice, those apart that change nothing. */
const BOUND = 90

const { values } = parseArgs({ options: { only: { type: "string", default: "" }, workers: { type: "string" } } })
const only = values.only.split(",").filter((name) => name !== "")
const chosen = targets.filter(({ file }) => only.length === 0 || only.includes(basename(file, ".ts")))

const percent = (part: number, whole: number) => (whole === 0 ? 100 : (100 * part) / whole)

const rows: Array<Record<string, string | number>> = []
for (const { file, tests } of chosen) {
  const source = readFileSync(file, "utf8")
  const named = (equivalents[file] ?? []).flatMap(({ changes }) => changes)
  const isNamed = (change: Change) => named.some((one) => isSame(one, change))
  const tell = (mutant: Mutant) => {
    const change = changeOf(source, mutant)
    if (isNamed(change)) process.stdout.write("E")
    else console.log(`\n${file}:${mutant.location.start.line} passed\n- ${change.from}\n+ ${change.to}`)
  }
  const workers = values.workers === undefined ? undefined : Number(values.workers)
  const results = await Run.verdicts(file, tests, tell, workers)
  const noticed = results.filter(({ verdict }) => verdict === "noticed" || verdict === "hung").length
  const passed = results
    .filter(({ verdict }) => verdict === "passed" || verdict === "unmet")
    .map((mutant) => changeOf(source, mutant))
  const real = passed.filter((change) => !isNamed(change))
  for (const one of named.filter((one) => !passed.some((change) => isSame(one, change)))) {
    console.log(`\n${file}: named as equivalent, but not among those that passed\n- ${one.from}\n+ ${one.to}`)
  }
  const score = percent(noticed, noticed + real.length)
  if (score < BOUND) process.exitCode = 1
  rows.push({
    file,
    changes: noticed + passed.length,
    noticed,
    passed: real.length,
    equivalent: passed.length - real.length,
    "score of all": percent(noticed, noticed + passed.length).toFixed(1),
    score: score.toFixed(1)
  })
}
console.table(rows)
