import { assert, describe, it } from "@effect/vitest"
import { FastCheck as fc } from "effect"
import { Heap } from "../../src/runtime/Heap.ts"

interface Item {
  rank: number
  place: number
}

const make = () => {
  let compared = 0
  const heap = new Heap<Item>({
    isBefore: (a, b) => {
      compared++
      return a.rank < b.rank
    },
    placeOf: ({ place }) => place,
    setPlace: (item, place) => {
      item.place = place
    }
  })
  return { heap, compared: () => compared }
}

const drain = (heap: Heap<Item>) => {
  const ranks: Array<number> = []
  for (let first = heap.first; first !== undefined; first = heap.first) {
    ranks.push(first.rank)
    heap.remove(first)
  }
  return ranks
}

type Command = { readonly act: "add" | "move" | "remove" | "shift"; readonly who: number; readonly rank: number }
const command: fc.Arbitrary<Command> = fc.record({
  act: fc.constantFrom(
    "add" as const,
    "add" as const,
    "add" as const,
    "move" as const,
    "remove" as const,
    "shift" as const
  ),
  who: fc.nat(50),
  rank: fc.nat(20)
})

describe("Heap", () => {
  it("has no first item while it is empty", () => {
    const { heap } = make()
    assert.isUndefined(heap.first)
    assert.strictEqual(heap.size, 0)
  })

  it.prop(
    "behaves like a list that is sorted anew at each look",
    [fc.array(command, { maxLength: 80 })],
    ([commands]) => {
      const { heap } = make()
      const list: Array<Item> = []
      const drop = (item: Item | undefined) => {
        if (item === undefined) return
        list.splice(list.indexOf(item), 1)
        heap.remove(item)
      }
      for (const { act, rank, who } of commands) {
        const item = list[who % Math.max(1, list.length)]
        if (act === "add") {
          const added = { rank, place: -1 }
          list.push(added)
          heap.add(added)
        } else if (act === "shift") drop(heap.first)
        else if (act === "remove") drop(item)
        else if (item !== undefined) {
          item.rank = rank
          heap.moved(item)
        }
        assert.strictEqual(heap.size, list.length)
        assert.strictEqual(heap.first?.rank, list.map((one) => one.rank).sort((a, b) => a - b)[0])
      }
      const rest = list.map((one) => one.rank).sort((a, b) => a - b)
      assert.deepStrictEqual(drain(heap), rest)
    }
  )

  it("compares a number of items that grows with the logarithm of its size", () => {
    const { compared, heap } = make()
    const items = Array.from({ length: 10_000 }, (_, i) => ({ rank: (i * 7919) % 10_007, place: -1 }))
    for (const item of items) heap.add(item)
    const before = compared()
    for (const item of items) {
      item.rank = (item.rank * 31) % 10_007
      heap.moved(item)
    }
    // Two for each of its fourteen levels, and one to see that it need not rise.
    assert.isAtMost(compared() - before, 10_000 * 29)
  })
})
