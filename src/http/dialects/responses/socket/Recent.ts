/**
 * Recent responses of a connection, for messages that continue them; nothing outlives the connection.
 *
 * A response is removed while another one continues it, and put back when that one completes. After a failure the
 * client sends the whole conversation again, as the API requires.
 */
import { weigh } from "../../../../runtime/Weight.ts"
import type { Connection, Message } from "../../../server/MessageRequest.ts"

type Item = Readonly<Record<string, unknown>>

interface Response {
  readonly id: string
  readonly output: ReadonlyArray<Item>
}

/** Earlier items that a response continues, and those that its message adds. */
interface Turn {
  readonly before: ReadonlyArray<Item>
  readonly now: ReadonlyArray<Item>
}

export interface Own {
  readonly has: (id: string) => boolean
  /** Removes a response and returns its conversation. */
  readonly take: (id: string) => ReadonlyArray<Item> | undefined
  readonly item: (id: string) => Item | undefined
  /** Stores a response, unless its conversation is too long. */
  readonly put: (response: Response, turn: Turn) => void
}

export interface RecentOptions {
  /** Max number of responses per connection. */
  readonly capacity?: number
  /** Max bytes of all connections together. */
  readonly size?: number
  /** Max bytes of one conversation, at most `size`. */
  readonly longest?: number
}

/** Part of a conversation, shared by the responses that continue it; counted once, until the last is removed. */
interface Part {
  readonly before: Part | undefined
  readonly items: ReadonlyArray<Item>
  readonly size: number
  /** Size including all parts before it. */
  readonly whole: number
  /** Number of responses that end with it and of parts that follow it. */
  holders: number
}

interface Held {
  readonly id: string
  readonly output: Response["output"]
  readonly last: Part
}

/** Approximate overhead of a part in bytes. */
const PART = 128

const conversation = (last: Part): ReadonlyArray<Item> => {
  const parts: Array<ReadonlyArray<Item>> = []
  for (let part: Part | undefined = last; part !== undefined; part = part.before) parts.push(part.items)
  return parts.reverse().flat()
}

export const make = ({ capacity = 8, size = 1 << 27, longest = size / 2 }: RecentOptions = {}) => {
  /** The one that was used the longest ago first. */
  const shelves = new Map<Connection, Map<string, Held>>()
  let total = 0

  const hold = (last: Part) => {
    for (let part: Part | undefined = last; part !== undefined && part.holders++ === 0; part = part.before) {
      total += part.size
    }
  }
  const letGo = (last: Part) => {
    for (let part: Part | undefined = last; part !== undefined && --part.holders === 0; part = part.before) {
      total -= part.size
    }
  }
  const partOf = (before: Part | undefined, items: ReadonlyArray<Item>): Part => {
    const own = PART + weigh(items, longest)
    return { before, items, size: own, whole: own + (before?.whole ?? 0), holders: 0 }
  }

  const remove = (shelf: Map<string, Held>, id: string): Held | undefined => {
    const held = shelf.get(id)
    if (held === undefined) return undefined
    shelf.delete(id)
    letGo(held.last)
    return held
  }
  const removeOldest = (shelf: Map<string, Held>) => {
    for (const id of shelf.keys()) return void remove(shelf, id)
  }
  const add = (shelf: Map<string, Held>, held: Held) => {
    remove(shelf, held.id)
    shelf.set(held.id, held)
    hold(held.last)
    if (shelf.size > capacity) removeOldest(shelf)
  }
  const close = (connection: Connection) => {
    const shelf = shelves.get(connection)
    for (const id of [...(shelf?.keys() ?? [])]) remove(shelf!, id)
    shelves.delete(connection)
  }
  /** Marks a connection as most recently used; for a closed connection the result is not stored. */
  const shelfOf = (connection: Connection): Map<string, Held> => {
    const known = shelves.get(connection)
    const shelf = known ?? new Map<string, Held>()
    shelves.delete(connection)
    shelves.set(connection, shelf)
    if (known === undefined) connection.onClose(() => close(connection))
    return shelf
  }
  const trim = () => {
    for (const shelf of shelves.values()) {
      while (total > size && shelf.size > 0) removeOldest(shelf)
      if (total <= size) return
    }
  }

  /** The responses of a message's connection. */
  const of = ({ connection }: Message): Own => {
    let taken: Held | undefined
    return {
      has: (id) => shelves.get(connection)?.has(id) === true,
      take: (id) => {
        taken = remove(shelfOf(connection), id)
        return taken === undefined ? undefined : conversation(taken.last)
      },
      item: (id) => {
        const held = [...(taken === undefined ? [] : [taken]), ...shelfOf(connection).values()]
        return held.flatMap(({ output }) => output).find((item) => item["id"] === id)
      },
      put: ({ id, output }, { before, now }) => {
        const shelf = shelfOf(connection)
        if (!shelves.has(connection)) return
        if (taken !== undefined) add(shelf, taken)
        // The base is in the store, but its memory is counted here as well, because this part keeps it alive.
        const base = taken?.last ?? (before.length === 0 ? undefined : partOf(undefined, before))
        const last = partOf(base, [...now, ...output])
        if (last.whole <= longest) add(shelf, { id, output, last })
        trim()
      }
    }
  }
  return { of, size: () => total }
}
