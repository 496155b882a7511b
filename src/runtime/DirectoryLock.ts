/**
 * Locks a directory, or a file in it, for one process, by a listening Unix socket that the system closes however the
 * process ends.
 *
 * Each contender creates its own socket and then looks for others, so of two at least one sees the other. Names are
 * unique, so removing a stale socket cannot hit a new one. Unlike a pid file this works across containers, and is not
 * fooled by reused pids.
 */
import { randomBytes } from "node:crypto"
import { closeSync, existsSync, mkdirSync, openSync, readdirSync, rmSync } from "node:fs"
import { connect, createServer, type Server } from "node:net"
import { join, relative } from "node:path"
import { Data, Effect, Exit, Random, Scope } from "effect"
import * as Scoped from "./Scoped.ts"

/** Error: another process holds the lock. */
export class Held extends Data.TaggedError("Held")<{
  /** Its pid, in its own pid namespace. */
  readonly pid: number
}> {}

class NoSocket extends Data.TaggedError("NoSocket")<{ readonly cause: unknown }> {}

const named = /^(.+)-(\d+)-[0-9a-f]{12}\.sock$/
/** Max attempts: two gateways that start at the same time may see each other and both back off. */
const TRIES = 5
/** Max length of a socket path, on the system with the lowest limit. */
const MOST_PATH = 103

interface Place {
  /** The directory, as a short path. */
  readonly path: string
  readonly close: () => void
}

const open = (dir: string): Place => {
  mkdirSync(dir, { recursive: true, mode: 0o700 })
  const fd = openSync(dir, "r")
  const short = `/proc/self/fd/${fd}`
  const near = relative(process.cwd(), dir) || "."
  return {
    path: existsSync(short) ? short : near.length < dir.length ? near : dir,
    close: () => closeSync(fd)
  }
}

const listen = (path: string) =>
  Effect.acquireRelease(
    Effect.async<Server, NoSocket>((resume) => {
      if (path.length > MOST_PATH) return resume(new NoSocket({ cause: "the path of the directory is too long" }))
      const server = createServer((peer) => peer.on("error", () => {}).destroy())
      server.once("error", (cause) => resume(new NoSocket({ cause })))
      server.listen(path, () => resume(Effect.succeed(server.unref())))
    }),
    // Node removes the socket file as well.
    (server) => Effect.async<void>((resume) => void server.close(() => resume(Effect.void)))
  )

/** True unless the connection is refused or the file is gone. */
const isHeld = (path: string) =>
  Effect.async<boolean>((resume) => {
    const peer = connect(path)
    const told = (held: boolean) => {
      peer.destroy()
      resume(Effect.succeed(held))
    }
    peer.once("connect", () => told(true))
    peer.once("error", ({ code }: NodeJS.ErrnoException) => told(code !== "ECONNREFUSED" && code !== "ENOENT"))
  })

/** Pid of another live gateway; removes stale sockets. */
const another = Effect.fnUntraced(function* (place: Place, name: string, own: string) {
  for (const file of readdirSync(place.path)) {
    const [, of, pid] = named.exec(file) ?? []
    if (of !== name || file === own) continue
    const path = join(place.path, file)
    if (yield* isHeld(path)) return Number(pid)
    rmSync(path, { force: true })
  }
  return undefined
})

const attempt = Effect.fnUntraced(function* (
  place: Place,
  name: string
): Effect.fn.Return<void, Held | NoSocket, Scope.Scope> {
  const own = `${name}-${process.pid}-${randomBytes(6).toString("hex")}.sock`
  yield* listen(join(place.path, own))
  const pid = yield* another(place, name, own)
  if (pid !== undefined) return yield* new Held({ pid })
})

/** Released at once if the step fails, else with the surrounding scope. */
const kept = <E>(step: Effect.Effect<void, E, Scope.Scope>) =>
  Effect.uninterruptibleMask((restore) =>
    Effect.flatMap(Scope.make(), (inner) =>
      Effect.flatMap(Effect.exit(restore(Scope.extend(step, inner))), (exit) =>
        Exit.isSuccess(exit)
          ? Effect.addFinalizer((end) => Scoped.close(inner, end))
          : Effect.zipRight(Scoped.close(inner, exit), exit)
      )
    )
  )

const taken = Effect.fnUntraced(function* (dir: string, name: string) {
  const place = yield* Effect.acquireRelease(
    Effect.try({ try: () => open(dir), catch: (cause) => new NoSocket({ cause }) }),
    ({ close }) => Effect.sync(close)
  )
  const pause = Effect.flatMap(Random.nextIntBetween(20, 100), (millis) => Effect.sleep(millis))
  const again = (left: number): Effect.Effect<void, Held | NoSocket, Scope.Scope> =>
    Effect.catchTag(kept(attempt(place, name)), "Held", (error) =>
      left > 0 ? Effect.zipRight(pause, again(left - 1)) : error
    )
  yield* again(TRIES - 1)
})

/**
 * Held until the scope closes; `name` tells apart what is locked in one directory. If no socket can be created (read-only
 * directory, Windows, some shared file systems), there is no lock, and a warning is logged.
 */
export const hold = (dir: string, name: string): Effect.Effect<void, Held, Scope.Scope> =>
  Effect.catchTag(taken(dir, name), "NoSocket", ({ cause }) =>
    Effect.annotateLogs(Effect.logWarning(`cannot tell whether another gateway uses ${dir}`), { reason: String(cause) })
  )
