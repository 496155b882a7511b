/**
 * What a connection has made lately, for the next message that goes on from it; nothing outlives the connection.
 *
 * What a message goes on from is taken out until its response has ended well: after a failure it is sent again whole,
 * as the contract has it.
 */
import type { Connection, Message } from "../../../server/MessageRequest.ts"

type Item = Readonly<Record<string, unknown>>

interface Response {
  readonly id: string
  readonly output: ReadonlyArray<Item>
}

export interface Own {
  /** The conversation that a response ends, taken out. */
  readonly take: (id: string) => ReadonlyArray<Item> | undefined
  readonly item: (id: string) => Item | undefined
  /** After a response: it, and what it went on from. */
  readonly put: (response: Response, input: ReadonlyArray<Item>) => void
}

export interface RecentOptions {
  /** Most responses of a connection. */
  readonly capacity?: number
  /** Most bytes of all connections together. */
  readonly size?: number
}

interface Held {
  readonly id: string
  readonly items: ReadonlyArray<Item>
  readonly output: Response["output"]
  /** Of what it adds to the one before, about: they share the rest. */
  readonly size: number
}

export const make = ({ capacity = 8, size = 1 << 27 }: RecentOptions = {}) => {
  /** The one that was used the longest ago first. */
  const shelves = new Map<Connection, Map<string, Held>>()
  let total = 0

  const remove = (shelf: Map<string, Held>, id: string): Held | undefined => {
    const held = shelf.get(id)
    if (held === undefined) return undefined
    shelf.delete(id)
    total -= held.size
    return held
  }
  const removeOldest = (shelf: Map<string, Held>) => {
    for (const id of shelf.keys()) return void remove(shelf, id)
  }
  const add = (shelf: Map<string, Held>, held: Held) => {
    remove(shelf, held.id)
    shelf.set(held.id, held)
    total += held.size
    if (shelf.size > capacity) removeOldest(shelf)
  }
  const close = (connection: Connection) => {
    const shelf = shelves.get(connection)
    for (const id of [...(shelf?.keys() ?? [])]) remove(shelf!, id)
    shelves.delete(connection)
  }
  const shelfOf = (connection: Connection): Map<string, Held> => {
    const known = shelves.get(connection)
    if (known === undefined) connection.onClose(() => close(connection))
    const shelf = known ?? new Map<string, Held>()
    shelves.delete(connection)
    shelves.set(connection, shelf)
    return shelf
  }
  const trim = () => {
    for (const shelf of shelves.values()) {
      while (total > size && shelf.size > 0) removeOldest(shelf)
      if (total <= size) return
    }
  }

  /** What the connection of a message has. */
  const of = ({ bytes, connection }: Message): Own => {
    let taken: Held | undefined
    return {
      take: (id) => {
        taken = remove(shelfOf(connection), id)
        return taken?.items
      },
      item: (id) => {
        const held = [...(taken === undefined ? [] : [taken]), ...shelfOf(connection).values()]
        return held.flatMap(({ output }) => output).find((item) => item["id"] === id)
      },
      put: ({ id, output }, input) => {
        const shelf = shelfOf(connection)
        if (taken !== undefined) add(shelf, taken)
        const size = 2 * (bytes.length + JSON.stringify(output).length)
        add(shelf, { id, items: [...input, ...output], output, size })
        trim()
      }
    }
  }
  return { of, size: () => total }
}
