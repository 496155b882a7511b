/**
 * The verdict on every change to a file: in processes of their own, as a change may run for ever or take all memory.
 */
import { fork } from "node:child_process"
import { availableParallelism } from "node:os"
import * as Bundle from "./Bundle.ts"
import type { Mutant } from "./Change.ts"
import type { Met, Plan, Told, Verdict } from "./runner.ts"

/** A prime, so that steps of it come to every change of a file; no file has so many. */
const STRIDE = 10_007
/** Changes for one process: what each leaves in memory is given back with it. */
const BATCH = 40
/** Longest silence of a process, in milliseconds; it speaks after each change. */
const SILENCE = 120_000

/** What a process says until it ends or falls silent. */
const told = (runner: string, plan: Plan, onPassed: (id: string) => void): Promise<ReadonlyArray<Told>> =>
  new Promise((resolve) => {
    const all: Array<Told> = []
    const child = fork(runner, {
      execArgv: ["--max-old-space-size=2048"],
      stdio: ["ignore", "ignore", "inherit", "ipc"]
    })
    const watch = () => setTimeout(() => child.kill("SIGKILL"), SILENCE)
    let timer = watch()
    child.on("message", (message) => {
      clearTimeout(timer)
      timer = watch()
      const said = message as Told
      all.push(said)
      if (said.what !== "verdict") return
      if (said.verdict === "passed" || said.verdict === "unmet") onPassed(said.id)
      else process.stdout.write(".")
    })
    child.on("exit", () => {
      clearTimeout(timer)
      resolve(all)
    })
    child.send(plan)
  })

const learn = async (runner: string, bundle: string, ids: ReadonlyArray<string>): Promise<Met> => {
  const first = (await told(runner, { bundle, ids }, () => {})).find((said) => said.what === "met")
  if (first === undefined) throw new Error("the tests did not end")
  if (first.failed.length > 0) throw new Error(`fail without any change: ${first.failed.join("; ")}`)
  return first.met
}

export const verdicts = async (
  file: string,
  tests: ReadonlyArray<string>,
  /** Called with each change that passed, as soon as it has. */
  onPassed: (mutant: Mutant) => void,
  workers = availableParallelism()
): Promise<ReadonlyArray<Mutant & { readonly verdict: Verdict }>> => {
  const { mutants, path } = await Bundle.make(file, tests)
  const runner = await Bundle.makeRunner()
  // From all over the file, so that a run that is stopped tells of all of it.
  const ids = mutants.map((_, at) => mutants[(at * STRIDE) % mutants.length]!.id)
  const byId = new Map(mutants.map((mutant) => [mutant.id, mutant]))
  const met = await learn(runner, path, ids)
  const found = new Map<string, Verdict>()
  const work = async (worker: number) => {
    const own = ids.filter((_, at) => at % workers === worker)
    for (;;) {
      const left = own.filter((id) => !found.has(id)).slice(0, BATCH)
      if (left.length === 0) return
      const said = await told(runner, { bundle: path, met, ids: left }, (id) => onPassed(byId.get(id)!))
      for (const one of said) if (one.what === "verdict") found.set(one.id, one.verdict)
      console.log(`\n${found.size} of ${ids.length}`)
      const next = left.find((id) => !found.has(id))
      // It fell silent or died over this one.
      if (next !== undefined && !said.some(({ what }) => what === "done")) found.set(next, "hung")
    }
  }
  await Promise.all(Array.from({ length: workers }, (_, worker) => work(worker)))
  console.log()
  return mutants.map((mutant) => ({ ...mutant, verdict: found.get(mutant.id) ?? "unmet" }))
}
