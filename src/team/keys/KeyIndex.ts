/**
 * Keys by their digests, as they are asked for by every request; and who wants to hear that one was revoked.
 */
import type { Clock } from "effect"
import { ChurnMap } from "../../runtime/ChurnMap.ts"
import * as Digest from "./Digest.ts"
import * as Key from "./Key.ts"

/** Entries by their place. Flat, for at 10,000 keys each object that is looked into costs more than the hash. */
interface Entries {
  readonly known: ReadonlyArray<Key.Known>
  /** The digests, one behind the other. */
  readonly bytes: Buffer
  /** When an entry ends, its key or its grace: infinity for none. */
  readonly endsAt: Float64Array
  /** When it was used since that was last asked. */
  readonly usedAt: Float64Array
}

const BYTES = 32
const endOf = ({ key, until }: Key.Known) => Math.min(key.expiresAt ?? Infinity, until ?? Infinity)

interface Watcher {
  readonly id: string
  readonly stop: () => void
}

/** Closed: everybody is refused where there are no keys. */
export const make = (clock: Clock.Clock, isClosed: boolean) => {
  let byDigest: ReadonlyMap<string, number> = new Map()
  let entries: Entries = { known: [], bytes: Buffer.alloc(0), endsAt: new Float64Array(), usedAt: new Float64Array() }
  let keys: ReadonlyArray<Key.Key> = []
  let ids: ReadonlySet<string> = new Set()
  let isOpen = !isClosed
  const given = Buffer.alloc(BYTES)
  const watchers = new ChurnMap<object, Watcher>()
  const now = () => clock.unsafeCurrentTimeMillis()

  /** The place of what was given. Found by its digest, so how long that takes tells nothing of other keys. */
  const lookUp = (secret: string): number | undefined => {
    const digest = Digest.of(secret)
    const place = byDigest.get(digest)
    if (place === undefined) return undefined
    given.write(digest, "hex")
    const at = place * BYTES
    let differs = 0
    for (let i = 0; i < BYTES; i++) differs |= (entries.bytes[at + i] ?? 0) ^ (given[i] ?? 0)
    return differs === 0 ? place : undefined
  }

  /** In the order in which they count: the first of a name and the first of a digest stay. */
  const replace = (all: ReadonlyArray<Key.Known>): void => {
    const next = new Map<string, number>()
    const known: Array<Key.Known> = []
    const owners = new Map<string, Key.Key>()
    for (const one of all) {
      const owner = owners.get(one.key.name)
      if (owner !== undefined && owner.id !== one.key.id) continue
      owners.set(one.key.name, one.key)
      if (next.has(one.digest)) continue
      next.set(one.digest, known.length)
      known.push(one)
    }
    const bytes = Buffer.alloc(known.length * BYTES)
    const endsAt = Float64Array.from(known, endOf)
    const usedAt = new Float64Array(known.length)
    for (const [place, { digest }] of known.entries()) {
      bytes.write(digest, place * BYTES, "hex")
      usedAt[place] = entries.usedAt[byDigest.get(digest) ?? -1] ?? 0
    }
    entries = { known, bytes, endsAt, usedAt }
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
      for (const [place, { key }] of entries.known.entries()) {
        const at = entries.usedAt[place] ?? 0
        if (at > 0 && key.source === "database") used.set(key.id, Math.max(at, used.get(key.id) ?? 0))
      }
      entries.usedAt.fill(0)
      return used
    },
    /** The key that was given, if it is one and has not expired. */
    find: (given: string): Key.Key | undefined => {
      const place = lookUp(given)
      if (place === undefined) return undefined
      const at = now()
      if (at >= (entries.endsAt[place] ?? 0)) return undefined
      entries.usedAt[place] = at
      return entries.known[place]?.key
    },
    /** Whether a key that `find` does not give has only expired. */
    hasExpired: (given: string) => {
      const known = entries.known[lookUp(given) ?? -1]
      return known !== undefined && Key.isExpired(known.key, now())
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
