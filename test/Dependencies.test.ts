import { readFileSync } from "node:fs"
import { assert, describe, it } from "@effect/vitest"

const read = (path: string) => readFileSync(new URL(`../${path}`, import.meta.url), "utf8")

interface Locked {
  readonly version?: string
  readonly hasInstallScript?: boolean
  readonly dev?: boolean
  readonly optional?: boolean
  readonly engines?: { readonly node?: string }
}
type Packages = Readonly<Record<string, Locked>>
const locked = (path: string) => (JSON.parse(read(path)) as { readonly packages: Packages }).packages
const packages = locked("package-lock.json")

const version = (text: string) =>
  text
    .replace(/^[^\d]*/, "")
    .split(".")
    .map(Number)
const compare = (a: ReadonlyArray<number>, b: ReadonlyArray<number>) => {
  const at = [0, 1, 2].find((i) => (a[i] ?? 0) !== (b[i] ?? 0))
  return at === undefined ? 0 : (a[at] ?? 0) - (b[at] ?? 0)
}
/** A range as `engines` has them: `>=18`, `^20.19 || >=22.12`, `>= 18 < 21`, `20.x`. */
const allows = (range: string, node: string): boolean =>
  range.split("||").some((part) =>
    part
      .trim()
      .replaceAll(/([<>=^~]+)\s+/g, "$1")
      .split(/\s+/)
      .every((one) => {
        const by = compare(version(node), version(one))
        if (one === "*" || one === "") return true
        if (one.startsWith(">=")) return by >= 0
        if (one.startsWith(">")) return by > 0
        if (one.startsWith("<=")) return by <= 0
        if (one.startsWith("<")) return by < 0
        return version(one)[0] === version(node)[0] && by >= 0
      })
  )

describe("dependencies", () => {
  it("say that they run on the oldest Node of ours, but for two clients of the tests that docs/decisions.md names", () => {
    const oldest = version((JSON.parse(read("package.json")) as { engines: { node: string } }).engines.node).join(".")
    const others = Object.entries(packages).filter(
      ([path, { engines, optional }]) =>
        path !== "" && optional !== true && engines?.node !== undefined && !allows(engines.node, oldest)
    )
    assert.deepStrictEqual(
      others.map(([path]) => path.replace("node_modules/", "")),
      ["@langchain/openai", "openai"]
    )
    for (const [path, { dev }] of others) {
      assert.isTrue(dev, path)
      assert.include(read("docs/decisions.md"), `\`${path.replace("node_modules/", "")}\``)
    }
  })

  it("of the site run on the oldest Node of ours, in the versions of the gateway where both have them, with no script", () => {
    const site = locked("docs/package-lock.json")
    for (const [path, { engines, hasInstallScript, optional, version: found }] of Object.entries(site)) {
      const isFit = optional === true || engines?.node === undefined || allows(engines.node, "20.19.0")
      assert.isTrue(isFit, `${path}: ${engines?.node}`)
      // Its binary comes as a package: the script only makes the command quicker.
      if (hasInstallScript === true) assert.match(path, /\/(esbuild|fsevents)$/)
      if (/^node_modules\/(vite|rollup|esbuild|postcss|nanoid)$/.test(path)) {
        assert.strictEqual(found, packages[path]?.version, path)
      }
    }
  })
})
