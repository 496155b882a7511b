import { assert, describe, it } from "@effect/vitest"
import { FastCheck } from "effect"
import * as Masked from "../../../src/domain/inspect/Masked.ts"

const mask = (text: string, ...known: ReadonlyArray<string>) => Masked.text(text, known).value

describe("Secrets in a text that is kept", () => {
  it("are masked by their form, wherever they stand", () => {
    const secrets = [
      "sk-proj-abcDEF1234567890",
      "ghp_0123456789abcdefghij",
      "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.abcdefghijk",
      "AKIAIOSFODNN7EXAMPLE"
    ]
    for (const secret of secrets) {
      assert.notInclude(mask(`use ${secret}, please`), secret)
      assert.notInclude(mask(JSON.stringify({ a: [secret] })), secret)
      assert.match(mask(`use ${secret}, please`), /^use …/)
    }
    assert.strictEqual(mask("Authorization: Bearer abc.def"), "Authorization: …")
    assert.strictEqual(mask('{\\"api_key\\":\\"hunter2hunter\\"}'), '{\\"api_key\\":\\"…\\"}')
    assert.strictEqual(mask("cookie: session=1; other=2\nnext"), "cookie: …\nnext")
    assert.strictEqual(mask("DB_PASSWORD=tr0ub4dor\nA=1"), "DB_PASSWORD=…\nA=1")
    assert.strictEqual(mask("postgres://u:p4ss@db/x"), "postgres://…db/x")
  })

  it("are masked as they stand where they are known", () => {
    assert.strictEqual(mask("my key is plain-words-here.", "plain-words-here"), "my key is ….")
    // A short one would be found everywhere.
    assert.strictEqual(mask("any text", "any"), "any text")
  })

  it("leave the rest as it was", () => {
    for (const text of [
      "const token = getToken()\n\tif (max_tokens > 100) return",
      '{"max_tokens": 100, "secret": true}',
      "https://example.com/a?b=c#d",
      `${"x".repeat(60)} 日本語 \u0000`
    ])
      assert.strictEqual(mask(text), text)
  })

  it("are looked for in time that grows with the text, whatever it is made of", () => {
    const million = (piece: string) => piece.repeat(Math.ceil(1_000_000 / piece.length))
    for (const piece of [
      "eyJ-",
      "eyJaaaaaaaa.",
      "-----BEGIN PRIVATE KEY-----",
      "Bearer ",
      "token=",
      "cookie:",
      "a://b",
      "sk-",
      "_api_key",
      "x"
    ])
      assert.isAbove(mask(million(piece)).length, 0, piece)
  })

  it.prop(
    "are masked in however many pieces they come",
    [
      FastCheck.array(FastCheck.nat(30), { maxLength: 12 }),
      FastCheck.string({ maxLength: 20 }),
      FastCheck.string({ maxLength: 20 })
    ],
    ([cuts, before, after]) => {
      const secret = "sk-0123456789abcdefghij"
      const whole = `${before} ${secret} ${after}`
      const pieces: Array<string> = []
      let at = 0
      for (const cut of cuts) {
        pieces.push(whole.slice(at, at + cut))
        at = Math.min(whole.length, at + cut)
      }
      pieces.push(whole.slice(at))
      const { value } = Masked.pieces(pieces, [])
      assert.strictEqual(value.length, pieces.length)
      assert.strictEqual(value.join(""), mask(whole))
      assert.notInclude(value.join(""), secret)
    }
  )
})
