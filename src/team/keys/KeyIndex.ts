/**
 * Keys by their digests, as they are asked for by every request; and who wants to hear that one was revoked.
 */
import type { Clock } from "effect"
import { ChurnMap } from "../../runtime/ChurnMap.ts"
import * as Digest from "./Digest.ts"
import * as DigestTable from "./DigestTable.ts"
import * as Key from "./Key.ts"

/** Entries by their place. Flat, for at 10,000 keys each object that is looked into costs more than the hash. */
interface Entries {
  readonly placeOf: ReturnType<typeof DigestTable.make>
  readonly keys: ReadonlyArray<Key.Key>
  /** Two of each: when the entry ends, its key or its grace, infinity for none; when it was used since that was last asked. */
  readonly times: Float64Array
}

const none: Entries = { placeOf: DigestTable.make([]), keys: [], times: new Float64Array() }

const endOf = ({ key, until }: Key.Known) => Math.min(key.expiresAt ?? Infinity, until ?? Infinity)

interface Watcher {
  readonly id: string
  readonly stop: () => void
}

/** Closed: everybody is refused where there are no keys. */
export const make = (clock: Clock.Clock, isClosed: boolean) => {
  let entries = none
  let digests: ReadonlyArray<string> = []
  let keys: ReadonlyArray<Key.Key> = []
  let ids: ReadonlySet<string> = new Set()
  let isOpen = !isClosed
  const given = new Int32Array(Digest.WORDS)
  const watchers = new ChurnMap<object, Watcher>()
  const now = () => clock.unsafeCurrentTimeMillis()

  /** The place of what was given, or -1. Found by its digest, so how long that takes tells nothing of other keys. */
  const lookUp = (secret: string): number => {
    Digest.intoWords(secret, given)
    return entries.placeOf(given)
  }

  /** In the order in which they count: the first of a name and the first of a digest stay. */
  const replace = (all: ReadonlyArray<Key.Known>): void => {
    const next = new Map<string, Key.Known>()
    const owners = new Map<string, Key.Key>()
    for (const one of all) {
      const owner = owners.get(one.key.name)
      if (owner !== undefined && owner.id !== one.key.id) continue
      owners.set(one.key.name, one.key)
      if (!next.has(one.digest)) next.set(one.digest, one)
    }
    const usedAt = new Map(digests.map((digest, place) => [digest, entries.times[2 * place + 1] ?? 0]))
    const known = [...next.values()]
    digests = [...next.keys()]
    entries = {
      placeOf: DigestTable.make(digests),
      keys: known.map(({ key }) => key),
      times: Float64Array.from(known.flatMap((one) => [endOf(one), usedAt.get(one.digest) ?? 0]))
    }
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
      for (const [place, key] of entries.keys.entries()) {
        const at = entries.times[2 * place + 1] ?? 0
        if (at > 0 && key.source === "database") used.set(key.id, Math.max(at, used.get(key.id) ?? 0))
        entries.times[2 * place + 1] = 0
      }
      return used
    },
    /** The key that was given, if it is one and has not expired. */
    find: (given: string): Key.Key | undefined => {
      const place = lookUp(given)
      if (place < 0) return undefined
      const at = now()
      if (at >= (entries.times[2 * place] ?? 0)) return undefined
      entries.times[2 * place + 1] = at
      return entries.keys[place]
    },
    /** Whether a key that `find` does not give has only expired. */
    hasExpired: (given: string) => {
      const key = entries.keys[lookUp(given)]
      return key !== undefined && Key.isExpired(key, now())
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
