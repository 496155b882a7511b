/**
 * Recent responses and conversations, kept in memory and accessible only to the caller that created them. Nothing
 * outlives the process.
 */

import type { ResponseObject } from "./Resource.ts"
import type { Loose } from "./request/Loose.ts"
import * as Shelves from "./request/Shelves.ts"

export interface Stored {
  readonly response: ResponseObject
  /** The conversation up to and including this response. */
  readonly items: ReadonlyArray<Loose>
}

/** A stored conversation; all its items have an id. */
export interface Conversation {
  readonly id: string
  readonly created_at: number
  readonly metadata: Readonly<Record<string, string>>
  readonly items: ReadonlyArray<Loose>
}

/** The store of one caller; others cannot even find out whether an id exists. */
export interface Own {
  readonly put: (response: ResponseObject, input: ReadonlyArray<Loose>) => void
  readonly get: (id: string) => Stored | undefined
  readonly item: (id: string) => Loose | undefined
  /** False if there was none. */
  readonly remove: (id: string) => boolean
  readonly conversations: {
    /** False if it is too large; then the previous version stays. */
    readonly put: (conversation: Conversation) => boolean
    readonly get: (id: string) => Conversation | undefined
    readonly remove: (id: string) => boolean
  }
}

export interface Store {
  /** False if the capacity is 0. */
  readonly isOn: boolean
  readonly of: (caller: string) => Own
}

export interface StoreOptions {
  /** Max number of responses and conversations; 0 turns the store off. */
  readonly capacity: number
  /** Max bytes of all of them together. */
  readonly size?: number
}

export const make = ({ capacity, size = 1 << 26 }: StoreOptions): Store => {
  const shelves = Shelves.make<Stored | Conversation>({ capacity, size })

  const ownOf = (caller: string): Own => {
    const response = (id: string): Stored | undefined => {
      const found = shelves.get(caller, id)
      return found !== undefined && "response" in found ? found : undefined
    }
    const conversation = (id: string): Conversation | undefined => {
      const found = shelves.get(caller, id)
      return found !== undefined && "metadata" in found ? found : undefined
    }
    return {
      put: (response, input) => {
        const output = response.output.map((item): Loose => ({ ...item }))
        shelves.put(caller, response.id, { response, items: [...input, ...output] }, output)
      },
      get: response,
      item: (id) => shelves.item(caller, id),
      remove: (id) => response(id) !== undefined && shelves.remove(caller, id),
      conversations: {
        put: (one) => shelves.put(caller, one.id, one, one.items),
        get: conversation,
        remove: (id) => conversation(id) !== undefined && shelves.remove(caller, id)
      }
    }
  }

  return { isOn: capacity > 0, of: ownOf }
}
