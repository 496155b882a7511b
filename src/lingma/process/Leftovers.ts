/**
 * Removes what a killed gateway left in an instance's work directory: images of clients, browser profiles.
 *
 * Only for the holder of `WorkDirLock`, because others may be using the files. Symbolic links are not followed.
 */
import { lstatSync, readdirSync, readFileSync } from "node:fs"
import { rm } from "node:fs/promises"
import { join, resolve } from "node:path"
import { Effect } from "effect"

/** Names of the directories of turns with files, and of browser profiles. */
export const TURN = { parent: "turns", prefix: "turn-" } as const
export const PROFILE = { parent: "browser", prefix: "login-" } as const

/** Names as created by `mkdtemp`. */
const made = ({ prefix }: { readonly prefix: string }) => new RegExp(`^${prefix}[A-Za-z0-9]{6}$`)

/** A real directory, owned by our user. */
const isOurs = (path: string): boolean => {
  const stats = lstatSync(path, { throwIfNoEntry: false })
  return stats?.isDirectory() === true && (process.getuid === undefined || stats.uid === process.getuid())
}

const within = (workDir: string, kind: typeof TURN | typeof PROFILE): ReadonlyArray<string> => {
  const parent = join(workDir, kind.parent)
  if (!isOurs(workDir) || !isOurs(parent)) return []
  const pattern = made(kind)
  return readdirSync(parent).flatMap((name) =>
    pattern.test(name) && isOurs(join(parent, name)) ? [join(parent, name)] : []
  )
}

/** Kills processes that use the profile: a browser normally exits with its gateway, unless it hangs. */
const endUsers = (profile: string): void => {
  if (process.platform !== "linux") return
  const wanted = `--user-data-dir=${profile}/`
  for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
    try {
      if (
        readFileSync(`/proc/${pid}/cmdline`, "utf8")
          .split("\0")
          .some((word) => word.startsWith(wanted))
      )
        process.kill(Number(pid), "SIGKILL")
    } catch {
      // already exited
    }
  }
}

/**
 * Lists the leftovers at once, so that nothing created from now on is included. Returns the removal, which may be slow
 * and gives the number of directories.
 */
export const look = (workDir: string): Effect.Effect<Effect.Effect<number>> =>
  Effect.try(() => {
    const dir = resolve(workDir)
    const profiles = within(dir, PROFILE)
    return { profiles, all: [...within(dir, TURN), ...profiles] }
  }).pipe(
    Effect.orElseSucceed(() => ({ profiles: [], all: [] })),
    Effect.map(({ all, profiles }) =>
      Effect.suspend(() => {
        for (const profile of profiles) endUsers(profile)
        return Effect.forEach(all, (path) =>
          Effect.option(Effect.tryPromise(() => rm(path, { recursive: true, force: true, maxRetries: 3 })))
        )
      }).pipe(Effect.map((removed) => removed.filter(({ _tag }) => _tag === "Some").length))
    )
  )

/** Removes the leftovers in the background. */
export const clear = Effect.fnUntraced(function* (workDir: string) {
  const removal = yield* look(workDir)
  yield* Effect.forkScoped(
    Effect.flatMap(removal, (removed) =>
      removed === 0
        ? Effect.void
        : Effect.annotateLogs(Effect.logInfo("removed leftovers of an earlier run"), { directories: removed })
    )
  )
})
