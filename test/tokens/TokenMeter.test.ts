import { assert, describe, it } from "@effect/vitest"
import { type ChatEvent, finish, textDelta, usage } from "../../src/domain/Chat.ts"
import * as TokenMeter from "../../src/tokens/TokenMeter.ts"

const report = usage({ inputTokens: 1234, outputTokens: 56 })
const words = textDelta("some more words than that, withheld until the end")

const totals = (...events: ReadonlyArray<ChatEvent>) => {
  const meter = TokenMeter.make()
  for (const event of events) meter.add(event)
  return meter.totals()
}

describe("A turn's tokens", () => {
  it("are the upstream's last figures once it has ended, whatever text came out after them", () => {
    const earlier = usage({ inputTokens: 1234, outputTokens: 7 })
    for (const events of [
      [words, report, finish("stop")],
      [report, words, finish("stop")],
      [earlier, words, report, words, finish("tool_calls")]
    ]) {
      const { input, isReported, output } = totals(...events)
      assert.deepStrictEqual({ input, isReported, output }, { input: 1234, isReported: true, output: 56 })
    }
  })

  it("go on from the last figures by estimate where the turn was cut, since the upstream had said more", () => {
    for (const end of [finish("length"), finish("stop", "END")]) {
      const { isReported, output } = totals(report, words, end)
      assert.isFalse(isReported)
      assert.isAbove(output, 56)
      assert.isTrue(totals(words, report, end).isReported, "nothing was said since")
    }
  })

  it("are estimates where the upstream gives none, and while it still speaks", () => {
    assert.deepInclude(totals(words, finish("stop")), { input: undefined, isReported: false })
    assert.isFalse(totals(report, words).isReported)
  })
})
