/** Shares, order and bounds of the queue, without the Guard around it. */
import { assert, describe, it } from "@effect/vitest"
import { FastCheck as fc } from "effect"
import { FairQueue, type Ticket } from "../../src/chat/FairQueue.ts"
import type { Caller } from "../../src/domain/keys/Caller.ts"

const caller = (id: string, weight = 1): Caller => ({ id, name: id, weight })
const [a, b, c] = [caller("a"), caller("b"), caller("c")]

const asked = ({ prompt }: Ticket) => ({ prompt, completion: 0 })

/** A queue beside one place, and names for those that wait: `a1` is the first that came, of `a`. */
const make = () => {
  const queue = new FairQueue()
  const names = new Map<Ticket, string>()
  const wait = (who: Caller, prompt = 100) => {
    const ticket = queue.wait(who, prompt)
    names.set(ticket, `${who.id}${names.size + 1}`)
    return ticket
  }
  const nameOf = (ticket: Ticket | undefined) => (ticket === undefined ? undefined : names.get(ticket))
  /** Takes them one after the other, each to its end. */
  const exact = (most = queue.size, usedOf = asked) => {
    const taken: Array<string> = []
    for (let n = 0; n < most; n++) {
      const ticket = queue.shift()!
      taken.push(nameOf(ticket)!)
      queue.end(ticket, usedOf(ticket))
    }
    return taken
  }
  return {
    queue,
    wait,
    nameOf,
    exact,
    many: (who: Caller, times: number, prompt = 100) => Array.from({ length: times }, () => wait(who, prompt)),
    order: (most?: number, usedOf = asked) => exact(most, usedOf).map((name) => name.replace(/\d+$/, ""))
  }
}

const countOf = (order: ReadonlyArray<string>, id: string) => order.filter((one) => one === id).length

