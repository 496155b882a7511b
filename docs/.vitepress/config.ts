/**
 * The site of the docs: `docs/*.md` in English, `docs/zh/*.md` in Chinese. `npm ci && npm run build` in `docs`
 * writes it to `docs/.vitepress/dist`; SITE_BASE is the path it is served at.
 */
import { cpSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { sideBar } from "./Pages.ts"

const root = fileURLToPath(new URL("../..", import.meta.url))
/** What the docs lead to outside of `docs`; the site has it in folders of its own. */
const beside = ["examples", "bench/RESULTS.md"]
const base = process.env["SITE_BASE"] ?? "/"

interface Token {
  attrGet(name: string): string | null
  attrSet(name: string, value: string): void
}
interface Markdown {
  readonly renderer: {
    readonly rules: Record<string, ((tokens: Array<Token>, at: number, ...more: Array<never>) => string) | undefined>
  }
}

const leadBeside = (markdown: Markdown) => {
  const before = markdown.renderer.rules["link_open"]
  markdown.renderer.rules["link_open"] = (tokens, at, ...more) => {
    const href = tokens[at]?.attrGet("href")
    if (href !== null && href !== undefined && beside.some((place) => href.startsWith(`../${place}`))) {
      tokens[at]?.attrSet("href", href.replace("../", base))
      tokens[at]?.attrSet("target", "_blank")
    }
    return before?.(tokens, at, ...more) ?? ""
  }
}

export default {
  title: "Lingma gateway",
  description: "Alibaba Lingma for clients of OpenAI and Anthropic",
  base,
  cleanUrls: true,
  markdown: { config: leadBeside },
  buildEnd: ({ outDir }: { readonly outDir: string }) => {
    for (const place of beside) cpSync(join(root, place), join(outDir, place), { recursive: true })
  },
  // Not every page is there in both languages.
  themeConfig: { i18nRouting: false, search: { provider: "local" }, outline: [2, 3] },
  locales: {
    root: { label: "English", lang: "en", themeConfig: { sidebar: sideBar("en") } },
    zh: {
      label: "简体中文",
      lang: "zh-CN",
      description: "供 OpenAI 和 Anthropic 客户端使用的阿里灵码",
      themeConfig: {
        sidebar: sideBar("zh"),
        outline: { level: [2, 3], label: "本页内容" },
        docFooter: { prev: "上一页", next: "下一页" },
        darkModeSwitchLabel: "外观",
        sidebarMenuLabel: "目录",
        returnToTopLabel: "回到顶部"
      }
    }
  }
}
