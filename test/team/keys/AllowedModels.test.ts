import { assert, describe, it } from "@effect/vitest"
import type * as Model from "../../../src/domain/Model.ts"
import * as AllowedModels from "../../../src/team/keys/AllowedModels.ts"

const model = (key: string, name: string, isDefault = false): Model.Model => ({ scene: "chat", key, name, isDefault })
const models = [model("org_auto", "Auto", true), model("qwen3_coder", "Qwen3-Coder"), model("kmodel", "Kimi-K2.6")]
const options: Model.ResolveOptions = { aliases: [], defaultModel: "auto", fallback: "none" }
const allowed = (patterns: ReadonlyArray<string>, change: Partial<Model.ResolveOptions> = {}, known = models) =>
  AllowedModels.make(patterns, known, { ...options, ...change })

describe("the models of a key", () => {
  it("are all of them without patterns, and those of its patterns by each of their names", () => {
    assert.isTrue(allowed([])("whatever"))
    const mine = allowed(["qwen*"])
    for (const name of ["qwen3_coder", "Qwen3-Coder", "QWEN3-CODER"]) assert.isTrue(mine(name), name)
    for (const name of ["kmodel", "Kimi-K2.6", "auto", ""]) assert.isFalse(mine(name), name)
  })

  it("are none by a name that no ready instance knows, unless that matches by itself or means a model that does", () => {
    assert.isFalse(allowed(["qwen*"])("kimi-of-another"))
    assert.isTrue(allowed(["qwen*"])("qwen-of-another"))
    assert.isFalse(allowed(["qwen*"], { fallback: "default" })("kimi-of-another"))
    assert.isTrue(allowed(["auto"], { fallback: "default" })("kimi-of-another"))
    // Nothing is ready.
    assert.isFalse(allowed(["qwen*"], {}, [])("kmodel"))
    assert.isTrue(allowed(["qwen*"], {}, [])("qwen3_coder"))
  })

  it("are none where no pattern matches any, and that is told", () => {
    assert.isFalse(allowed(["qwenn*"])("qwen3_coder"))
    assert.deepStrictEqual(AllowedModels.unmatched(["qwenn*", "kimi*", "auto"], models, options), ["qwenn*"])
  })
})
