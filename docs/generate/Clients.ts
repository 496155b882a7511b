/**
 * The table of verified clients, in English and Chinese, which `npm run docs` puts between two comments of a page.
 */
import { readFileSync } from "node:fs"
import { compact, type Row } from "./Table.ts"
import { clients, type Feature, features, type Verified } from "./VerifiedClients.ts"

export type Language = "en" | "zh"

interface Agent {
  readonly package: string
  readonly version: string
  /** Installed and run by CI; the others where they are found. */
  readonly inCi: boolean
}

const json = (path: string): unknown => JSON.parse(readFileSync(new URL(`../../${path}`, import.meta.url), "utf8"))
export const agents = json(".ci/agents.json") as Readonly<Record<string, Agent>>
export const installed = (json("package.json") as { readonly devDependencies: Readonly<Record<string, string>> })
  .devDependencies

/** The packages of a client, as they are run. */
export const versionsOf = ({ by, name }: Verified): ReadonlyArray<string> => {
  const found =
    "command" in by
      ? [[agents[by.command]?.package, agents[by.command]?.version] as const]
      : by.packages.map((one) => [one, installed[one]] as const)
  return found.map(([one, version]) => {
    if (one === undefined || version === undefined) throw new Error(`${name} is run, but in which version?`)
    return `${one} ${version}`
  })
}

const words = {
  en: {
    head: ["client", "version", "API", "run", "what is tested"],
    always: "each time",
    found: "where it is installed"
  },
  zh: { head: ["客户端", "版本", "API", "运行", "测试内容"], always: "每次测试", found: "已安装时" }
} as const

const rowOf = (client: Verified, language: Language): Row => {
  const isFound = "command" in client.by && agents[client.by.command]?.inCi !== true
  const shown = Object.keys(client.shown) as ReadonlyArray<Feature>
  return [
    client.name,
    versionsOf(client)
      .map((one) => `\`${one}\``)
      .join(", "),
    client.paths.map((path) => `\`${path}\``).join(", "),
    words[language][isFound ? "found" : "always"],
    shown.map((feature) => features[feature][language]).join(language === "en" ? ", " : "、")
  ]
}

export const render = (language: Language): string =>
  compact(
    words[language].head,
    clients.map((client) => rowOf(client, language))
  )

/** Where the table goes, and in which language. */
export const pages: ReadonlyArray<readonly [path: string, language: Language]> = [
  ["README.md", "en"],
  ["README.zh-CN.md", "zh"],
  ["docs/clients.md", "en"],
  ["docs/zh/clients.md", "zh"]
]

const between = /(<!-- clients: .*? -->\n\n)[\s\S]*?(\n\n<!-- \/clients -->)/

/** A page with the table as it is now. */
export const into = (page: string, language: Language): string => {
  if (!between.test(page)) throw new Error("the page has no place for the table of clients")
  return page.replace(between, (_, before: string, after: string) => before + render(language) + after)
}