describe("FairQueue", () => {
  it("takes the chats of one key in the order in which they came", () => {
    const { exact, many, queue } = make()
    assert.isUndefined(queue.shift())
    many(a, 5)
    assert.strictEqual(queue.size, 5)
    assert.deepStrictEqual(exact(), ["a1", "a2", "a3", "a4", "a5"])
    assert.strictEqual(queue.size, 0)
    assert.isUndefined(queue.shift())
  })

  it("takes keys in turns, however many chats of each wait", () => {
    const { many, order } = make()
    many(a, 6)
    many(b, 2)
    assert.deepStrictEqual(order(), ["a", "b", "a", "b", "a", "a", "a", "a"])
  })

  it("takes a newcomer before a key that has chats running", () => {
    const { many, order, queue } = make()
    for (let i = 0; i < 10; i++) queue.run(a, 100)
    many(a, 3)
    many(b, 1)
    assert.deepStrictEqual(order(), ["b", "a", "a", "a"])
  })

  it("takes of keys with the same start the one whose chat came first", () => {
    const { exact, many } = make()
    many(b, 2)
    many(a, 2)
    many(c, 2)
    assert.deepStrictEqual(exact(), ["b1", "a3", "c5", "b2", "a4", "c6"])
  })

  it("gives keys tokens by their weights", () => {
    const { many, order } = make()
    for (const who of [caller("one", 1), caller("two", 2), caller("four", 4)]) many(who, 100)
    const taken = order(70)
    assert.closeTo(countOf(taken, "one"), 10, 1)
    assert.closeTo(countOf(taken, "two"), 20, 1)
    assert.closeTo(countOf(taken, "four"), 40, 1)
  })

  it("uses the weight that a key's latest chat came with", () => {
    const { many, order } = make()
    many(caller("a", 1), 100)
    many(b, 100)
    many(caller("a", 3), 1)
    assert.closeTo(countOf(order(80), "a"), 60, 2)
  })

  it("divides by the weight what runs as well as what has ended", () => {
    const { many, nameOf, queue } = make()
    many(caller("h", 4), 40)
    many(b, 40)
    const taken = Array.from({ length: 50 }, () => nameOf(queue.shift())![0]!)
    assert.closeTo(countOf(taken, "h"), 40, 1)
  })

  it("counts tokens, not chats: a key that sends long ones is taken less often", () => {
    const { many, order } = make()
    many(a, 100, 3000)
    many(b, 100, 1000)
    const taken = order(40)
    assert.closeTo(countOf(taken, "a"), 10, 1)
    assert.closeTo(countOf(taken, "b"), 30, 1)
  })

  it("counts the real tokens of answers once they have ended, whatever was estimated", () => {
    const { many, order, queue } = make()
    const long = many(a, 100, 1000)[0]!.flow
    many(b, 100, 1000)
    queue.run(c, 1)
    const taken = order(60, ({ flow }) => ({ prompt: 10, completion: flow === long ? 490 : 90 }))
    assert.closeTo(countOf(taken, "a"), 10, 1)
    assert.closeTo(countOf(taken, "b"), 50, 1)
  })

  it("counts an answer that runs by the average of its key's, and those of a new key by all keys'", () => {
    const { nameOf, queue, wait } = make()
    for (let n = 0; n < 200; n++) queue.end(queue.run(a, 0), { prompt: 0, completion: 10_000 })
    for (let n = 0; n < 200; n++) queue.end(queue.run(b, 0), { prompt: 0, completion: 100 })
    // One place frees after the other, and nothing ends: a's is as dear as a hundred of b's.
    wait(a, 0)
    wait(a, 0)
    for (let n = 0; n < 60; n++) wait(b, 0)
    const order = Array.from({ length: 62 }, () => nameOf(queue.shift())![0])
    assert.isAbove(order.lastIndexOf("a"), 50)
    // All keys' average is b's by now.
    queue.wait(c, 0)
    queue.wait(c, 0)
    const [first, second] = [queue.shift()!, queue.shift()!]
    assert.closeTo(first.charged, 100, 5)
    assert.strictEqual(second.flow, first.flow)
  })

  it("counts nothing for a chat that did not begin", () => {
    const { many, order, queue } = make()
    many(a, 4)
    many(b, 4)
    for (let n = 0; n < 3; n++) queue.end(queue.shift()!, undefined)
    // Three of a's: each left its key where it was, which is first.
    assert.deepStrictEqual(order(), ["a", "b", "b", "b", "b"])
  })

  it("takes a key that overestimated itself again as soon as that is known", () => {
    const { many, order, queue } = make()
    const running = Array.from({ length: 4 }, () => queue.run(a, 5000))
    queue.run(b, 5000)
    many(a, 2, 10)
    many(b, 2, 10)
    for (const ticket of running) queue.end(ticket, { prompt: 10, completion: 0 })
    assert.strictEqual(order(1)[0], "a")
  })

  it("holds nothing against a key that it used while nobody waited", () => {
    const { many, order, queue } = make()
    for (let n = 0; n < 1000; n++) {
      const both = [queue.run(a, 100), queue.run(a, 100)]
      for (const ticket of both) queue.end(ticket, { prompt: 100, completion: 50_000 })
    }
    queue.end(queue.run(b, 1), { prompt: 1, completion: 0 })
    many(a, 6, 40_000)
    many(b, 6, 40_000)
    assert.deepStrictEqual(order(6), ["a", "b", "a", "b", "a", "b"])
  })

  it("holds against a key no more than what ran, or was taken, while others waited", () => {
    const { many, order, queue } = make()
    const running = Array.from({ length: 8 }, () => queue.run(a, 100))
    many(b, 60, 1000)
    many(a, 5, 1000)
    for (const ticket of running) queue.end(ticket, { prompt: 100, completion: 4900 })
    // Eight times 5000 tokens are forty chats of 1000.
    const turn = order().indexOf("a")
    assert.isAtMost(turn, 42)
    assert.isAtLeast(turn, 30)
  })

  it("lets a key save nothing up while it is away", () => {
    const { many, order, queue } = make()
    queue.end(queue.run(a, 100), { prompt: 100, completion: 0 })
    many(b, 1000)
    order(900)
    many(a, 100)
    const taken = order(100)
    assert.closeTo(countOf(taken, "a"), 50, 1)
  })

  it("gives a key nothing for what it overestimated before it was away", () => {
    const { many, order, queue } = make()
    const old = queue.run(a, 50_000)
    many(b, 1000)
    order(900)
    many(a, 100)
    queue.end(old, { prompt: 1, completion: 0 })
    assert.closeTo(countOf(order(100), "a"), 50, 1)
  })

  it("keeps the others in order when one leaves, first, last, in the middle or alone", () => {
    const { exact, queue, wait } = make()
    const tickets = [a, a, a, a, a, b, c, c].map((who) => wait(who))
    for (const gone of [0, 2, 4, 5, 6]) queue.leave(tickets[gone]!)
    assert.strictEqual(tickets[0]!.state, "gone")
    assert.strictEqual(queue.size, 3)
    assert.deepStrictEqual(exact(), ["a2", "c8", "a4"])
  })

  it("takes a key that came first once the chat before it in its own queue has left", () => {
    const { exact, queue, wait } = make()
    const first = wait(a)
    wait(b)
    wait(a)
    wait(c)
    queue.leave(first)
    assert.deepStrictEqual(exact(), ["b2", "a3", "c4"])
  })

  it("tells of each chat whether it waits or runs", () => {
    const { queue, wait } = make()
    const running = queue.run(a, 1)
    const waiting = wait(a)
    assert.deepStrictEqual([running.state, waiting.state], ["running", "waiting"])
    assert.strictEqual(queue.shift(), waiting)
    assert.strictEqual(waiting.state, "running")
    queue.end(waiting, undefined)
    assert.strictEqual(waiting.state, "gone")
  })

  describe("when it is full", () => {
    it("displaces the last chat of the key that has most waiting", () => {
      const { exact, many, nameOf, queue } = make()
      many(a, 3)
      many(b, 2)
      const displaced = queue.displace(c)
      assert.strictEqual(nameOf(displaced), "a3")
      assert.strictEqual(displaced?.state, "displaced")
      assert.strictEqual(queue.size, 4)
      assert.deepStrictEqual(exact(), ["a1", "b4", "a2", "b5"])
    })

    it("displaces nobody for a key that would then have as many waiting", () => {
      const { many, queue } = make()
      assert.isUndefined(queue.displace(a))
      many(a, 1)
      assert.isUndefined(queue.displace(b))
      many(a, 2)
      many(b, 2)
      assert.isUndefined(queue.displace(b))
      assert.isUndefined(queue.displace(a))
      assert.isDefined(queue.displace(c))
      assert.strictEqual(queue.size, 4)
    })

    it("lets in a key of little weight, and keeps its only chat, beside a flood of great weight", () => {
      const { many, nameOf, queue } = make()
      const heavy = caller("h", 100)
      many(heavy, 8)
      assert.strictEqual(nameOf(queue.displace(a)), "h8")
      many(a, 1)
      assert.isUndefined(queue.displace(heavy))
    })

    it("looks at how many wait by their keys' weights", () => {
      const { many, nameOf, queue } = make()
      const heavy = caller("h", 4)
      many(heavy, 8)
      many(a, 3)
      // Two for each of its weight are fewer than three.
      assert.strictEqual(nameOf(queue.displace(b)), "a11")
      // Two of either: one more of b's would be fewer, one more of a's would not.
      assert.isUndefined(queue.displace(a))
      assert.isDefined(queue.displace(b))
      // A key of weight 4 may have four for one of another's.
      assert.isDefined(queue.displace(caller("x", 4)))
    })
  })

  it("takes absurd figures for the nearest that make sense", () => {
    const absurd = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, -1, 0, 1e300]
    const { many, order, queue } = make()
    for (const figure of absurd) {
      const strange = caller(`x${figure}`, figure)
      queue.end(queue.run(strange, figure), { prompt: figure, completion: figure })
      queue.wait(strange, figure)
      queue.end(queue.shift()!, { prompt: figure, completion: figure })
    }
    many(a, 20)
    many(b, 20)
    many(caller("n", Number.NaN), 20)
    const taken = order(40)
    assert.closeTo(countOf(taken, "a"), 20, 1)
    assert.closeTo(countOf(taken, "b"), 20, 1)
    assert.strictEqual(order().length, 20)
  })

  it("lets no key be next for ever with chats that cost nothing", () => {
    const { many, order } = make()
    many(caller("a", 1e9), 5000, 0)
    many(b, 1, 0)
    assert.include(
      order(4000, () => ({ prompt: 0, completion: 0 })),
      "b"
    )
  })

  it("remembers a bounded number of keys that neither run nor wait nor owe anything", () => {
    const queue = new FairQueue()
    for (let n = 0; n < 20_000; n++) queue.end(queue.run(caller(`k${n}`), 100), { prompt: 100, completion: 100 })
    assert.isAtMost(queue.known, 1024)
    const held = Array.from({ length: 2000 }, (_, n) => queue.run(caller(`h${n}`), 1))
    for (let n = 0; n < 20_000; n++) queue.end(queue.run(caller(`k${n}`), 1), { prompt: 1, completion: 0 })
    assert.isAtLeast(queue.known, 2000)
    assert.isAtMost(queue.known, 2 * 2001 + 1024)
    for (const ticket of held) queue.end(ticket, undefined)
    for (let n = 0; n < 20_000; n++) queue.end(queue.run(caller(`k${n}`), 1), { prompt: 1, completion: 0 })
    assert.isAtMost(queue.known, 4098)
  })

  it("remembers what a key owes while others come and go", () => {
    const { order, queue, wait } = make()
    const heavy = queue.run(a, 100)
    const blocked = wait(b)
    queue.end(heavy, { prompt: 100, completion: 100_000 })
    for (let n = 0; n < 5000; n++) {
      wait(caller(`k${n}`), 1)
      queue.end(queue.shift()!, { prompt: 1, completion: 0 })
    }
    assert.strictEqual(blocked.state, "gone")
    wait(a, 1)
    wait(caller("late"), 1)
    assert.deepStrictEqual(order(), ["k", "late", "a"])
  })

  it("remembers a key that waits while others come and go", () => {
    const { queue, wait } = make()
    for (let n = 0; n < 1100; n++) queue.end(queue.run(caller(`k${n}`), 1), { prompt: 1, completion: 0 })
    const { flow } = wait(a)
    for (let n = 0; n < 1100; n++) queue.leave(wait(caller(`l${n}`)))
    assert.strictEqual(wait(a).flow, flow)
  })

  const weights = [0.5, 1, 2, 4]
  const costs = fc.array(fc.integer({ min: 1, max: 5000 }), { minLength: 1, maxLength: 30 })

  it.prop(
    "keeps keys that always wait within one chat of each of their shares, so that nobody starves",
    [fc.array(fc.record({ weight: fc.constantFrom(...weights), costs }), { minLength: 2, maxLength: 6 }), fc.nat(300)],
    ([keys, from]) => {
      const queue = new FairQueue()
      const flows = keys.map(({ weight, costs }, i) => {
        const who = caller(`k${i}`, weight)
        let n = 0
        const next = () => queue.wait(who, costs[n++ % costs.length]!)
        return { weight, next, flow: next().flow, most: Math.max(...costs), tokens: 0 }
      })
      for (let n = 0; n < from + 300; n++) {
        const ticket = queue.shift()!
        const key = flows.find(({ flow }) => flow === ticket.flow)!
        key.next()
        queue.end(ticket, { prompt: ticket.prompt, completion: 0 })
        if (n >= from) key.tokens += ticket.prompt
      }
      // Start-time fair queueing: in any interval, |W/w - W'/w'| <= most/w + most'/w'.
      for (const one of flows)
        for (const other of flows) {
          const apart = Math.abs(one.tokens / one.weight - other.tokens / other.weight)
          if (one !== other) assert.isAtMost(apart, one.most / one.weight + other.most / other.weight + 1e-6)
        }
    }
  )

  type Act = "come" | "take" | "end" | "leave" | "displace"
  const command = fc.record({
    act: fc.constantFrom<Array<Act>>("come", "come", "come", "take", "take", "end", "end", "leave", "displace"),
    key: fc.nat(4),
    who: fc.nat(50),
    tokens: fc.nat(3000)
  })

  it.prop(
    "takes whom a plain list of keys and tags would take",
    [fc.array(command, { maxLength: 120 })],
    ([commands]) => {
      const queue = new FairQueue()
      const keys = Array.from({ length: 5 }, (_, i) => ({
        who: caller(`k${i}`, weights[i % 4]!),
        finish: 0,
        floor: 0,
        waiting: [] as Array<Ticket>
      }))
      type Key = (typeof keys)[number]
      const keyOf = new Map<Ticket, Key>()
      const running: Array<Ticket> = []
      let virtual = 0
      let latest = 0
      const size = () => keys.reduce((sum, { waiting }) => sum + waiting.length, 0)
      const start = (key: Key) => Math.max(key.floor, key.finish)
      const set = (key: Key, finish: number) => {
        key.finish = finish
        latest = Math.max(latest, finish)
      }
      const taken = (key: Key, ticket: Ticket) => {
        virtual = Math.max(virtual, start(key))
        set(key, start(key) + ticket.charged)
        running.push(ticket)
      }
      for (const { act, key: k, tokens, who } of commands) {
        const key = keys[k]!
        const waiting = keys.flatMap((one) => one.waiting)
        if (act === "come") {
          if (waiting.length === 0 && who % 3 === 0) {
            key.floor = virtual
            const ticket = queue.run(key.who, tokens)
            keyOf.set(ticket, key)
            taken(key, ticket)
          } else {
            if (key.waiting.length === 0) key.floor = virtual
            const ticket = queue.wait(key.who, tokens)
            keyOf.set(ticket, key)
            key.waiting.push(ticket)
          }
        } else if (act === "take") {
          const [next] = keys
            .filter((one) => one.waiting.length > 0)
            .sort((x, y) => start(x) - start(y) || x.waiting[0]!.order - y.waiting[0]!.order)
          const expected = next?.waiting.shift()
          assert.strictEqual(queue.shift(), expected)
          if (next !== undefined && expected !== undefined) taken(next, expected)
        } else if (act === "end") {
          const [ticket] = running.splice(who % Math.max(1, running.length), 1)
          if (ticket === undefined) continue
          const its = keyOf.get(ticket)!
          const used = who % 5 === 0 ? undefined : { prompt: ticket.prompt, completion: tokens }
          const real = used === undefined ? 0 : Math.max(1, used.prompt + used.completion) / its.who.weight
          queue.end(ticket, used)
          set(its, its.finish + real - ticket.charged)
          if (size() === 0) virtual = Math.max(virtual, latest)
        } else if (act === "leave") {
          const ticket = waiting[who % Math.max(1, waiting.length)]
          if (ticket === undefined) continue
          const its = keyOf.get(ticket)!
          its.waiting.splice(its.waiting.indexOf(ticket), 1)
          queue.leave(ticket)
        } else {
          const most = Math.max(0, ...keys.map((one) => (one.waiting.length - 1) / one.who.weight))
          const displaced = queue.displace(key.who)
          assert.strictEqual(displaced !== undefined, key.waiting.length / key.who.weight < most)
          if (displaced === undefined) continue
          const its = keyOf.get(displaced)!
          assert.strictEqual((its.waiting.length - 1) / its.who.weight, most)
          assert.strictEqual(its.waiting.pop(), displaced)
        }
        assert.strictEqual(queue.size, size())
      }
    },
    { fastCheck: { numRuns: 500 } }
  )
})
