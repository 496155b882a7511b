import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Option, TestClock } from "effect"
import { settled } from "../../src/app/Settling.ts"

/** A file that a test writes, and the wait for it. */
const written = Effect.fnUntraced(function* (first: string) {
  const touched = yield* Effect.makeLatch(false)
  let content = first
  let reads = 0
  const read = Effect.sync(() => {
    reads++
    return content
  })
  const fiber = yield* Effect.fork(settled(read, touched))
  yield* TestClock.adjust(0)
  const write = (text: string, isTold = true) =>
    Effect.sync(() => {
      content = text
      if (isTold) touched.unsafeOpen()
    })
  /** What was taken, if it was, after so long. */
  const taken = (millis: number) =>
    Effect.zipRight(
      TestClock.adjust(millis),
      Effect.map(Fiber.poll(fiber), (exit) => Option.map(exit, Effect.runSync).pipe(Option.getOrUndefined))
    )
  return { write, taken, touch: touched.open, reads: () => reads }
})

describe("A file that is being written", () => {
  it.effect("is taken once it has held the same for a while", () =>
    Effect.gen(function* () {
      const { taken } = yield* written("A=1\n")
      assert.isUndefined(yield* taken(35))
      assert.strictEqual(yield* taken(5), "A=1\n")
    })
  )

  it.effect("is waited for longer where it ends within a line, but no longer than until the rest is there", () =>
    Effect.gen(function* () {
      const { taken, write } = yield* written("A=1\nB")
      assert.isUndefined(yield* taken(100))
      yield* write("A=1\nB=2\n")
      assert.isUndefined(yield* taken(5))
      assert.strictEqual(yield* taken(40), "A=1\nB=2\n")
      const half = yield* written("A=1\nB")
      assert.isUndefined(yield* half.taken(195))
      assert.strictEqual(yield* half.taken(5), "A=1\nB")
    })
  )

  it.effect("is waited for anew when it changes, also where no event has told of it", () =>
    Effect.gen(function* () {
      const { taken, write } = yield* written("A=1\n")
      yield* taken(30)
      yield* write("A=2\n", false)
      assert.isUndefined(yield* taken(45))
      assert.strictEqual(yield* taken(40), "A=2\n")
    })
  )

  it.effect("is taken also beside a file that is written all the time", () =>
    Effect.gen(function* () {
      const { reads, taken, touch } = yield* written("A=1\n")
      for (let i = 0; i < 8; i++) {
        yield* touch
        yield* taken(5)
      }
      assert.strictEqual(yield* taken(5), "A=1\n")
      assert.isAtMost(reads(), 12)
    })
  )

  it.effect("is taken after five seconds though it is written all the time itself", () =>
    Effect.gen(function* () {
      const { taken, write } = yield* written("A=0")
      let last: string | undefined
      let millis = 0
      for (; last === undefined && millis < 6_000; millis += 190) {
        yield* write(`A=${millis}`)
        last = yield* taken(190)
      }
      assert.isDefined(last)
      assert.isAbove(millis, 4_900)
    })
  )
})
