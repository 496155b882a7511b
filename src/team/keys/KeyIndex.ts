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
  readonly place: number
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
  /** When each entry was used since that was last asked, by its place. */
  let usedAt = new Float64Array(0)
  const given = Buffer.alloc(32)
  const watchers = new ChurnMap<object, Watcher>()
  const now = () => clock.unsafeCurrentTimeMillis()

  /** Found by its digest, so how long that takes tells nothing of other keys. */
  const lookUp = (secret: string): Entry | undefined => {
    const digest = Digest.of(secret)
    const entry = byDigest.get(digest)
    if (entry === undefined) return undefined
    given.write(digest, "hex")
    return timingSafeEqual(entry.bytes, given) ? entry : undefined
  }

  /** In the order in which they count: the first of a name and the first of a digest stay. */
  const replace = (all: ReadonlyArray<Key.Known>): void => {
    const next = new Map<string, Entry>()
    const owners = new Map<string, Key.Key>()
    for (const known of all) {
      const owner = owners.get(known.key.name)
      if (owner !== undefined && owner.id !== known.key.id) continue
      owners.set(known.key.name, known.key)
      if (next.has(known.digest)) continue
      next.set(known.digest, { ...known, bytes: Buffer.from(known.digest, "hex"), place: next.size })
    }
    const times = new Float64Array(next.size)
    for (const [digest, { place }] of next) times[place] = usedAt[byDigest.get(digest)?.place ?? -1] ?? 0
    usedAt = times
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
      const used = new Map<string, number>()
      for (const { key, place } of byDigest.values()) {
        const at = usedAt[place] ?? 0
        if (at > 0) used.set(key.id, Math.max(at, used.get(key.id) ?? 0))
      }
      usedAt.fill(0)
      return used
    },
    /** The key that was given, if it is one and has not expired. */
    find: (given: string) => {
      const entry = lookUp(given)
      if (entry === undefined) return undefined
      const at = now()
      if (Key.isExpired(entry.key, at) || (entry.until !== undefined && at >= entry.until)) return undefined
      if (entry.key.source === "database") usedAt[entry.place] = at
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
