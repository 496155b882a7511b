/**
 * Installs the coding agents that the end-to-end tests drive, in CI only: five of them, some 450 MB to fetch and a gigabyte on
 * the disk. Without them those tests say that they were not run.
 */
import { spawnSync } from "node:child_process"
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from "node:fs"
import { delimiter, join } from "node:path"
import { fileURLToPath } from "node:url"

/** The table of clients in the docs has these versions from the same file. */
const agents = JSON.parse(readFileSync(new URL("agents.json", import.meta.url), "utf8"))
const PLATFORM = `${process.platform}-${process.arch}`

/** The package, and the one that holds its program for this machine: of what else is optional none is needed. */
const specsOf = ({ package: name, program, version }) => [
  `${name}@${version}`,
  ...(program === undefined ? [] : [program.replaceAll("VERSION", version).replaceAll("PLATFORM", PLATFORM)])
]

const packages = Object.fromEntries(
  Object.entries(agents)
    .filter(([, { inCi }]) => inCi)
    .map(([command, agent]) => [command, specsOf(agent)])
)
const MINUTES = 4

const cache = fileURLToPath(new URL("../node_modules/.cache", import.meta.url))
const place = join(cache, "agents")
const part = join(cache, "agents.part")

/** Where test/e2e/agents.ts looks. */
const places = [...(process.env.PATH ?? "").split(delimiter), join(place, "node_modules", ".bin")]
const missing = Object.keys(packages).filter((command) => !places.some((dir) => existsSync(join(dir, command))))

const binary = (command) => join(part, "node_modules", ".bin", command)

/** Some are binaries that not every machine can run. */
const runs = (command) => {
  const env = { PATH: process.env.PATH, HOME: part, TMPDIR: part }
  return spawnSync(binary(command), ["--version"], { env, stdio: "ignore", timeout: 60_000 }).status === 0
}

const leaveOut = (command) => {
  rmSync(binary(command), { force: true })
  process.stdout.write(`${command} does not run on this machine; its tests are left out\n`)
}

/** Why not, when it did not come to be; half an installation never gets to where it is looked for. */
const install = () => {
  rmSync(part, { recursive: true, force: true })
  mkdirSync(part, { recursive: true })
  const options = "--omit=optional --no-audit --no-fund --no-save --prefer-offline --loglevel=error"
  const patience = "--fetch-retries=1 --fetch-retry-mintimeout=1000 --fetch-timeout=30000"
  const args = ["install", "--prefix", part, ...`${options} ${patience}`.split(" "), ...Object.values(packages).flat()]
  const { error, signal, status, stderr } = spawnSync("npm", args, {
    stdio: ["ignore", "ignore", "pipe"],
    encoding: "utf8",
    timeout: MINUTES * 60_000,
    killSignal: "SIGKILL"
  })
  if (status === 0) {
    Object.keys(packages)
      .filter((command) => !runs(command))
      .forEach(leaveOut)
    rmSync(place, { recursive: true, force: true })
    renameSync(part, place)
    return undefined
  }
  rmSync(part, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 })
  if (signal !== null) return `not done in ${MINUTES} minutes`
  return error?.code ?? /npm (?:error|ERR!) code (\w+)/.exec(stderr)?.[1] ?? `npm ended with ${status}`
}

const tried = () => {
  try {
    return install()
  } catch (error) {
    return error.code ?? error.message
  }
}

if (![undefined, "", "0", "false"].includes(process.env.CI) && missing.length > 0) {
  process.stdout.write(`installing ${missing.join(", ")} for the end-to-end tests\n`)
  const reason = tried()
  if (reason !== undefined) process.stdout.write(`no agents from the registry (${reason}); their tests are left out\n`)
}
