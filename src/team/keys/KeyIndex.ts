/**
 * Keys by their digests, as they are asked for by every request; and who wants to hear that one was revoked.
 */
import { timingSafeEqual } from "node:crypto"
import type { Clock } from "effect"
import { ChurnMap } from "../../runtime/ChurnMap.ts"
import * as Digest from "./Digest.ts"
import * as Key from "./Key.ts"

interface Entry extends Key.Known {
  readonly bytes: Buffer
}

interface Watcher {
  readonly id: string
  readonly stop: () => void
}

/** Closed: everybody is refused where there are no keys. */
export const make = (clock: Clock.Clock, isClosed: boolean) => {
  let byDigest = new Map<string, Entry>()
  let keys: ReadonlyArray<Key.Key> = []
  let ids: ReadonlySet<string> = new Set()
  let isOpen = !isClosed
  let used = new Map<string, number>()
  const watchers = new ChurnMap<object, Watcher>()
  const now = () => clock.unsafeCurrentTimeMillis()

  /** Found by its digest, so how long that takes tells nothing of other keys. */
  const lookUp = (given: string): Entry | undefined => {
    const digest = Digest.of(given)
    const entry = byDigest.get(digest)
    if (entry === undefined || !timingSafeEqual(entry.bytes, Buffer.from(digest, "hex"))) return undefined
    return entry
  }

  /** In the order in which they count: the first of a name and the first of a digest stay. */
  const replace = (all: ReadonlyArray<Key.Known>): void => {
    const next = new Map<string, Entry>()
    const owners = new Map<string, Key.Key>()
    for (const known of all) {
      const owner = owners.get(known.key.name)
      if (owner !== undefined && owner.id !== known.key.id) continue
      owners.set(known.key.name, known.key)
      if (!next.has(known.digest)) next.set(known.digest, { ...known, bytes: Buffer.from(known.digest, "hex") })
    }
    byDigest = next
    keys = [...owners.values()]
    if (keys.length > 0) isOpen = false
    ids = new Set(keys.map(({ id }) => id))
    for (const { id, stop } of [...watchers.values()]) if (!ids.has(id)) stop()
  }

  return {
    replace,
    /** When keys of the database were used since the last time that this was asked. */
    takeUsed: (): ReadonlyMap<string, number> => {
      const taken = used
      used = new Map()
      return taken
    },
    /** The key that was given, if it is one and has not expired. */
    find: (given: string) => {
      const entry = lookUp(given)
      if (entry === undefined) return undefined
      const at = now()
      if (Key.isExpired(entry.key, at) || (entry.until !== undefined && at >= entry.until)) return undefined
      if (entry.key.source === "database") used.set(entry.key.id, at)
      return entry.key
    },
    /** Whether a key that `find` does not give has only expired. */
    hasExpired: (given: string) => {
      const entry = lookUp(given)
      return entry !== undefined && Key.isExpired(entry.key, now())
    },
    /** There are no keys and have been none: everybody is let in. */
    isOpen: () => isOpen,
    /** One of each name. */
    all: () => keys,
    /** Calls `stop` once the key is revoked; the result ends that. */
    onRevoked: (id: string, stop: () => void): (() => void) => {
      const place = {}
      // Revoked since it was found.
      if (!ids.has(id)) queueMicrotask(stop)
      watchers.set(place, { id, stop })
      return () => {
        watchers.delete(place)
      }
    }
  }
}

export type KeyIndex = ReturnType<typeof make>
