/**
 * The last responses, kept in memory for whoever goes on from one of them. Nothing of it outlives the process.
 */
import type { Loose } from "./Payload.ts"
import type { ResponseObject } from "./Resource.ts"

export interface Stored {
  readonly response: ResponseObject
  /** The conversation up to this response, its output included. */
  readonly items: ReadonlyArray<Loose>
}

export interface Store {
  /** Whether a response can be kept at all. */
  readonly isOn: boolean
  readonly put: (response: ResponseObject, input: ReadonlyArray<Loose>) => void
  readonly get: (id: string) => Stored | undefined
  readonly item: (id: string) => Loose | undefined
  /** False when it was not there. */
  readonly remove: (id: string) => boolean
}

export interface StoreOptions {
  /** Most responses held; 0 keeps none. */
  readonly capacity: number
  /** Most characters held by all of them together. */
  readonly size?: number
}

/** The oldest go first. A response that is too large by itself is not kept. */
export const make = ({ capacity, size = 1 << 26 }: StoreOptions): Store => {
  const held = new Map<string, Stored & { readonly size: number }>()
  let total = 0
  const remove = (id: string) => {
    const found = held.get(id)
    if (found === undefined) return false
    total -= found.size
    return held.delete(id)
  }
  return {
    isOn: capacity > 0,
    put: (response, input) => {
      if (capacity === 0) return
      const items = [...input, ...response.output]
      const own = JSON.stringify(items).length + JSON.stringify(response).length
      if (own > size) return
      for (const id of held.keys()) {
        if (held.size < capacity && total + own <= size) break
        remove(id)
      }
      held.set(response.id, { response, items, size: own })
      total += own
    },
    get: (id) => held.get(id),
    item: (id) => {
      for (const { response } of held.values()) {
        const found = response.output.find((item) => item.id === id)
        if (found !== undefined) return { ...found }
      }
      return undefined
    },
    remove
  }
}
