import { readdirSync, readFileSync } from "node:fs"
import { assert, describe, it } from "@effect/vitest"
import * as Clients from "../../docs/generate/Clients.ts"
import { clients, type Verified } from "../../docs/generate/VerifiedClients.ts"

const root = new URL("../../", import.meta.url)
const read = (path: string) => readFileSync(new URL(path, root), "utf8")
const files = readdirSync(new URL("test", root), { recursive: true, encoding: "utf8" }).filter((file) =>
  /\.test\.ts$/.test(file)
)
const sources = new Map(files.map((file) => [file.replace(/\.test\.ts$/, ""), read(`test/${file}`)]))

/** Packages of others that tests import and that call no gateway. */
const tools =
  /^(@effect\/(vitest|platform|platform-node|sql|cli|cluster|experimental|opentelemetry|printer|printer-ansi|rpc|workflow)|@opentelemetry\/.*|@stoplight\/.*|@huggingface\/tokenizers|@preact\/signals|@stryker-mutator\/.*|ajv|axe-core|chai|effect|esbuild|gpt-tokenizer|libsql|playwright|preact|typescript|unpdf|vitest|ws|yaml|zod)$/

const packageOf = (from: string) =>
  from
    .split("/")
    .slice(0, from.startsWith("@") ? 2 : 1)
    .join("/")
/** Types alone run nothing. */
const packagesOf = (source: string): ReadonlyArray<string> => [
  ...new Set(
    [...source.matchAll(/^(?:import(?! type)|\} from)[^"\n]*"([^."\n][^"\n]*)"/gm)]
      .map(([, from]) => packageOf(from!))
      .filter((name) => !name.startsWith("node:") && name !== "lingma-gateway")
  )
]

const packages = clients.flatMap(({ by }) => ("packages" in by ? by.packages : []))
const commands = clients.flatMap(({ by }) => ("command" in by ? [by.command] : []))

const isRunIn = ({ by }: Verified, source: string): boolean =>
  "packages" in by
    ? packagesOf(source).some((name) => by.packages.includes(name))
    : source.includes("Agents.find(") && source.includes(`"${by.command}"`)

describe("the table of verified clients", () => {
  it("is written as it is made, in the README and the docs of both languages; `npm run docs` writes it anew", () => {
    for (const [path, language] of Clients.pages)
      assert.strictEqual(read(path), Clients.into(read(path), language), path)
  })

  it("has the same clients, versions and paths in both languages", () => {
    const cells = (language: Clients.Language) =>
      Clients.render(language)
        .split("\n")
        .slice(2)
        .map((line) => line.split(/ +\| +|^\| | +\|$/).slice(1, 4))
    assert.deepStrictEqual(cells("zh"), cells("en"))
    assert.strictEqual(cells("en").length, clients.length)
  })

  it("has each client that a test imports or starts", () => {
    const imported = [...new Set([...sources.values()].flatMap(packagesOf))].filter((name) => !tools.test(name))
    assert.deepStrictEqual(imported.sort(), [...packages].sort())
    assert.deepStrictEqual(Object.keys(Clients.agents).sort(), [...commands].sort())
  })

  it("shows nothing that no test of that client shows", () => {
    for (const client of clients) {
      for (const [feature, [file, words]] of Object.entries(client.shown)) {
        const source = sources.get(file)
        assert.isDefined(source, `${client.name}, ${feature}: test/${file}.test.ts`)
        assert.isTrue(isRunIn(client, source!), `${client.name} is not run in test/${file}.test.ts`)
        assert.include(source, words, `${client.name}, ${feature}`)
      }
    }
  })

  it("has the versions that docs/clients.md installs and tells", () => {
    const page = read("docs/clients.md")
    for (const agent of Object.values(Clients.agents)) {
      assert.include(page, `${agent.package}@${agent.version}`)
      assert.include(page, `\`${agent.package}\` ${agent.version}`)
    }
    for (const name of packages.filter((name) => page.includes(`\`${name}\` `))) {
      for (const [, version] of page.matchAll(new RegExp(`\`${name}\` (\\d+\\.\\d+\\.\\d+)`, "g")))
        assert.strictEqual(version, Clients.installed[name], name)
    }
  })
})
