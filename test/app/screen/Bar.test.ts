import { assert, describe, it } from "@effect/vitest"
import * as Bar from "../../../src/app/screen/Bar.ts"

describe("a bar against a limit", () => {
  it("is empty only where nothing is used, and full only where all is", () => {
    const bars: ReadonlyArray<readonly [used: number, bar: string, percent: string]> = [
      [0, "▁▁▁▁▁▁▁▁", "0 %"],
      [1, "▇▁▁▁▁▁▁▁", "1 %"],
      [500, "▇▇▇▇▁▁▁▁", "50 %"],
      [999, "▇▇▇▇▇▇▇▁", "99 %"],
      [1000, "▇▇▇▇▇▇▇▇", "100 %"],
      [1300, "▇▇▇▇▇▇▇▇", "130 %"]
    ]
    for (const [used, bar, percent] of bars) {
      assert.deepStrictEqual([Bar.of({ limit: 1000, used }), Bar.percent({ limit: 1000, used })], [bar, percent])
    }
  })
})
