import { assert, describe, it } from "@effect/vitest"
import { Either } from "effect"
import { ContextLengthExceeded, ImagesNotSupported, ModelNotFound } from "../../src/domain/ChatError.ts"
import type { Model } from "../../src/domain/Model.ts"
import * as Offer from "../../src/domain/Offer.ts"

const offer = Offer.make({ aliases: [{ pattern: "gpt-*", target: "coder" }], defaultModel: "auto", fallback: "none" })
const coder: Model = { key: "coder", name: "Coder", scene: "chat", isDefault: true, vision: false, contextLength: 100 }
const need = { model: "coder", images: false, tokens: 100 }

const tagOf = (models: ReadonlyArray<Model>, more: Partial<Offer.Need>) =>
  Either.match(offer(models, { ...need, ...more }), { onLeft: ({ _tag }) => _tag, onRight: ({ key }) => key })

describe("Offer", () => {
  it("is the model that a request means, or why it will not do", () => {
    const models = [coder]
    assert.strictEqual(tagOf(models, {}), "coder")
    assert.strictEqual(tagOf(models, { model: "gpt-5" }), "coder")
    assert.strictEqual(tagOf(models, { model: "other" }), "ModelNotFound")
    assert.strictEqual(tagOf(models, { model: "o".repeat(500) }), "ModelNotFound")
    assert.strictEqual(tagOf(models, { images: true }), "ImagesNotSupported")
    const refused = Either.getOrThrow(Either.flip(offer(models, { ...need, images: true, param: "messages[0]" })))
    assert.deepInclude(refused, { model: "coder", param: "messages[0]" })
    const near = Either.getOrThrow(Either.flip(offer(models, { ...need, model: "codr\n" })))
    assert.deepInclude(near, { model: "codr\uFFFD", near: ["Coder", "coder"] })
    assert.strictEqual(tagOf(models, { tokens: 101 }), "ContextLengthExceeded")
    assert.strictEqual(tagOf([], { model: "whatever", images: true, tokens: 1e9 }), "whatever", "nothing is known")
  })

  /** A model, and how often its key was read since the last look. */
  const counted = () => {
    let reads = 0
    const model = {
      ...coder,
      get key() {
        reads++
        return "coder"
      }
    }
    const isLookedAt = (look: () => unknown) => {
      const before = reads
      look()
      return reads > before
    }
    return { models: [model], isLookedAt }
  }

  it("looks a name up once in a list of models, as long as no more than 256 names were asked for", () => {
    const { isLookedAt, models } = counted()
    // Of a model that is known the key is read for the answer; of one that is not, for the search only.
    const unknown = (n: number) => () => tagOf(models, { model: `no-${n}` })
    for (let n = 0; n < 256; n++) assert.isTrue(isLookedAt(unknown(n)), `${n}`)
    assert.isFalse(isLookedAt(unknown(0)))
    assert.isFalse(isLookedAt(unknown(255)))
    assert.isTrue(isLookedAt(unknown(256)))
    assert.isFalse(isLookedAt(unknown(256)))
    assert.isTrue(isLookedAt(unknown(0)), "those before are not kept")
    assert.strictEqual(tagOf([{ ...coder, key: "other", name: "Other" }], {}), "ModelNotFound")
  })

  it("remembers a name of 128 characters, and none that is longer", () => {
    const { isLookedAt, models } = counted()
    const long = (length: number) => () => tagOf(models, { model: "o".repeat(length) })
    for (const length of [128, 129]) assert.isTrue(isLookedAt(long(length)))
    assert.isFalse(isLookedAt(long(128)))
    assert.isTrue(isLookedAt(long(129)))
  })

  it("keeps what a name means with an effort apart from what it means without", () => {
    const aliases = [{ pattern: "coder", target: "thinker", efforts: ["high"] as const }]
    const byEffort = Offer.make({ aliases, defaultModel: "auto", fallback: "none" })
    const models = [coder, { ...coder, key: "thinker" }]
    const keyOf = (effort?: "high" | "low") =>
      Either.getOrThrow(Either.map(byEffort(models, { ...need, effort }), ({ key }) => key))
    const keys = [keyOf(), keyOf("high"), keyOf("low"), keyOf("high"), keyOf()]
    assert.deepStrictEqual(keys, ["coder", "thinker", "coder", "thinker", "coder"])
  })

  it("names the most telling of several refusals: of windows the longest, then pictures, then the name", () => {
    const unknown = new ModelNotFound({ model: "m", near: [] })
    const blind = new ImagesNotSupported({ model: "m" })
    const [short, long] = [10, 20].map((limit) => new ContextLengthExceeded({ promptTokens: 30, limit })) as [
      ContextLengthExceeded,
      ContextLengthExceeded
    ]
    assert.strictEqual(Offer.nearest(unknown, blind), blind)
    assert.strictEqual(Offer.nearest(blind, unknown), blind)
    assert.strictEqual(Offer.nearest(unknown, short, blind, long), long)
    assert.strictEqual(Offer.nearest(long, short), long)
    const also = new ModelNotFound({ model: "m", near: ["n"] })
    assert.strictEqual(Offer.nearest(unknown, also), unknown, "of two alike the first")
    for (const refusal of [unknown, blind, short]) assert.isTrue(Offer.isRefusal(refusal))
    assert.isFalse(Offer.isRefusal({ _tag: "BackendFailure" }))
  })
})
