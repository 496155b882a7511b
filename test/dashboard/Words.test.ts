import { readFileSync } from "node:fs"
import { assert, describe, it } from "@effect/vitest"
import { en } from "../../dashboard/i18n/en.ts"
import { zh } from "../../dashboard/i18n/zh.ts"
import { loginReasons } from "../../src/domain/Login.ts"
import { problemCodes } from "../../src/http/admin/dashboard/Overview.ts"
import { warningCodes } from "../../src/http/admin/hosts/Api.ts"

/** Each text by its path; of a function what it says for two names. */
const texts = (words: unknown, path = ""): ReadonlyArray<readonly [path: string, text: string]> => {
  if (typeof words === "string") return [[path, words]]
  if (typeof words === "function") return [[path, String(words("A", "B"))]]
  return Object.entries(words as object).flatMap(([name, value]) => texts(value, `${path}.${name}`))
}
const paths = (words: unknown) => texts(words).map(([path]) => path)

/** What is the same in both, or says nothing on purpose. */
const shared = /^\.requests\.ledger\.kept$|^\.bar\.of$|placeholder$/

describe("the languages of the dashboard", () => {
  it("say the same things", () => {
    assert.deepStrictEqual([...paths(zh)].sort(), [...paths(en)].sort())
  })

  it("leave nothing untranslated or empty", () => {
    const english = new Map(texts(en))
    const same = texts(zh).filter(([path, text]) => !shared.test(path) && (text === "" || text === english.get(path)))
    assert.deepStrictEqual(same, [])
  })

  it("have no Chinese without a Chinese character", () => {
    assert.deepStrictEqual(
      texts(zh).filter(([path, text]) => !shared.test(path) && !/[\p{Script=Han}/]/u.test(text)),
      []
    )
  })

  it("have words for each code of an error, for each problem and each way that a login fails", () => {
    const source = readFileSync(new URL("../../src/domain/usage/ErrorCode.ts", import.meta.url), "utf8")
    const codes = [...source.matchAll(/^(?: {2}\w+: |export const \w+ = )"(\w+)"/gm)].map(([, code]) => code!)
    assert.isAbove(codes.length, 15)
    for (const words of [en, zh]) {
      assert.deepStrictEqual(
        codes.filter((code) => words.errors[code] === undefined),
        []
      )
      assert.deepStrictEqual(
        problemCodes.filter((code) => words.problems[code] === undefined),
        []
      )
      assert.deepStrictEqual(
        warningCodes.filter((code) => words.hosts.warnings[code] === undefined),
        []
      )
      assert.deepStrictEqual(
        loginReasons.filter((reason) => words.login[`login_failed:${reason}`] === undefined),
        []
      )
    }
  })
})
