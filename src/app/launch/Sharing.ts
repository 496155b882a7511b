/**
 * Counts those who use a gateway that `launch` has started: it stays until the last of them has ended.
 */
import { closeSync, existsSync, openSync, readdirSync, rmSync } from "node:fs"
import { connect } from "node:net"
import { join } from "node:path"
import { Effect, Schedule, type Scope } from "effect"
import * as DirectoryLock from "../../runtime/DirectoryLock.ts"

/** A socket of `DirectoryLock`, which the system closes however its process ends. */
const USER = /^user-\d+-(\d+)-[0-9a-f]{12}\.sock$/

/** Counted until the scope closes. */
export const use = (dir: string): Effect.Effect<void, never, Scope.Scope> =>
  Effect.ignore(DirectoryLock.hold(dir, `user-${process.pid}`))

/** The socket of a process that was killed is removed: nobody else does it, and its name does not come again. */
const isAlive = (path: string) =>
  Effect.async<boolean>((resume) => {
    const peer = connect(path)
    const end = (alive: boolean) => {
      peer.destroy()
      resume(Effect.succeed(alive))
    }
    peer
      .once("connect", () => end(true))
      .once("error", ({ code }: NodeJS.ErrnoException) => {
        if (code === "ECONNREFUSED") rmSync(path, { force: true })
        end(false)
      })
    return Effect.sync(() => void peer.destroy())
  })

/** Paths of sockets have few characters: where the system allows it, the directory is named by an open file of it. */
const within = <A>(dir: string, use: (dir: string) => Effect.Effect<A>): Effect.Effect<A> =>
  existsSync("/proc/self/fd")
    ? Effect.acquireUseRelease(
        Effect.sync(() => openSync(dir, "r")),
        (fd) => use(`/proc/self/fd/${fd}`),
        (fd) => Effect.sync(() => closeSync(fd))
      )
    : use(dir)

const alive = (dir: string): Effect.Effect<number> =>
  Effect.suspend(() => {
    const names = readdirSync(dir)
    const found = names.filter((name) => ![undefined, String(process.pid)].includes(USER.exec(name)?.[1]))
    return Effect.map(
      Effect.filter(found, (name) => isAlive(join(dir, name))),
      (alive) => alive.length
    )
  })

/** Others than this process. */
export const others = (dir: string): Effect.Effect<number> =>
  Effect.suspend(() => (existsSync(dir) ? within(dir, alive) : Effect.succeed(0)))

/** Until no other uses it, `told` before it waits. Can be interrupted, also in a finalizer. */
export const untilAlone = (dir: string, told: Effect.Effect<void>): Effect.Effect<void> =>
  Effect.interruptible(
    Effect.flatMap(others(dir), (count) =>
      count === 0
        ? Effect.void
        : Effect.zipRight(
            told,
            Effect.repeat(others(dir), { until: (left) => left === 0, schedule: Schedule.spaced("500 millis") })
          )
    )
  ).pipe(Effect.asVoid)
