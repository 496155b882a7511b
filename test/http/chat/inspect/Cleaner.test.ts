import { assert, describe, it } from "@effect/vitest"
import { FastCheck } from "effect"
import * as Answer from "../../../../src/http/chat/inspect/Answer.ts"
import { Cleaner } from "../../../../src/http/chat/inspect/Cleaner.ts"

const BIG = 1 << 20
const clean = (value: unknown, bytes = BIG, known: ReadonlyArray<string> = []) => {
  const cleaner = new Cleaner(bytes, known)
  return { copy: cleaner.value(value), cleaner }
}

describe("What is kept of a body", () => {
  it("has the size of a picture or a document in its place", () => {
    const data = Buffer.alloc(3000, 7).toString("base64")
    const { cleaner, copy } = clean({
      messages: [
        { content: [{ type: "image_url", image_url: { url: `data:image/png;base64,${data}` } }] },
        { content: [{ type: "image", source: { type: "base64", media_type: "image/png", data: "aGFsbG8=" } }] },
        { content: `![a](data:image/gif;base64,${data}) and text` },
        { content: data }
      ]
    })
    const text = JSON.stringify(copy)
    assert.notInclude(text, data.slice(0, 100))
    assert.notInclude(text, "aGFsbG8=")
    assert.include(text, "(image/png, 3,000 bytes left out)")
    assert.include(text, "![a]((image/gif, 3,000 bytes left out)) and text")
    assert.strictEqual(cleaner.pictures, 4)
    assert.isFalse(cleaner.isCut)
  })

  it("has no value whose name says that it is a secret", () => {
    const { cleaner, copy } = clean({
      api_key: "x",
      headers: { Authorization: "y" },
      max_tokens: 5,
      properties: { password: { type: "string" } }
    })
    assert.deepStrictEqual(JSON.parse(JSON.stringify(copy)), {
      api_key: "…",
      headers: { Authorization: "…" },
      max_tokens: 5,
      properties: { password: { type: "string" } }
    })
    assert.strictEqual(cleaner.secrets, 2)
  })

  it("is cut where it is too long, between words, and says so", () => {
    const { cleaner, copy } = clean({ a: `${"word ".repeat(1000)}sk-0123456789abcdef`, b: ["x", "y"] }, 1000)
    const text = JSON.stringify(copy)
    assert.isAtMost(text.length, 1200)
    assert.match(text, /word … \([\d,]+ characters more\)/)
    assert.isTrue(cleaner.isCut)
    assert.notInclude(text, "sk-0")
  })

  it("survives names and shapes that a client may make up", () => {
    const hostile = JSON.parse('{"__proto__":{"polluted":1},"constructor":1,"toString":"x"}') as unknown
    const { copy } = clean(hostile)
    assert.strictEqual(JSON.stringify(copy), '{"__proto__":{"polluted":1},"constructor":1,"toString":"x"}')
    assert.isUndefined(({} as { readonly polluted?: number }).polluted)
    let deep: unknown = "x"
    for (let i = 0; i < 10_000; i++) deep = [deep]
    assert.isTrue(clean(deep).cleaner.isCut)
  })

  const secret = "sk-0123456789abcdefghijKLMN"
  const own = "plain words of a key"
  it.prop(
    "is the same value without any planted secret, and never more than its bound allows",
    [FastCheck.jsonValue({ maxDepth: 4 }), FastCheck.integer({ min: 0, max: 3000 })],
    ([value, bytes]) => {
      assert.strictEqual(JSON.stringify(clean(value).copy), JSON.stringify(value))
      const planted = JSON.parse(
        JSON.stringify({ value, [`n ${own}`]: [`${secret} ${own}`], text: `a${own}b Bearer ${secret}` })
      ) as unknown
      const kept = JSON.stringify(clean(planted, bytes, [own]).copy)
      assert.notInclude(kept, secret)
      assert.notInclude(kept, own)
    }
  )
})

describe("What is kept of a stream", () => {
  const frame = (content: string) => `data: ${JSON.stringify({ choices: [{ delta: { content } }] })}\n\n`
  const secret = "sk-0123456789abcdefghijKLMN"

  it.prop(
    "has no secret that came in pieces, and is else as it went",
    [FastCheck.integer({ min: 1, max: 26 }), FastCheck.integer({ min: 1, max: 26 })],
    ([a, b]) => {
      const [first, second] = [Math.min(a, b), Math.max(a, b)]
      const stream = [
        frame("The key is "),
        frame(secret.slice(0, first)),
        frame(secret.slice(first, second)),
        frame(secret.slice(second)),
        frame(" as told"),
        "data: [DONE]\n\n"
      ].join("")
      const cleaner = new Cleaner(BIG, [])
      const kept = Answer.cleaned(stream, false, cleaner, [])
      const said = [...kept.matchAll(/"content":"([^"]*)"/g)].map(([, text]) => text).join("")
      assert.strictEqual(said, "The key is … as told")
      assert.strictEqual(cleaner.secrets, 1)
      assert.isTrue(kept.startsWith(frame("The key is ")))
      const plain = frame("nothing") + frame(" here")
      assert.strictEqual(Answer.cleaned(plain, false, new Cleaner(BIG, []), []), plain)
    }
  )

  it("ends with its last whole frame where it was cut", () => {
    const kept = Answer.cleaned(`${frame("a")}data: {"choi`, true, new Cleaner(BIG, []), [])
    assert.strictEqual(kept.trimEnd(), frame("a").trimEnd())
  })
})
