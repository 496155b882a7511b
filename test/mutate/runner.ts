/**
 * A process that runs a bundle of tests: first without a change, to learn which tests meet which change, then with one
 * change after the other, until a test fails. It says so by messages; the parent ends it when it says nothing.
 */
import type { Test } from "./Testing.ts"

export type Verdict = "noticed" | "hung" | "passed" | "unmet"

/** Which tests meet a change, by their place; `all` when it is met as the file is loaded. */
export type Met = Readonly<Record<string, ReadonlyArray<number> | "all">>

export interface Plan {
  readonly bundle: string
  /** Absent: the run without a change. */
  readonly met?: Met
  readonly ids: ReadonlyArray<string>
}

export type Told =
  | { readonly what: "met"; readonly met: Met; readonly failed: ReadonlyArray<string> }
  /** A test has ended, of those that are run without a change. */
  | { readonly what: "alive" }
  | { readonly what: "verdict"; readonly id: string; readonly verdict: Verdict }
  | { readonly what: "done" }

interface Switch {
  activeMutant?: string | undefined
  currentTestId?: string | undefined
  mutantCoverage?: { static: Record<string, number>; perTest: Record<string, Record<string, number>> }
  hitCount?: number
  hitLimit?: number
}

interface Globals {
  __stryker__: Switch
  keptTests: { tests: Array<Test> }
}

const globals = globalThis as unknown as Globals
globals.__stryker__ = {}
globals.keptTests = { tests: [] }
const { __stryker__: at, keptTests } = globals

/** Longest time of one test with a change, in milliseconds; the whole of them take a few seconds without. */
const LONGEST = 30_000
/** Most times that a changed place is met in one test; beyond it goes round in circles. */
const MOST_HITS = 5_000_000

const tell = (told: Told) => new Promise((resolve) => process.send?.(told, resolve))

let onStray: (error: unknown) => void = (error) => {
  console.error(error)
  process.exit(1)
}
process.on("uncaughtException", (error) => onStray(error))
process.on("unhandledRejection", (error) => onStray(error))

let loads = 0
const load = async (bundle: string): Promise<ReadonlyArray<Test>> => {
  keptTests.tests = []
  await import(`${bundle}?load=${loads++}`)
  return keptTests.tests
}

const ends = (test: Test): Promise<"ok" | "failed" | "hung"> =>
  new Promise((resolve) => {
    const timer = setTimeout(() => resolve("hung"), LONGEST)
    const end = (how: "ok" | "failed") => {
      clearTimeout(timer)
      resolve(how)
    }
    onStray = () => end("failed")
    Promise.resolve()
      .then(() => test.run())
      .then(
        () => end("ok"),
        (error) => {
          if (at.activeMutant === undefined) console.error(test.name, error)
          end("failed")
        }
      )
  })

const learn = async (bundle: string, ids: ReadonlyArray<string>) => {
  const tests = await load(bundle)
  const times: Array<number> = []
  const failed: Array<string> = []
  for (const [place, test] of tests.entries()) {
    at.currentTestId = String(place)
    const begun = performance.now()
    if ((await ends(test)) !== "ok") failed.push(test.name)
    times[place] = performance.now() - begun
    await tell({ what: "alive" })
  }
  at.currentTestId = undefined
  const { perTest = {}, static: loaded = {} } = at.mutantCoverage ?? {}
  const quickest = tests.map((_, place) => place).sort((a, b) => (times[a] ?? 0) - (times[b] ?? 0))
  const met = Object.fromEntries(
    ids.map((id) => [id, id in loaded ? ("all" as const) : quickest.filter((place) => id in (perTest[place] ?? {}))])
  )
  return { met, failed }
}

const judge = async (bundle: string, id: string, met: ReadonlyArray<number> | "all"): Promise<Verdict> => {
  if (met.length === 0) return "unmet"
  at.activeMutant = id
  at.hitLimit = MOST_HITS
  at.hitCount = 0
  try {
    const tests = await load(bundle)
    for (const place of met === "all" ? tests.keys() : met) {
      const test = tests[place]
      if (test === undefined) return "noticed"
      at.hitCount = 0
      const how = await ends(test)
      if (how !== "ok") return how === "hung" ? "hung" : "noticed"
    }
    return "passed"
  } catch {
    return "noticed"
  }
}

process.once("message", async ({ bundle, ids, met }: Plan) => {
  if (met === undefined) await tell({ what: "met", ...(await learn(bundle, ids)) })
  else {
    for (const id of ids) {
      const verdict = await judge(bundle, id, met[id] ?? [])
      await tell({ what: "verdict", id, verdict })
      // What hangs may still be at work.
      if (verdict === "hung") break
    }
  }
  await tell({ what: "done" })
  process.exit(0)
})
