/**
 * Allocates loopback ports for child processes, and checks which process listens on a port.
 */
import { readdir, readFile, readlink } from "node:fs/promises"
import { createServer } from "node:net"
import { Effect, type Scope } from "effect"

export interface Ports {
  /** The preferred port if it is free, else another one; reserved until the scope closes. */
  readonly claim: (wanted: number) => Effect.Effect<number, never, Scope.Scope>
}

/** Listens briefly; returns the port, or undefined if it is in use. 0 = any free port. */
const probe = (port: number): Effect.Effect<number | undefined> =>
  Effect.async((resume) => {
    const server = createServer()
    server.once("error", () => resume(Effect.succeed(undefined)))
    server.listen({ host: "127.0.0.1", port, exclusive: true }, () => {
      const address = server.address()
      server.close(() => resume(Effect.succeed(typeof address === "object" ? address?.port : undefined)))
    })
  })

/** Reserves ports, so that two children that start at the same time never get the same one. */
export const make = (): Ports => {
  const claimed = new Set<number>()
  const free: Effect.Effect<number> = Effect.flatMap(probe(0), (port) =>
    port === undefined || claimed.has(port) ? Effect.delay(free, "50 millis") : Effect.succeed(port)
  )
  return {
    claim: (wanted) =>
      Effect.acquireRelease(
        Effect.gen(function* () {
          const port = wanted === 0 || claimed.has(wanted) ? undefined : yield* probe(wanted)
          const got = port === undefined || claimed.has(port) ? yield* free : port
          claimed.add(got)
          return got
        }),
        (port) => Effect.sync(() => claimed.delete(port))
      )
  }
}

const lines = (path: string) =>
  readFile(path, "utf8").then(
    (text) => text.split("\n"),
    () => []
  )

/** Inodes of sockets listening on the port. */
const listeners = async (port: number): Promise<ReadonlySet<string>> => {
  const tables = await Promise.all(["/proc/net/tcp", "/proc/net/tcp6"].map(lines))
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, "0")}`
  const rows = tables.flat().map((line) => line.trim().split(/\s+/))
  return new Set(rows.flatMap((row) => (row[1]?.endsWith(suffix) && row[3] === "0A" && row[9] ? [row[9]] : [])))
}

const holds = async (pid: string, inodes: ReadonlySet<string>): Promise<boolean> => {
  const fds = await readdir(`/proc/${pid}/fd`).catch(() => [])
  for (const fd of fds) {
    const target = await readlink(`/proc/${pid}/fd/${fd}`).catch(() => "")
    if (target.startsWith("socket:[") && inodes.has(target.slice(8, -1))) return true
  }
  return false
}

/** Other pids of the process group. */
const members = async (group: number): Promise<ReadonlyArray<string>> => {
  const pids = (await readdir("/proc").catch(() => [])).filter((name) => /^\d+$/.test(name) && name !== String(group))
  const groups = await Promise.all(
    pids.map(async (pid) => {
      const [stat = ""] = await lines(`/proc/${pid}/stat`)
      return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[2]
    })
  )
  return pids.filter((_, i) => groups[i] === String(group))
}

const proved = async (port: number, group: number): Promise<boolean> => {
  const inodes = await listeners(port)
  if (inodes.size === 0) return false
  if (await holds(String(group), inodes)) return true
  for (const pid of await members(group)) if (await holds(pid, inodes)) return true
  return false
}

/** Whether a process of the group listens on the port. Always true except on Linux. */
export const belongsTo = (port: number, group: number): Effect.Effect<boolean> =>
  process.platform === "linux" ? Effect.promise(() => proved(port, group)) : Effect.succeed(true)
