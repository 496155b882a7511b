import { assert, describe, it } from "@effect/vitest"
import { FastCheck as fc } from "effect"
import { propertyFiles } from "./properties.ts"
import { multiply } from "./setup.ts"

const property = fc.property(fc.nat(), () => {})

describe("npm run fuzz -- --properties", () => {
  it("multiplies the cases of each property, stated or not, and sets its seed", async () => {
    const [plain, stated] = [fc.check(property), fc.check(property, { numRuns: 5, seed: 1 })]
    const end = await multiply(3, 7)
    try {
      const [more, moreStated] = [fc.check(property), fc.check(property, { numRuns: 5, seed: 1 })]
      assert.deepStrictEqual([more.numRuns, moreStated.numRuns], [3 * plain.numRuns, 3 * stated.numRuns])
      assert.deepStrictEqual([more.seed, moreStated.seed], [7, 7])
    } finally {
      end()
    }
    assert.strictEqual(fc.check(property).numRuns, plain.numRuns)
  })

  it("finds the files that hold properties, however they are written", () => {
    const files = propertyFiles()
    assert.includeMembers(
      [...files],
      ["test/chat/Guard.test.ts", "test/lingma/rpc/PushTemplates.test.ts", "test/http/chat/Body.test.ts"]
    )
    assert.notInclude(files, "test/chat/Chat.test.ts")
  })
})
