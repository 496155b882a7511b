import { assert, describe, it } from "@effect/vitest"
import { FastCheck } from "effect"
import { redact } from "../../src/domain/Redact.ts"

const token = "pt-3xLw9_cTRfVb1yQ0sK7mPz4hJ8nD2gAe"

describe("redact", () => {
  it("leaves out what looks like a secret, in whatever it is written", () => {
    const said = [
      `session ${token} expired`,
      `{"tokenString":"abc def","code":7}`,
      "login?token=abcdef&state=1 refused",
      "password: hunter2, try again",
      "Authorization Bearer abc.def",
      "see https://ann:pass@host.example/login?auth=1234#x now",
      `data ${"QUJD".repeat(12)} of`,
      "api_key = 'ab cd'"
    ]
    assert.deepStrictEqual(
      said.map((words) => redact(words)),
      [
        "session … expired",
        `{"tokenString":…,"code":7}`,
        "login?token=…&state=1 refused",
        "password: …, try again",
        "Authorization …",
        "see https://host.example/login?… now",
        "data … of",
        "api_key = …"
      ]
    )
  })

  it("keeps what tells the cause", () => {
    const plain = [
      "auth/status rejected (-32000): user not login",
      "LINGMA_BIN: spawn /no/such/lingma ENOENT",
      "request 0af76519-16cd-43dd-8448-eb211c80319c failed: http://127.0.0.1:37510/auth/callback unreachable",
      "did not come up in time (LINGMA_STARTUP_TIMEOUT)"
    ]
    for (const words of plain) assert.strictEqual(redact(words), words)
    assert.strictEqual(redact("a\nb\u0000\u2028c"), "a b c")
  })

  it("is bounded, in time too, and shows no token wherever it stands", () =>
    FastCheck.assert(
      FastCheck.property(FastCheck.string(), FastCheck.string({ maxLength: 4_000 }), (before, after) => {
        const words = redact(`${before} ${token} ${after}`)
        return words.length <= 500 && !words.includes(token.slice(3, 20))
      })
    ))

  it("takes less than a second for hostile texts", () => {
    const began = performance.now()
    for (const unit of ["token", "a://", "a:", "token=", "\"'", "_token", "pt-", "x@"]) redact(unit.repeat(100_000))
    assert.isBelow(performance.now() - began, 1_000)
  })
})
