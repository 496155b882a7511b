import { Worker } from "node:worker_threads"
import { assert, describe, it, vi } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { Documents } from "../../../../src/http/chat/sources/Documents.ts"
import * as PdfText from "../../../../src/http/chat/sources/PdfText.ts"
import * as Pdf from "../../../support/Pdf.ts"

const link = (param: string, words: string) => ({ param, data: Pdf.make([words]).toString("base64") })

describe("the documents of a request", () => {
  it.scopedLive("are parsed once, however often a history brings them", () =>
    Effect.gen(function* () {
      const threads = vi.spyOn(Worker.prototype, "terminate")
      yield* Effect.addFinalizer(() => Effect.sync(() => threads.mockRestore()))
      const { load } = yield* Documents.make()
      const first = yield* load([link("a", "one")])
      const second = yield* load([link("b", "one"), link("c", "two")])
      assert.strictEqual(second.get("b"), first.get("a"))
      assert.include(second.get("c"), "two")
      assert.strictEqual(threads.mock.calls.length, 2)
    })
  )

  it.live("wait in turns by caller: those of a flood are not all read before another's", () =>
    Effect.gen(function* () {
      const { load } = yield* Documents.make()
      const order: Array<string> = []
      const read = (id: string, name: string) =>
        load([link(name, name)], { id, name: id, weight: 1 }).pipe(
          Effect.zipRight(Effect.sync(() => order.push(name))),
          Effect.fork
        )
      const flood = yield* Effect.forEach(["1", "2", "3", "4", "5", "6", "7", "8"], (name) => read("a", name))
      const other = yield* read("b", "other")
      yield* Fiber.joinAll([...flood, other])
      // Two are read at once, and end in either order.
      assert.isAtMost(order.indexOf("other"), 4)
    })
  )

  it.live("have one time together, and the one that is over it is named", () =>
    Effect.gen(function* () {
      const { load } = yield* Documents.make(PdfText.limits, "5 millis")
      const { message, ...refused } = yield* Effect.flip(load([link("a", "one"), link("b", "two")]))
      assert.deepInclude(refused, { param: "a", reason: "too_long" })
      assert.strictEqual(message, "The PDF specified takes too long to read.")
    })
  )
})
