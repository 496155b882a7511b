import { assert, describe, it } from "@effect/vitest"
import { FastCheck } from "effect"
import * as Pattern from "../../../src/json/pattern/Pattern.ts"

const tests = (source: string, text: string, work = 1e6): boolean => Pattern.make(source).test(text, { left: work })

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
  it.prop("matches what RegExp matches", [pattern, text], ([source, some]) => {
    assert.strictEqual(tests(source, some), engineFinds(source, some), source)
  })

  it("supports the syntax that schemas use", () => {
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
      assert.isTrue(tests(source, good), source)
      assert.isFalse(tests(source, bad), source)
    }
  })

  it("matches every text if the pattern needs lookaround or backreferences", () => {
    for (const source of ["^(?=.*\\d)a$", "(a)\\1", "(?<!a)b", "a{9999}"]) {
      assert.isTrue(tests(source, "zzz"), source)
    }
  })

  it("refuses an invalid pattern", () => {
    for (const source of ["(", "[", "a**"]) assert.throws(() => Pattern.make(source), SyntaxError)
  })

  it("takes linear time on patterns that are exponential by backtracking", () => {
    for (const source of ["^(a+)+$", "^(a|a)*$", "(a*)*b", "(.*)(.*)(.*)x", "^(a?){200}a{200}$"]) {
      const made = Pattern.make(source)
      const steps = (length: number) => {
        const work = { left: 1e9 }
        made.test(`${"a".repeat(length)}!`, work)
        return 1e9 - work.left
      }
      steps(1)
      assert.isAtMost(steps(4000), 4.1 * steps(1000), source)
    }
  })

  it("does no more work than it may, and takes every text from then on", () => {
    for (const source of ["(a?){900}x", "a{1999}", "(){999999999}", "((((){999}){999}){999}){999}", "[a-z]{1,9999}"]) {
      const work = { left: 20_000 }
      for (let i = 0; i < 5; i++) Pattern.make(source).test("a".repeat(100_000), work)
      assert.isTrue(Pattern.make("x").test("a", { left: 0 }))
      assert.isAtLeast(work.left, -50_000, source)
    }
  })

  it("remembers patterns by what they cost together, not by their number", () => {
    for (let i = 0; i < 50; i++) tests(`[a-z]{1500}${i}`, "a")
    assert.isAtMost(Pattern.remembered(), 50_000)
    for (let i = 0; i < 1500; i++) tests(`\\p{Lu}${i}`, "a")
    assert.isAtMost(Pattern.remembered(), 50_000)
    assert.isTrue(tests("[a-z]{1500}0", `${"a".repeat(1500)}0`))
  })
})
