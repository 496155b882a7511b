/**
 * Counts those who use a gateway that `launch` has started: it stays until the last of them has ended.
 */
import { existsSync, readdirSync } from "node:fs"
import { connect } from "node:net"
import { join } from "node:path"
import { Effect, Schedule, type Scope } from "effect"
import * as DirectoryLock from "../../runtime/DirectoryLock.ts"

/** A socket of `DirectoryLock`, which the system closes however its process ends. */
const USER = /^user-\d+-(\d+)-[0-9a-f]{12}\.sock$/

/** Counted until the scope closes. */
export const use = (dir: string): Effect.Effect<void, never, Scope.Scope> =>
  Effect.ignore(DirectoryLock.hold(dir, `user-${process.pid}`))

const isAlive = (path: string) =>
  Effect.async<boolean>((resume) => {
    const peer = connect(path)
    const end = (alive: boolean) => {
      peer.destroy()
      resume(Effect.succeed(alive))
    }
    peer.once("connect", () => end(true)).once("error", () => end(false))
  })

/** Others than this process. */
export const others = (dir: string): Effect.Effect<number> =>
  Effect.suspend(() => {
    const names = existsSync(dir) ? readdirSync(dir) : []
    const found = names.filter((name) => ![undefined, String(process.pid)].includes(USER.exec(name)?.[1]))
    return Effect.map(
      Effect.filter(found, (name) => isAlive(join(dir, name))),
      (alive) => alive.length
    )
  })

/** Until no other uses it. */
export const alone = (dir: string): Effect.Effect<void> =>
  Effect.asVoid(Effect.repeat(others(dir), { until: (count) => count === 0, schedule: Schedule.spaced("500 millis") }))
