/**
 * Tells which program listens on a port, and which port is free instead.
 */
import { readdirSync, readFileSync, readlinkSync } from "node:fs"
import { connect, createServer } from "node:net"
import { Effect } from "effect"

export interface Holder {
  readonly pid: number
  /** Name of the program, as the system has it. */
  readonly name: string
}

const attempt = <A>(read: () => A, otherwise: A): A => {
  try {
    return read()
  } catch {
    return otherwise
  }
}

const inodes = (port: number): ReadonlySet<string> => {
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, "0")}`
  const rows = ["/proc/net/tcp", "/proc/net/tcp6"].flatMap((path) =>
    attempt(() => readFileSync(path, "utf8"), "")
      .split("\n")
      .map((line) => line.trim().split(/\s+/))
  )
  return new Set(
    rows.flatMap((row) => (row[1]?.endsWith(suffix) && row[3] === "0A" && row[9] ? [`socket:[${row[9]}]`] : []))
  )
}

/** On Linux, where the process may be looked at; else undefined. */
export const of = (port: number): Holder | undefined => {
  const wanted = inodes(port)
  if (wanted.size === 0) return undefined
  for (const pid of attempt(() => readdirSync("/proc"), []).filter((name) => /^\d+$/.test(name))) {
    for (const fd of attempt(() => readdirSync(`/proc/${pid}/fd`), [])) {
      if (!wanted.has(attempt(() => readlinkSync(`/proc/${pid}/fd/${fd}`), ""))) continue
      return { pid: Number(pid), name: attempt(() => readFileSync(`/proc/${pid}/comm`, "utf8").trim(), "?") }
    }
  }
  return undefined
}

/** Whether a program accepts connections there. */
export const isListening = (host: string, port: number): Effect.Effect<boolean> =>
  Effect.async<boolean>((resume) => {
    const peer = connect({ host, port })
    const end = (listens: boolean) => {
      peer.destroy()
      resume(Effect.succeed(listens))
    }
    peer.once("connect", () => end(true)).once("error", () => end(false))
    return Effect.sync(() => peer.destroy())
  }).pipe(Effect.timeoutTo({ duration: "800 millis", onTimeout: () => false, onSuccess: (listens) => listens }))

/** The error code of listening there for a moment; undefined where it can be done. */
export const refusal = (host: string, port: number): Effect.Effect<string | undefined> =>
  Effect.async<string | undefined>((resume) => {
    const server = createServer()
    server.once("error", (error: NodeJS.ErrnoException) => resume(Effect.succeed(error.code ?? "unknown")))
    server.listen({ host, port, exclusive: true }, () => server.close(() => resume(Effect.succeed(undefined))))
  }).pipe(Effect.timeoutTo({ duration: "800 millis", onTimeout: () => "ETIMEDOUT", onSuccess: (code) => code }))

const MOST_TRIED = 20

/** The next port that is free. */
export const free = Effect.fnUntraced(function* (host: string, from: number) {
  for (let port = from + 1; port <= Math.min(65_535, from + MOST_TRIED); port++) {
    if ((yield* refusal(host, port)) === undefined) return port
  }
  return 0
})
