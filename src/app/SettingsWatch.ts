/**
 * Tells when a file has other contents than before. Its folder is watched, and that of the file it is a link to: editors,
 * package tools and Kubernetes replace files and links, and a watched file would be the one that is gone.
 */
import { type FSWatcher, readFileSync, watch } from "node:fs"
import { readFile, realpath } from "node:fs/promises"
import { dirname, resolve } from "node:path"
import { Effect, type Scope } from "effect"
import { isReadAgain } from "../config/SettingsSource.ts"
import { settled } from "./Settling.ts"

/** How often it is looked at without an event: network file systems tell of none. */
const LOOK = "2 seconds"

const foldersOf = async (file: string): Promise<ReadonlySet<string>> => {
  const target = await realpath(file).catch(() => file)
  return new Set([dirname(file), dirname(target)])
}

/** Undefined where there is none, or none that can be read. */
const contentOf = (file: string) => Effect.promise(() => readFile(file, "utf8").catch(() => undefined))

/** The same at once: of a file that an event has told of, beside requests that each step of another way would wait behind. */
const contentNow = (file: string) =>
  Effect.sync(() => {
    try {
      // A pipe that has taken its place would have everything wait.
      return isReadAgain(file) ? readFileSync(file, "utf8") : undefined
    } catch {
      return undefined
    }
  })

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
    const content = yield* isTold._tag === "Some" ? settled(contentNow(file), touched) : contentOf(file)
    const isOther = content !== seen
    seen = content
    if (isOther) yield* changed
    yield* arm(isOther && isTold._tag === "None")
  })
  yield* Effect.forkScoped(Effect.interruptible(Effect.forever(look)))
  // Looks are nothing to trace.
}, Effect.withTracerEnabled(false))
