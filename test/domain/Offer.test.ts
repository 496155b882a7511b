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
    assert.strictEqual(tagOf(models, { tokens: 101 }), "ContextLengthExceeded")
    assert.strictEqual(tagOf([], { model: "whatever", images: true, tokens: 1e9 }), "whatever", "nothing is known")
  })

  it("looks a name up once in a list of models, however many names there were", () => {
    let reads = 0
    const counted = {
      ...coder,
      get key() {
        reads++
        return "coder"
      }
    }
    const models = [counted]
    assert.strictEqual(tagOf(models, {}), "coder")
    const before = reads
    assert.strictEqual(tagOf(models, { tokens: 1 }), "coder")
    assert.strictEqual(reads, before)
    for (let i = 0; i < 300; i++) tagOf(models, { model: `no-${i}` })
    const later = reads
    assert.strictEqual(tagOf(models, {}), "coder")
    assert.isAbove(reads, later, "the oldest names are not kept")
    assert.strictEqual(tagOf([{ ...coder, key: "other", name: "Other" }], {}), "ModelNotFound")
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
    assert.isTrue(Offer.isRefusal(blind))
    assert.isFalse(Offer.isRefusal({ _tag: "BackendFailure" }))
  })
})
