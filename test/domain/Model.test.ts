import { assert, describe, it } from "@effect/vitest"
import { Either, FastCheck } from "effect"
import type { ReasoningEffort } from "../../src/domain/Chat.ts"
import * as Model from "../../src/domain/Model.ts"

const model = (scene: string, key: string, name: string, isDefault = false): Model.Model => ({
  scene,
  key,
  name,
  isDefault
})
const tenant = [
  model("inline", "inline_auto", "Auto", true),
  model("inline", "dashscope_qwen3_coder", "Qwen3-Coder"),
  model("assistant", "assistant_auto", "Auto"),
  model("assistant", "dashscope_qwen_max_latest", "Qwen3-Max", true),
  model("chat", "org_auto", "Auto"),
  model("chat", "dashscope_qwen3_coder", "Qwen3-Coder"),
  model("chat", "kmodel", "Kimi-K2.6")
]
const options: Model.ResolveOptions = { aliases: [], defaultModel: "auto", fallback: "none" }

const key = (asked: string, change: Partial<Model.ResolveOptions> = {}, models: ReadonlyArray<Model.Model> = tenant) =>
  Either.getOrUndefined(Model.resolve(models, asked, { ...options, ...change }))?.key
const mode = (asked: string, models: ReadonlyArray<Model.Model> = tenant) =>
  Either.getOrUndefined(Model.resolve(models, asked, options))?.mode
const nearTo = (asked: string) => Either.getOrThrow(Either.flip(Model.resolve(tenant, asked, options)))

const aliases = Either.getOrThrow(Model.parseAliases("claude-*=qwen3-coder, gpt-*=auto,a=b,b=kmodel,*-pro-*x=kmodel"))

