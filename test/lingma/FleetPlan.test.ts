import { assert, describe, it } from "@effect/vitest"
import { Effect, Option, Redacted } from "effect"
import { GatewayConfig, type Settings } from "../../src/config/Config.ts"
import * as FleetPlan from "../../src/lingma/FleetPlan.ts"

const settings = (more: Partial<Settings>) => Effect.provide(GatewayConfig, GatewayConfig.layer(more))
const accounts = (...names: ReadonlyArray<string>) =>
  names.map((username) => ({ username, password: Redacted.make(`of ${username}`) }))

describe("FleetPlan", () => {
  it.effect("has a place for each account, and for each instance without one", () =>
    Effect.gen(function* () {
      const keys = (more: Partial<Settings>) =>
        Effect.map(settings(more), (all) => FleetPlan.places(all).map(({ key }) => key))
      assert.deepStrictEqual(yield* keys({}), ["position 0"])
      assert.deepStrictEqual(yield* keys({ accounts: accounts("a", "b") }), ["account a", "account b"])
      assert.deepStrictEqual(yield* keys({ accounts: accounts("a", "b"), instanceCount: Option.some(1) }), [
        "account a"
      ])
      assert.deepStrictEqual(yield* keys({ instanceCount: Option.some(2) }), ["position 0", "position 1"])
      assert.deepStrictEqual(yield* keys({ attach: ["ws://127.0.0.1:1/"], accounts: accounts("a", "b") }), [
        "account a"
      ])
    })
  )

  it("gives an account no directory that another one was signed in to, and its own again", () => {
    const owners = new Map([
      [0, "account a"],
      [1, "account b"]
    ])
    assert.strictEqual(FleetPlan.numberFor("account c", 0, owners, new Set([1])), 2)
    assert.strictEqual(FleetPlan.numberFor("account a", 5, owners, new Set([1])), 0)
    // It still ends there.
    assert.strictEqual(FleetPlan.numberFor("account a", 5, owners, new Set([0, 1])), 5)
    assert.strictEqual(FleetPlan.numberFor("account c", 3, owners, new Set([0, 1])), 3)
  })

  it.effect("leaves a single instance where it is when others come", () =>
    Effect.gen(function* () {
      const single = FleetPlan.directories(yield* settings({ lingmaBin: Option.some("lingma"), lingmaWorkDir: "/d" }))
      assert.deepStrictEqual([single(0), single(1)], ["/d", "/d/inst-1"])
      const two = yield* settings({
        lingmaBin: Option.some("lingma"),
        lingmaWorkDir: "/d",
        accounts: accounts("a", "b")
      })
      assert.deepStrictEqual([FleetPlan.directories(two)(0), FleetPlan.guarded(two)], ["/d/inst-0", "/d"])
    })
  )
})
