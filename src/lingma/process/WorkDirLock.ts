/**
 * One gateway for each work directory: a listening socket in it, which the system closes however its process ends.
 *
 * Each contender makes a socket of its own and then looks for others, so that of two at least one sees the other. Names
 * are never used twice: removing one that nobody listens on can hit nobody else's. That somebody listens holds across
 * containers too, and a process id that has been given to another program means nothing here.
 */
import { randomBytes } from "node:crypto"
import { closeSync, existsSync, mkdirSync, openSync, readdirSync, rmSync } from "node:fs"
import { connect, createServer, type Server } from "node:net"
import { join, relative } from "node:path"
import { Data, Effect, Exit, Random, Scope } from "effect"
import * as Scoped from "../../runtime/Scoped.ts"

/** Another gateway uses the work directory. */
export class WorkDirInUse extends Data.TaggedError("WorkDirInUse")<{
  /** Of the other one, as its own container counts. */
  readonly pid: number
}> {
  override get message() {
    return `LINGMA_WORK_DIR is in use by another gateway (pid ${this.pid}): stop that one, or choose another directory`
  }
}

class NoSocket extends Data.TaggedError("NoSocket")<{ readonly cause: unknown }> {}

const named = /^gateway-(\d+)-[0-9a-f]{12}\.sock$/
/** Two that start at once may both see the other and step back; how often they try before one is told to be there. */
const TRIES = 5
/** What the address of a socket can hold, on the system with the least. */
const mostPath = 103

interface Place {
  /** The directory, in few characters. */
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
      if (path.length > mostPath) return resume(new NoSocket({ cause: "the path of LINGMA_WORK_DIR is too long" }))
      const server = createServer((peer) => peer.on("error", () => {}).destroy())
      server.once("error", (cause) => resume(new NoSocket({ cause })))
      server.listen(path, () => resume(Effect.succeed(server.unref())))
    }),
    // Node removes the file with it.
    (server) => Effect.async<void>((resume) => void server.close(() => resume(Effect.void)))
  )

/** Also when it cannot be told: a refusal and a file that is gone are the only signs of nobody. */
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

/** The process id of another that lives; what those left behind that were killed is removed. */
const another = Effect.fnUntraced(function* (place: Place, own: string) {
  for (const name of readdirSync(place.path)) {
    const pid = named.exec(name)?.[1]
    if (pid === undefined || name === own) continue
    const path = join(place.path, name)
    if (yield* isHeld(path)) return Number(pid)
    rmSync(path, { force: true })
  }
  return undefined
})

const attempt = Effect.fnUntraced(function* (
  place: Place
): Effect.fn.Return<void, WorkDirInUse | NoSocket, Scope.Scope> {
  const own = `gateway-${process.pid}-${randomBytes(6).toString("hex")}.sock`
  yield* listen(join(place.path, own))
  const pid = yield* another(place, own)
  if (pid !== undefined) return yield* new WorkDirInUse({ pid })
})

/** Given up with the scope it is made in, unless it succeeds: then with the surrounding one. */
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

const taken = Effect.fnUntraced(function* (dir: string) {
  const place = yield* Effect.acquireRelease(
    Effect.try({ try: () => open(dir), catch: (cause) => new NoSocket({ cause }) }),
    ({ close }) => Effect.sync(close)
  )
  const pause = Effect.flatMap(Random.nextIntBetween(20, 100), (millis) => Effect.sleep(millis))
  const again = (left: number): Effect.Effect<void, WorkDirInUse | NoSocket, Scope.Scope> =>
    Effect.catchTag(kept(attempt(place)), "WorkDirInUse", (error) =>
      left > 0 ? Effect.zipRight(pause, again(left - 1)) : error
    )
  yield* again(TRIES - 1)
})

/**
 * Holds the directory until the scope closes. Where no socket can be made (a directory that cannot be written, Windows,
 * some shared file systems) nobody is kept out, and the log says so.
 */
export const hold = (dir: string): Effect.Effect<void, WorkDirInUse, Scope.Scope> =>
  Effect.catchTag(taken(dir), "NoSocket", ({ cause }) =>
    Effect.annotateLogs(Effect.logWarning("cannot tell whether another gateway uses the work directory"), {
      reason: String(cause)
    })
  )