describe("Model.resolve", () => {
  it("finds a key, also in another case, and trims what was asked", () => {
    assert.strictEqual(key("kmodel"), "kmodel")
    assert.strictEqual(key(" KModel "), "kmodel")
  })

  it("does not guess between keys that differ by case alone", () => {
    const twins = [model("chat", "Qwen", "A"), model("chat", "qWEN", "B")]
    assert.strictEqual(key("qWEN", {}, twins), "qWEN")
    assert.isUndefined(key("qwen", {}, twins))
  })

  it("prefers the chat scene, then assistant, for a display name that several scenes share", () => {
    assert.strictEqual(key("auto"), "org_auto")
    assert.strictEqual(key("Auto", {}, tenant.slice(0, 4)), "assistant_auto")
    assert.strictEqual(key("AUTO", {}, tenant.slice(0, 2)), "inline_auto")
    assert.strictEqual(key("qwen3-coder"), "dashscope_qwen3_coder")
  })

  it("takes a key before a display name", () => {
    assert.strictEqual(key("kmodel", {}, [...tenant, model("chat", "other", "kmodel")]), "kmodel")
  })

  it("follows the first alias that fits, once", () => {
    assert.strictEqual(key("claude-sonnet-4", { aliases }), "dashscope_qwen3_coder")
    assert.strictEqual(key("GPT-5", { aliases }), "org_auto")
    assert.strictEqual(key("my-pro-max", { aliases }), "kmodel")
    assert.isUndefined(key("my-pro-", { aliases }))
    assert.isUndefined(key("a", { aliases }))
    assert.isUndefined(key("a", { aliases: [{ pattern: "*", target: "a" }] }))
  })

  it("follows an alias for an effort before a model of that name, when its model is there", () => {
    const byEffort = Either.getOrThrow(
      Model.parseAliases(
        "kmodel@low=auto,auto@high|xhigh=qwen3-coder,kmodel@high=gone,x@high=kmodel,claude-*=auto,claude-*@max=agent"
      )
    )
    const chosen = (asked: string, effort?: ReasoningEffort, models = tenant) =>
      Either.getOrUndefined(Model.resolve(models, asked, { ...options, aliases: byEffort }, effort))
    assert.strictEqual(chosen("kmodel", "low")?.key, "org_auto")
    assert.strictEqual(chosen("AUTO", "xhigh")?.key, "dashscope_qwen3_coder")
    assert.strictEqual(chosen("auto", "medium")?.key, "org_auto")
    assert.strictEqual(chosen("auto")?.key, "org_auto")
    assert.strictEqual(chosen("kmodel", "high")?.key, "kmodel")
    assert.strictEqual(chosen("kmodel")?.key, "kmodel")
    assert.deepStrictEqual(chosen("claude-x", "low"), chosen("auto"))
    assert.strictEqual(chosen("claude-x", "max")?.mode, "agent")
    assert.strictEqual(Model.modeOf("claude-x", { aliases: byEffort }, "max"), "agent")
    assert.isUndefined(Model.modeOf("claude-x", { aliases: byEffort }, "low"))
    assert.strictEqual(chosen("auto", "high", [])?.key, "qwen3-coder")
    assert.deepStrictEqual(
      [chosen("x", "high")?.key, chosen("x", "low"), chosen("x")],
      ["kmodel", undefined, undefined]
    )
  })

  it("lets no alias hide a model that is there", () => {
    assert.strictEqual(key("kmodel", { aliases: [{ pattern: "*", target: "auto" }] }), "kmodel")
  })

  it("takes the words and the empty name for the default model", () => {
    for (const word of ["", "  ", "auto", "LINGMA", "agent", "Lingma-Agent"]) {
      const wanted = word.trim() === "auto" ? "org_auto" : "kmodel"
      assert.strictEqual(key(word, { defaultModel: "Kimi-K2.6" }), wanted, word)
    }
  })

  it("sets agent mode for the agent words, also behind an alias", () => {
    assert.deepStrictEqual(
      ["agent", "LINGMA-AGENT", "lingma", "kmodel"].map((word) => mode(word)),
      ["agent", "agent", undefined, undefined]
    )
    const behind = Model.resolve(tenant, "coder", { ...options, aliases: [{ pattern: "coder", target: "agent" }] })
    assert.strictEqual(Either.getOrThrow(behind).mode, "agent")
    assert.strictEqual(mode("agent", [...tenant, model("chat", "agent", "Agent")]), "agent")
  })

  it("falls back from a default that this tenant lacks: the name Auto, the marked one, the first one", () => {
    assert.strictEqual(key("lingma", { defaultModel: "gone" }), "org_auto")
    const unnamed = tenant.filter(({ name }) => name !== "Auto")
    assert.strictEqual(key("lingma", {}, unnamed), "dashscope_qwen_max_latest")
    assert.strictEqual(key("lingma", {}, [tenant[1]!, tenant[6]!]), "kmodel")
    assert.strictEqual(key("lingma", {}, [tenant[1]!]), "dashscope_qwen3_coder")
  })

  it("means the default by an unknown name when told to", () => {
    assert.strictEqual(key("gpt-99", { fallback: "default" }), "org_auto")
  })

  it("offers up to three names that look alike", () => {
    assert.deepStrictEqual(nearTo("qwen3-codr").slice(0, 1), ["Qwen3-Coder"])
    assert.include(nearTo("kimi"), "Kimi-K2.6")
    assert.include(nearTo("qwen_max"), "dashscope_qwen_max_latest")
    assert.deepStrictEqual(nearTo("llama-70b"), [])
    assert.isAtMost(nearTo("qwen").length, 3)
  })

  it("passes names on and words as they are set when nothing is known of the models", () => {
    assert.strictEqual(key("kmodel", {}, []), "kmodel")
    assert.strictEqual(key("agent", {}, []), "auto")
    assert.strictEqual(mode("agent", []), "agent")
    assert.strictEqual(key("gpt-5", { aliases, defaultModel: "org_auto" }, []), "org_auto")
  })

  const label = FastCheck.string({ maxLength: 6 })
  const some = FastCheck.array(
    FastCheck.record({
      key: label.filter((text) => text.trim() !== ""),
      name: label,
      scene: FastCheck.constantFrom("chat", "assistant", "inline", "quest"),
      isDefault: FastCheck.boolean()
    }),
    { maxLength: 8 }
  )

  it.prop("answers with a listed key, or with a few listed names", [some, FastCheck.string()], ([models, asked]) => {
    Either.match(Model.resolve(models, asked, { ...options, aliases }), {
      onLeft: (near) => {
        assert.isAtMost(near.length, 3)
        for (const name of near) assert.isTrue(models.some((model) => model.key === name || model.name === name))
      },
      onRight: ({ key, model }) => {
        if (models.length > 0) assert.isTrue(model?.key === key && models.includes(model))
      }
    })
  })

  it.prop("finds every key as it is written", [some], ([models]) => {
    for (const { key: wanted } of models) {
      if (wanted === wanted.trim()) assert.strictEqual(key(wanted, { aliases }, models), wanted)
    }
  })

  it.prop("never fails when unknown names mean the default", [some, FastCheck.string()], ([models, asked]) => {
    assert.isTrue(Either.isRight(Model.resolve(models, asked, { ...options, fallback: "default" })))
  })

  it.prop("lists each key once, chat and assistant before the rest", [some], ([models]) => {
    const listed = Model.listed(models)
    assert.deepStrictEqual(new Set(listed.map(({ key }) => key)), new Set(models.map(({ key }) => key)))
    assert.strictEqual(new Set(listed.map(({ key }) => key)).size, listed.length)
    const places = listed.map(({ scene }) => Math.min(2, ["chat", "assistant", scene].indexOf(scene)))
    assert.deepStrictEqual(places, [...places].sort())
    assert.deepStrictEqual(Model.listed(listed), listed)
  })

  it("judges a very long name quickly and cuts it for messages", () => {
    const long = `${"x".repeat(127)}😀${"y".repeat(1_000_000)}`
    assert.deepStrictEqual(nearTo(long), [])
    assert.strictEqual(Model.cut(long), `${"x".repeat(127)}…`)
    assert.strictEqual(Model.cut("short"), "short")
    assert.strictEqual(Model.cut("a\n\u001b\u2028b"), "a\uFFFD\uFFFD\uFFFDb")
  })
})

