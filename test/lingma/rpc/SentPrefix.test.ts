import { assert, describe, it } from "@effect/vitest"
import { FastCheck } from "effect"
import * as SentPrefix from "../../../src/lingma/rpc/SentPrefix.ts"

const sent = (pieces: ReadonlyArray<string>) => {
  const text = SentPrefix.make()
  for (const piece of pieces) text.add(piece)
  return text
}

/** Of few letters, so that beginnings often agree. */
const word = FastCheck.string({ unit: FastCheck.constantFrom("a", "b", "你", "\ud83d", "\0"), maxLength: 6 })
const pieces = FastCheck.array(word, { maxLength: 6 })

describe("SentPrefix", () => {
  it("tells what another text goes on with, exactly as the whole text would", () => {
    FastCheck.assert(
      FastCheck.property(pieces, pieces, FastCheck.boolean(), (before, after, isContinued) => {
        const whole = before.join("")
        const other = (isContinued ? whole : "") + after.join("")
        const expected = other.startsWith(whole) ? other.slice(whole.length) : undefined
        assert.strictEqual(sent(before).rest(other), expected)
      }),
      { numRuns: 2000 }
    )
  })

  it("does not depend on how it was cut", () => {
    FastCheck.assert(
      FastCheck.property(pieces, word, (given, more) => {
        const whole = given.join("")
        assert.strictEqual(sent(given).rest(whole + more), sent([whole]).rest(whole + more))
      })
    )
  })

  it("tells texts apart that differ in one character or in the order of two", () => {
    assert.isUndefined(sent(["Hello"]).rest("Hallo, world"))
    assert.isUndefined(sent(["ab"]).rest("ba"))
    assert.isUndefined(sent(["\0"]).rest(""))
  })
})
