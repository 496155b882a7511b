/**
 * `npm run bench`: the gateway beside the floor, in turn, scenario by scenario.
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
import { burst } from "./scenarios/burst.ts"
import { firstToken } from "./scenarios/firstToken.ts"
import { paced } from "./scenarios/paced.ts"
import { requests } from "./scenarios/requests.ts"
import type { Scenario } from "./scenarios/Scenario.ts"

const scenarios: ReadonlyArray<Scenario> = [burst, requests, firstToken, paced]

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
    const target: Target = { name, base: new URL(url), pid: pid === undefined ? undefined : Number(pid) }
    return [name, async () => target] as const
  })
])

/** All scenarios on one fresh server. */
const measure = async (start: () => Promise<Target>): Promise<Record<string, number>> => {
  const figures: Record<string, number> = {}
  try {
    const target = await start()
    await warmUp(target)
    for (const { name, run } of chosen) {
      for (const [what, value] of Object.entries(await run(target))) figures[`${name}: ${what}`] = value
    }
  } finally {
    await stopAll()
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
  for (const [name, start] of servers) {
    process.stderr.write(`${repetition}/${repetitions} ${name}\n`)
    results.get(name)?.push(await measure(start))
  }
}

const table = Report.table(results)
process.stdout.write(`\n${title}\n\n${table}\n`)
if (values.only.length === 0 && values.url.length === 0 && values.profile === undefined) Report.append(title, table)