describe("Model.refusesImages", () => {
  it("is so only for a model that says that it does not see, and for no name that stands for others", () => {
    const model = { key: "k", name: "N", scene: "chat", isDefault: false }
    assert.isTrue(Model.refusesImages({ ...model, vision: false }))
    assert.isFalse(Model.refusesImages({ ...model, vision: true }))
    assert.isFalse(Model.refusesImages(model))
    assert.isFalse(Model.refusesImages(undefined))
    for (const other of [
      { key: "org_auto" },
      { key: "auto" },
      { key: "dashscope_qwen3_coder_default", name: "Auto" }
    ]) {
      assert.isFalse(Model.refusesImages({ ...model, ...other, vision: false }))
    }
  })
})

describe("Model.parseAliases", () => {
  it("reads a list of patterns, and nothing as none", () => {
    assert.deepStrictEqual(Model.parseAliases(" "), Either.right([]))
    assert.deepStrictEqual(Model.parseAliases("a*=b,"), Either.right([{ pattern: "a*", target: "b" }]))
  })

  it("takes words of effort behind an @, and leaves other names with one alone", () => {
    assert.deepStrictEqual(
      Model.parseAliases("auto@High|max=b,claude@20240620=c"),
      Either.right([
        { pattern: "auto", efforts: ["high", "max"], target: "b" },
        { pattern: "claude@20240620", target: "c" }
      ])
    )
  })

  it("names the rule and the entry, never the value", () => {
    const lists = [
      "x=y,secret",
      "x=y,secret=",
      "x=y,=secret",
      "x=y,a=b=secret",
      "x=y,a@high|secret=b",
      "x=y,@high=secret"
    ]
    for (const wrong of lists) {
      const rule = Either.getOrThrow(Either.flip(Model.parseAliases(wrong)))
      assert.include(rule, "entry 2")
      assert.notInclude(rule, "secret")
    }
  })
})

describe("Model.hasDefault", () => {
  it("tells a default that no model is, and judges nothing where no models are told", () => {
    const has = (defaultModel: string, known = tenant) => Model.hasDefault(known, { defaultModel })
    assert.deepStrictEqual(
      [has("auto"), has("lingma"), has(tenant[0]!.key), has(tenant[0]!.name.toUpperCase())],
      [true, true, true, true]
    )
    assert.isFalse(has("no-such-model"))
    assert.isTrue(has("no-such-model", []))
  })
})
