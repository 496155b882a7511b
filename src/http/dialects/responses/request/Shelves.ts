/**
 * In-memory store of values per caller, limited in number and bytes. Callers cannot see each other's values.
 */
import { weigh } from "../../../../runtime/Weight.ts"
import type { Loose } from "./Loose.ts"

export interface Shelves<V> {
  readonly get: (caller: string, id: string) => V | undefined
  /** An item that was stored with a value. */
  readonly item: (caller: string, id: string) => Loose | undefined
  /** Replaces the value with this id. False if the new one is too large; then the old one stays. */
  readonly put: (caller: string, id: string, value: V, items: ReadonlyArray<Loose>) => boolean
  /** False if there was none. */
  readonly remove: (caller: string, id: string) => boolean
}

export interface ShelvesOptions {
  /** Max number of values; 0 stores none. */
  readonly capacity: number
  /** Max bytes of all values together. */
  readonly size: number
}

interface Held<V> {
  readonly value: V
  readonly items: ReadonlyArray<Loose>
  readonly size: number
}

interface Holder {
  readonly owner: string
  readonly item: Loose
}

interface Shelf<V> {
  readonly held: Map<string, Held<V>>
  /** The holders of each item by its id, usually one; the first one's version of the item counts. */
  readonly items: Map<string, ReadonlyArray<Holder>>
  size: number
}

/** Evicts the oldest values of the caller with the most, so that no caller can evict values of one with fewer. */
export const make = <V>({ capacity, size }: ShelvesOptions): Shelves<V> => {
  const shelves = new Map<string, Shelf<V>>()
  let count = 0
  let total = 0

  const remove = (caller: string, id: string): boolean => {
    const shelf = shelves.get(caller)
    const found = shelf?.held.get(id)
    if (shelf === undefined || found === undefined) return false
    for (const { id: item } of found.items) {
      if (typeof item !== "string") continue
      const left = shelf.items.get(item)?.filter(({ owner }) => owner !== id) ?? []
      if (left.length > 0) shelf.items.set(item, left)
      else shelf.items.delete(item)
    }
    shelf.held.delete(id)
    shelf.size -= found.size
    total -= found.size
    count--
    if (shelf.held.size === 0) shelves.delete(caller)
    return true
  }

  const removeOldest = (measure: (shelf: Shelf<V>) => number) => {
    let most: readonly [caller: string, shelf: Shelf<V>] | undefined
    for (const one of shelves) if (most === undefined || measure(one[1]) > measure(most[1])) most = one
    const [oldest] = most?.[1].held.keys() ?? []
    if (most !== undefined && oldest !== undefined) remove(most[0], oldest)
  }

  const put: Shelves<V>["put"] = (caller, id, value, items) => {
    if (capacity === 0) return false
    const own = weigh(value, size)
    if (own > size) return false
    remove(caller, id)
    const shelf = shelves.get(caller) ?? { held: new Map(), items: new Map(), size: 0 }
    shelves.set(caller, shelf)
    shelf.held.set(id, { value, items, size: own })
    for (const item of items) {
      if (typeof item["id"] !== "string") continue
      const holders = shelf.items.get(item["id"]) ?? []
      if (holders.at(-1)?.owner !== id) shelf.items.set(item["id"], [...holders, { owner: id, item }])
    }
    shelf.size += own
    total += own
    count++
    while (count > capacity) removeOldest(({ held }) => held.size)
    while (total > size) removeOldest((one) => one.size)
    return true
  }

  return {
    get: (caller, id) => shelves.get(caller)?.held.get(id)?.value,
    item: (caller, id) => shelves.get(caller)?.items.get(id)?.[0]?.item,
    put,
    remove
  }
}
