/**
 * A PostgreSQL of the test's own: Debian's binaries, a directory and a port of its own, ended with the scope.
 */
import { type ChildProcess, execFileSync, spawn } from "node:child_process"
import { chownSync, existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs"
import { type AddressInfo, createServer } from "node:net"
import { tmpdir } from "node:os"
import { delimiter, join } from "node:path"
import { Effect } from "effect"

const debian = "/usr/lib/postgresql"

/** The newest of Debian's, which are not on the PATH, else the first on the PATH. */
const binary = (name: string): string => {
  const versions = existsSync(debian) ? readdirSync(debian).sort((a, b) => Number(b) - Number(a)) : []
  const places = [
    ...versions.map((version) => join(debian, version, "bin")),
    ...(process.env["PATH"] ?? "").split(delimiter)
  ]
  const found = places.map((dir) => join(dir, name)).find((file) => existsSync(file))
  if (found === undefined) throw new Error(`${name} is not installed: apt-get install postgresql`)
  return found
}

/** PostgreSQL refuses to run as root. */
const someoneElse = (): { readonly uid?: number; readonly gid?: number } => {
  if (process.getuid?.() !== 0) return {}
  const id = (flag: string) => Number(execFileSync("id", [flag, "postgres"], { encoding: "utf8" }))
  return { uid: id("-u"), gid: id("-g") }
}

const freePort = Effect.async<number>((resume) => {
  const server = createServer()
  server.listen(0, "127.0.0.1", () => {
    const { port } = server.address() as AddressInfo
    server.close(() => resume(Effect.succeed(port)))
  })
})

export interface Postgres {
  /** Of a new, empty database. */
  readonly database: (name: string) => Effect.Effect<string>
  /** Takes the server away, as a crash does. */
  readonly kill: Effect.Effect<void>
  /** Brings it back where it was. */
  readonly start: Effect.Effect<void>
}

export const make = Effect.gen(function* () {
  const as = someoneElse()
  const dir = yield* Effect.acquireRelease(
    Effect.sync(() => mkdtempSync(join(tmpdir(), "postgres-"))),
    (dir) => Effect.sync(() => rmSync(dir, { recursive: true, force: true }))
  )
  if (as.uid !== undefined) chownSync(dir, as.uid, as.gid!)
  const data = join(dir, "data")
  const env = { PATH: process.env["PATH"], HOME: dir, LC_ALL: "C.UTF-8" }
  const inside = { ...as, cwd: dir, env, stdio: "ignore" } as const
  execFileSync(binary("initdb"), ["-D", data, "-U", "gateway", "-A", "trust", "-E", "UTF8", "-N"], inside)
  const port = yield* freePort
  let server: ChildProcess | undefined

  const start = Effect.async<void>((resume) => {
    const settings = [
      "fsync=off",
      "full_page_writes=off",
      "max_connections=200",
      "listen_addresses=127.0.0.1",
      "shared_buffers=32MB"
    ]
    const begun = spawn(
      binary("postgres"),
      ["-D", data, "-p", String(port), "-k", dir, ...settings.flatMap((setting) => ["-c", setting])],
      { ...inside, stdio: ["ignore", "ignore", "pipe"] }
    )
    server = begun
    let told = ""
    begun.stderr.setEncoding("utf8").on("data", (text: string) => {
      told += text
      if (told.includes("ready to accept connections")) resume(Effect.void)
    })
    begun.once("exit", () => resume(Effect.die(new Error(`postgres ended: ${told}`))))
  })
  const end = (signal: NodeJS.Signals) =>
    Effect.async<void>((resume) => {
      const running = server
      if (running === undefined || running.exitCode !== null || running.signalCode !== null) return resume(Effect.void)
      running.once("exit", () => resume(Effect.void))
      running.kill(signal)
    })
  yield* Effect.acquireRelease(start, () => end("SIGINT"))

  const database = (name: string) =>
    Effect.sync(() => {
      execFileSync(binary("createdb"), ["-h", "127.0.0.1", "-p", String(port), "-U", "gateway", name], inside)
      return `postgres://gateway@127.0.0.1:${port}/${name}`
    })
  return { database, kill: end("SIGQUIT"), start } satisfies Postgres
})
