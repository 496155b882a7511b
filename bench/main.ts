/**
 * `npm run bench`: the gateway beside the floor, in turn, scenario by scenario, and what that says of the targets.
 *
 * `--repetitions N`, `--only SCENARIO` (repeatable), `--url NAME=http://…` for a server that already runs, with
 * `--pid NAME=PID` for its CPU time, `--profile DIR` for CPU profiles. Only a run without any of these three is kept.
 * `--tracing`: a gateway without traces beside one that sends them to a collector which takes all; kept, too.
 */
import { resolve } from "node:path"
import { parseArgs } from "node:util"
import { collector } from "./collector.ts"
import { warmUp } from "./load.ts"
import { startFloor, startGateway, stopAll, type Target } from "./processes.ts"
import * as Report from "./report.ts"
import { aborts } from "./scenarios/aborts.ts"
import { burst } from "./scenarios/burst.ts"
import { firstToken } from "./scenarios/firstToken.ts"
import { growth, memory, silent } from "./scenarios/memory.ts"
import { crowd, paced } from "./scenarios/paced.ts"
import { prompt } from "./scenarios/prompt.ts"
import { requests } from "./scenarios/requests.ts"
import type { Scenario } from "./scenarios/Scenario.ts"
import { stalled } from "./scenarios/stalled.ts"
import { start } from "./scenarios/start.ts"
import * as Targets from "./targets.ts"

const groups = ["fresh", "speed", "memory", "stalled"] as const
const scenarios: ReadonlyArray<Scenario> = [
  start,
  silent,
  burst,
  requests,
  firstToken,
  paced,
  crowd,
  prompt,
  aborts,
  memory,
  growth,
  stalled
]

const { values } = parseArgs({
  options: {
    repetitions: { type: "string", default: "5" },
    only: { type: "string", multiple: true, default: [] },
    url: { type: "string", multiple: true, default: [] },
    pid: { type: "string", multiple: true, default: [] },
    profile: { type: "string" },
    tracing: { type: "boolean", default: false }
  }
})
const repetitions = Number(values.repetitions)
const chosen = values.only.length === 0 ? scenarios : scenarios.filter(({ name }) => values.only.includes(name))
const pairs = (given: ReadonlyArray<string>) =>
  given.map((pair) => [pair.split("=")[0]!, pair.slice(pair.indexOf("=") + 1)] as const)
const pids = new Map(pairs(values.pid))

if (!(Number.isInteger(repetitions) && repetitions > 0) || chosen.length === 0) {
  throw new Error(`--repetitions takes a number, --only one of ${scenarios.map(({ name }) => name).join(", ")}`)
}

/** Where its time goes: a `.cpuprofile` for each gateway, when it ends. */
const profile = values.profile === undefined ? [] : ["--cpu-prof", `--cpu-prof-dir=${resolve(values.profile)}`]

const servers: ReadonlyMap<string, () => Promise<Target>> = new Map([
  ...(values.tracing
    ? ([
        ["untraced", () => startGateway(profile)],
        ["traced", async () => startGateway(profile, { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: await collector() })]
      ] as const)
    : ([
        ["floor", startFloor],
        ["gateway", () => startGateway(profile)]
      ] as const)),
  ...pairs(values.url).map(([name, url]) => {
    const pid = pids.get(name)
    const target: Target = {
      name,
      base: new URL(url),
      pid: pid === undefined ? undefined : Number(pid),
      born: Number.NaN,
      control: undefined
    }
    return [name, async () => target] as const
  })
])

/** All scenarios, each group on a fresh server. */
const measure = async (begin: () => Promise<Target>, repetition: number): Promise<Record<string, number>> => {
  const figures: Record<string, number> = {}
  for (const group of groups) {
    const members = chosen.filter((scenario) => scenario.group === group)
    if (members.length === 0) continue
    try {
      const target = await begin()
      if (group === "speed") await warmUp(target)
      for (const { name, run } of members) {
        const found = await run(target, repetition).catch((error: unknown) => {
          process.stderr.write(`${name} on ${target.name}: ${String(error)}\n`)
          return {}
        })
        for (const [what, value] of Object.entries(found)) figures[`${name}: ${what}`] = value
      }
    } finally {
      await stopAll()
    }
  }
  return figures
}

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.once(signal, () => stopAll().finally(() => process.exit(130)))
}

// Read before the run: somebody may commit meanwhile.
const title = Report.circumstances(repetitions)
const results = new Map(Array.from(servers.keys(), (name) => [name, [] as Record<string, number>[]]))
for (let repetition = 1; repetition <= repetitions; repetition++) {
  for (const [name, begin] of servers) {
    process.stderr.write(`${repetition}/${repetitions} ${name}\n`)
    results.get(name)?.push(await measure(begin, repetition))
  }
}

const verdicts = Targets.judge(results.get("floor") ?? [], results.get("gateway") ?? [])
const table = values.tracing ? Report.table(results) : `${Report.table(results)}\n\n${Report.verdicts(verdicts)}`
process.stdout.write(`\n${title}\n\n${table}\n`)
if (values.only.length === 0 && values.url.length === 0 && values.profile === undefined) Report.append(title, table)
