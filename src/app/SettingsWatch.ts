/**
 * Tells when a file has other contents than before. Its folder is watched, and that of the file it is a link to: editors,
 * package tools and Kubernetes replace files and links, and a watched file would be the one that is gone.
 */
import { type FSWatcher, watch } from "node:fs"
import { readFile, realpath } from "node:fs/promises"
import { dirname, resolve } from "node:path"
import { Effect, type Scope } from "effect"

/** The same contents for so long: whoever writes has written. */
const QUIET = "40 millis"
/** The same for a text that ends within a line, as one does that is written in pieces. */
const QUIET_WITHIN_LINE = "200 millis"
/** So long after the first event it is read even so: somebody may write all the time. */
const LATEST = 5_000
/** How often it is looked at without an event: network file systems tell of none. */
const LOOK = "2 seconds"

const foldersOf = async (file: string): Promise<ReadonlySet<string>> => {
  const target = await realpath(file).catch(() => file)
  return new Set([dirname(file), dirname(target)])
}

/** Undefined where there is none, or none that can be read. */
const contentOf = (file: string) => Effect.promise(() => readFile(file, "utf8").catch(() => undefined))

/**
 * Runs `changed` after each change, one after the other, until the scope closes; also after one since `known` was in it,
 * where that is given.
 */
export const follow = Effect.fnUntraced(function* (
  given: string,
  changed: Effect.Effect<unknown>,
  known?: { readonly text: string | undefined }
): Effect.fn.Return<void, never, Scope.Scope> {
  const file = resolve(given)
  const touched = yield* Effect.makeLatch(false)
  const clock = yield* Effect.clock
  const now = () => Number(clock.unsafeCurrentTimeNanos()) / 1e6
  const watchers = new Map<string, FSWatcher>()

  const forget = (folder: string, watcher: FSWatcher) => {
    watcher.close()
    if (watchers.get(folder) === watcher) watchers.delete(folder)
  }
  const open = (folder: string) => {
    try {
      const watcher = watch(folder, { persistent: false }, () => touched.unsafeOpen())
      // The folder is gone, or there are too many watchers: it is looked at now and then, and watched again.
      watcher.on("error", () => forget(folder, watcher))
      watchers.set(folder, watcher)
    } catch {
      // Looked at now and then.
    }
  }
  /** A folder that was replaced by another of its name is watched anew as well: the old watcher tells of nothing more. */
  const arm = (isAnew: boolean) =>
    Effect.map(
      Effect.promise(() => foldersOf(file)),
      (folders) => {
        for (const [folder, watcher] of watchers) if (isAnew || !folders.has(folder)) forget(folder, watcher)
        for (const folder of folders) if (!watchers.has(folder)) open(folder)
      }
    )

  /** The contents once they stay the same. Events alone do not tell: one may still be on its way. */
  const settled = (since: number): Effect.Effect<string | undefined> =>
    Effect.gen(function* () {
      const content = yield* contentOf(file)
      const isWhole = content === undefined || content === "" || content.endsWith("\n")
      yield* Effect.sleep(isWhole ? QUIET : QUIET_WITHIN_LINE)
      yield* touched.close
      const isSame = (yield* contentOf(file)) === content
      return isSame || now() - since >= LATEST ? content : yield* settled(since)
    })

  yield* Effect.addFinalizer(() =>
    Effect.sync(() => {
      for (const watcher of watchers.values()) watcher.close()
    })
  )
  yield* arm(false)
  const present = yield* contentOf(file)
  let seen = known === undefined ? present : known.text
  if (present !== seen) touched.unsafeOpen()
  const look = Effect.gen(function* () {
    const isTold = yield* touched.await.pipe(Effect.timeoutOption(LOOK))
    const content = yield* isTold._tag === "Some" ? Effect.suspend(() => settled(now())) : contentOf(file)
    yield* arm(content !== seen && isTold._tag === "None")
    if (content === seen) return
    seen = content
    yield* changed
  })
  yield* Effect.forkScoped(Effect.interruptible(Effect.forever(look)))
  // Looks are nothing to trace.
}, Effect.withTracerEnabled(false))
