/**
 * The last responses, kept in memory for whoever goes on from one of them: its own caller. Nothing outlives the process.
 */
import type { Loose } from "./Loose.ts"
import type { ResponseObject } from "./Resource.ts"

export interface Stored {
  readonly response: ResponseObject
  /** The conversation up to this response, its output included. */
  readonly items: ReadonlyArray<Loose>
}

/** What one caller has; nobody else can tell whether it is there. */
export interface Own {
  readonly put: (response: ResponseObject, input: ReadonlyArray<Loose>) => void
  readonly get: (id: string) => Stored | undefined
  readonly item: (id: string) => Loose | undefined
  /** False when it was not there. */
  readonly remove: (id: string) => boolean
}

export interface Store {
  /** Whether a response can be kept at all. */
  readonly isOn: boolean
  readonly of: (caller: string) => Own
}

export interface StoreOptions {
  /** Most responses held; 0 keeps none. */
  readonly capacity: number
  /** Most bytes held by all of them together. */
  readonly size?: number
}

interface Held extends Stored {
  readonly size: number
}

interface Shelf {
  readonly held: Map<string, Held>
  readonly items: Map<string, Loose>
  size: number
}

/** What a value beside its texts takes, about. */
const VALUE = 16

/** Bytes, about; no more is looked at than it takes to be over `most`. */
const weigh = (value: unknown, most: number): number => {
  let size = 0
  const open = [value]
  while (open.length > 0 && size <= most) {
    const one = open.pop()
    size += VALUE
    if (typeof one === "string") size += 2 * one.length
    if (Array.isArray(one)) for (const inner of one) open.push(inner)
    else if (typeof one === "object" && one !== null) {
      for (const [key, inner] of Object.entries(one)) {
        size += key.length
        open.push(inner)
      }
    }
  }
  return size
}

/**
 * The oldest go first, of the caller that holds most: nobody can push out what another has while holding more.
 * A response that is too large by itself is not kept.
 */
export const make = ({ capacity, size = 1 << 26 }: StoreOptions): Store => {
  const shelves = new Map<string, Shelf>()
  let count = 0
  let total = 0

  const remove = (caller: string, id: string): boolean => {
    const shelf = shelves.get(caller)
    const found = shelf?.held.get(id)
    if (shelf === undefined || found === undefined) return false
    for (const item of found.response.output) shelf.items.delete(item.id)
    shelf.held.delete(id)
    shelf.size -= found.size
    total -= found.size
    count--
    if (shelf.held.size === 0) shelves.delete(caller)
    return true
  }

  const removeOldest = (measure: (shelf: Shelf) => number) => {
    let most: readonly [caller: string, shelf: Shelf] | undefined
    for (const one of shelves) if (most === undefined || measure(one[1]) > measure(most[1])) most = one
    const [oldest] = most?.[1].held.keys() ?? []
    if (most !== undefined && oldest !== undefined) remove(most[0], oldest)
  }

  const put = (caller: string, response: ResponseObject, input: ReadonlyArray<Loose>) => {
    if (capacity === 0) return
    const items = [...input, ...response.output]
    const own = weigh([items, response], size)
    if (own > size) return
    remove(caller, response.id)
    const shelf = shelves.get(caller) ?? { held: new Map(), items: new Map(), size: 0 }
    shelves.set(caller, shelf)
    shelf.held.set(response.id, { response, items, size: own })
    for (const item of response.output) shelf.items.set(item.id, { ...item })
    shelf.size += own
    total += own
    count++
    while (count > capacity) removeOldest(({ held }) => held.size)
    while (total > size) removeOldest((one) => one.size)
  }

  return {
    isOn: capacity > 0,
    of: (caller) => ({
      put: (response, input) => put(caller, response, input),
      get: (id) => shelves.get(caller)?.held.get(id),
      item: (id) => shelves.get(caller)?.items.get(id),
      remove: (id) => remove(caller, id)
    })
  }
}
