import { assert, describe, it } from "@effect/vitest"
import { FastCheck } from "effect"
import * as Pattern from "../../src/domain/Pattern.ts"

const one = FastCheck.constantFrom("a", "b", "[ab]", "[^a]", "\\d", "\\w", ".", "é", "😀", "\\u0061", "\\.", "[\\]a-]")
const quantifier = FastCheck.constantFrom("", "", "", "*", "+", "?", "{2}", "{1,}", "{0,3}", "*?", "+?")
const pattern: FastCheck.Arbitrary<string> = FastCheck.letrec((again) => ({
  node: FastCheck.oneof(
    { depthSize: "small", withCrossShrink: true },
    FastCheck.tuple(one, quantifier).map(([atom, times]) => atom + times),
    FastCheck.constantFrom("^", "$", "\\b", "\\B"),
    FastCheck.tuple(again("nodes"), quantifier).map(([inner, times]) => `(?:${inner})${times}`),
    FastCheck.tuple(again("nodes"), again("nodes")).map(([left, right]) => `(${left}|${right})`)
  ),
  nodes: FastCheck.array(again("node"), { maxLength: 3 }).map((parts) => parts.join(""))
})).nodes as FastCheck.Arbitrary<string>
const text = FastCheck.array(FastCheck.constantFrom("a", "b", "1", ".", "é", "😀", " ", "]", "\n"), {
  maxLength: 10
}).map((parts) => parts.join(""))

/** The language's own engine, asked at each character: left to itself, V8 also looks between the halves of one. */
const engineFinds = (source: string, some: string) => {
  const engine = new RegExp(source, "uy")
  let at = 0
  return [...some, ""].some((char) => {
    engine.lastIndex = at
    at += char.length
    return engine.test(some)
  })
}

describe("Pattern", () => {
  it.prop("finds what the language's own engine finds", [pattern, text], ([source, some]) => {
    assert.strictEqual(Pattern.make(source).test(some), engineFinds(source, some), source)
  })

  it("knows what schemas are written with", () => {
    const cases: ReadonlyArray<readonly [source: string, good: string, bad: string]> = [
      ["^\\d{4}-\\d{2}-\\d{2}$", "2026-03-01", "2026-3-01"],
      ["^[^@\\s]+@[^@\\s]+\\.[a-z]{2,}$", "me@example.com", "me@example"],
      ["^(?<scheme>https?)://", "https://a", "ftp://a"],
      ["^([a-z0-9]+-)*[a-z0-9]+$", "a-b-1", "a--b"],
      ["^\\p{Lu}\\p{Ll}*$", "Émile", "émile"],
      ["^[a-z\\-]+$", "a-b", "a_b"],
      ["^\\-$", "-", "a"],
      ["^{$", "{", "}"]
    ]
    for (const [source, good, bad] of cases) {
      assert.isTrue(Pattern.make(source).test(good), source)
      assert.isFalse(Pattern.make(source).test(bad), source)
    }
  })

  it("takes every text where it would have to look around or back", () => {
    for (const source of ["^(?=.*\\d)a$", "(a)\\1", "(?<!a)b", "a{9999}"]) {
      assert.isTrue(Pattern.make(source).test("zzz"), source)
    }
  })

  it("refuses what is no pattern", () => {
    for (const source of ["(", "[", "a**"]) assert.throws(() => Pattern.make(source), SyntaxError)
  })

  it("takes linear time where others go astray", () => {
    const began = performance.now()
    for (const source of ["^(a+)+$", "^(a|a)*$", "(a*)*b", "(.*)(.*)(.*)x", "^(a?){200}a{200}$"]) {
      Pattern.make(source).test(`${"a".repeat(20_000)}!`)
    }
    assert.isBelow(performance.now() - began, 4000)
  })
})
