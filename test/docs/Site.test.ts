import { readdirSync } from "node:fs"
import { assert, describe, it } from "@effect/vitest"
import { groups, sideBar } from "../../docs/.vitepress/Pages.ts"

const pagesIn = (folder: string) =>
  readdirSync(new URL(`../../docs/${folder}`, import.meta.url))
    .filter((name) => name.endsWith(".md"))
    .map((name) => name.replace(/\.md$/, ""))
    .sort()

const pages = groups.flatMap((group) => group.pages)
const links = (language: "en" | "zh") =>
  sideBar(language)
    .flatMap(({ items }) => items)
    .map(({ link }) => link)

describe("the side bar of the site", () => {
  it("has every page of the docs once, in English and in Chinese", () => {
    assert.deepStrictEqual(pages.map(({ file }) => file).sort(), pagesIn("."))
    assert.strictEqual(new Set(links("en")).size, pages.length)
    assert.strictEqual(new Set(links("zh")).size, pages.length)
  })

  it("leads to the page in Chinese where there is one, and says where the page is in English", () => {
    const translated = pages.filter(({ isTranslated }) => isTranslated)
    assert.deepStrictEqual(translated.map(({ file }) => file).sort(), pagesIn("zh"))
    assert.deepStrictEqual(
      links("zh").filter((link) => link.startsWith("/zh/")),
      translated.map(({ file }) => `/zh/${file === "index" ? "" : file}`)
    )
    for (const { link, text } of sideBar("zh").flatMap(({ items }) => items))
      assert.strictEqual(text.endsWith("(英文)"), !link.startsWith("/zh/"), text)
  })
})
