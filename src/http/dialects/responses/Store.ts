/**
 * Recent responses and conversations, kept in memory and accessible only to the caller that created them. With a
 * database they are written to it as well, and loaded from it when memory no longer has them.
 */
import { Effect } from "effect"
import type { Found, Service as KeptResponses } from "../../../team/responses/KeptResponses.ts"
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

/** What a request refers to. */
export interface References {
  readonly responses?: ReadonlyArray<string>
  readonly conversations?: ReadonlyArray<string>
  readonly items?: ReadonlyArray<string>
}

/** The store of one caller; others cannot even find out whether an id exists. */
export interface Own {
  /** Brings into memory what is in the database only; before what refers to it is read. */
  readonly load: (references: References) => Effect.Effect<void>
  /** Waits, for a while, until the other hosts see what was changed here. */
  readonly settled: Effect.Effect<void>
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
  /** Where they are kept as well. */
  readonly kept?: KeptResponses | undefined
}

const idsOf = (items: ReadonlyArray<Loose>) => items.flatMap(({ id }) => (typeof id === "string" ? [id] : []))
const outputOf = ({ output }: ResponseObject) => output.map((item): Loose => ({ ...item }))

/** What `put` wrote; undefined for what is of another version. */
const parsed = (body: string): Stored | Conversation | undefined => {
  const value: Stored | Conversation = JSON.parse(body)
  return Array.isArray(value.items) ? value : undefined
}

export const make = ({ capacity, kept, size = 1 << 26 }: StoreOptions): Store => {
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
    const put = (id: string, value: Stored | Conversation, items: ReadonlyArray<Loose>) => {
      const isPut = shelves.put(caller, id, value, items)
      if (isPut) kept?.put(caller, { id, body: JSON.stringify(value) }, idsOf(items))
      return isPut
    }
    const remove = (id: string) => {
      kept?.remove(caller, id)
      return shelves.remove(caller, id)
    }
    const forget = (ids: ReadonlyArray<string>) => {
      for (const id of ids) shelves.remove(caller, id)
    }
    const take = (found: ReadonlyArray<Found>) => {
      for (const one of found) {
        if (one.body === undefined) forget([one.id])
        const value = one.body === undefined ? undefined : parsed(one.body)
        if (value === undefined) continue
        shelves.put(caller, one.id, value, "response" in value ? outputOf(value.response) : value.items)
      }
    }
    const load: Own["load"] = ({ conversations = [], items = [], responses = [] }) => {
      if (kept === undefined) return Effect.void
      const isMissing = (id: string) => shelves.get(caller, id) === undefined
      // Another host may have gone on with a conversation meanwhile.
      const ids = [...responses.filter(isMissing), ...(kept.isShared ? conversations : conversations.filter(isMissing))]
      const missing = items.filter((id) => shelves.item(caller, id) === undefined)
      const removable = kept.isShared ? responses.filter((id) => !isMissing(id)) : []
      if (ids.length === 0 && missing.length === 0 && removable.length === 0) return Effect.void
      return Effect.all(
        [
          Effect.map(kept.removed(caller, removable), forget),
          Effect.map(kept.find(caller, ids), take),
          Effect.map(kept.holding(caller, missing), take)
        ],
        { discard: true }
      )
    }
    return {
      load,
      settled: kept?.settled(caller) ?? Effect.void,
      put: (response, input) => {
        const output = outputOf(response)
        put(response.id, { response, items: [...input, ...output] }, output)
      },
      get: response,
      item: (id) => shelves.item(caller, id),
      remove: (id) => response(id) !== undefined && remove(id),
      conversations: {
        put: (one) => put(one.id, one, one.items),
        get: conversation,
        remove: (id) => conversation(id) !== undefined && remove(id)
      }
    }
  }

  return { isOn: capacity > 0, of: ownOf }
}
