/**
 * What a connection has made lately, for the next message that goes on from it; nothing outlives the connection.
 *
 * What a message goes on from is taken out until its response has ended well: after a failure it is sent again whole,
 * as the contract has it.
 */
import { weigh } from "../../../../runtime/Weight.ts"
import type { Connection, Message } from "../../../server/MessageRequest.ts"

type Item = Readonly<Record<string, unknown>>

interface Response {
  readonly id: string
  readonly output: ReadonlyArray<Item>
}

/** What a response goes on from, and what its message adds. */
interface Turn {
  readonly before: ReadonlyArray<Item>
  readonly now: ReadonlyArray<Item>
}

export interface Own {
  /** The conversation that a response ends, taken out. */
  readonly take: (id: string) => ReadonlyArray<Item> | undefined
  readonly item: (id: string) => Item | undefined
  /** After a response; a conversation that is too long is not kept. */
  readonly put: (response: Response, turn: Turn) => void
}

export interface RecentOptions {
  /** Most responses of a connection. */
  readonly capacity?: number
  /** Most bytes of all connections together. */
  readonly size?: number
  /** Most bytes of one conversation; no more than all. */
  readonly longest?: number
}

/** A part of a conversation, shared by all that go on from it: it is in memory, and counted, as long as one of them is. */
interface Part {
  readonly before: Part | undefined
  readonly items: ReadonlyArray<Item>
  readonly size: number
  /** With all that is before it. */
  readonly whole: number
  /** Responses that end with it, and parts behind it. */
  holders: number
}

interface Held {
  readonly id: string
  readonly output: Response["output"]
  readonly last: Part
}

/** Of a part beside its items, about. */
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
  /** Now the one that was used last; of a connection that is closed, one that is not kept. */
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

  /** What the connection of a message has. */
  const of = ({ connection }: Message): Own => {
    let taken: Held | undefined
    return {
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
        // Stored elsewhere, and kept from being freed by what goes on from it here.
        const base = taken?.last ?? (before.length === 0 ? undefined : partOf(undefined, before))
        const last = partOf(base, [...now, ...output])
        if (last.whole <= longest) add(shelf, { id, output, last })
        trim()
      }
    }
  }
  return { of, size: () => total }
}
