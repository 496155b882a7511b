/**
 * The pages of the site in the order of its side bar, each with its title in both languages.
 */
export interface Page {
  /** Its file in `docs`, without its ending. */
  readonly file: string
  readonly en: string
  readonly zh: string
  /** Whether `docs/zh` has it too; otherwise the page in Chinese leads to the English one. */
  readonly isTranslated?: true
}

export interface Group {
  readonly en: string
  readonly zh: string
  readonly pages: ReadonlyArray<Page>
}

export type Language = "en" | "zh"

export const groups: ReadonlyArray<Group> = [
  {
    en: "Use",
    zh: "使用",
    pages: [
      { file: "index", en: "Getting started", zh: "快速开始", isTranslated: true },
      { file: "clients", en: "Clients", zh: "客户端", isTranslated: true },
      { file: "commands", en: "Commands", zh: "命令" },
      { file: "parameters", en: "Parameters", zh: "请求参数" },
      { file: "tool-calls", en: "Tool calls", zh: "工具调用" }
    ]
  },
  {
    en: "Operate",
    zh: "运维",
    pages: [
      { file: "operations", en: "Operations", zh: "运维", isTranslated: true },
      { file: "dashboard", en: "Dashboard", zh: "运维页面" },
      { file: "keys", en: "Keys and limits", zh: "密钥与限额" },
      { file: "usage", en: "Usage", zh: "用量" },
      { file: "scale", en: "Many hosts", zh: "多台主机" }
    ]
  },
  {
    en: "Build",
    zh: "开发",
    pages: [
      { file: "embedding", en: "Embedding", zh: "嵌入应用" },
      { file: "emulator", en: "Emulator", zh: "模拟器" },
      { file: "architecture", en: "Architecture", zh: "架构" },
      { file: "decisions", en: "Decisions", zh: "设计决定" }
    ]
  }
]

const addressOf = ({ file, isTranslated }: Page, language: Language) =>
  `${language === "zh" && isTranslated ? "/zh" : ""}/${file === "index" ? "" : file}`

const titleOf = (page: Page, language: Language) =>
  language === "zh" && page.isTranslated !== true ? `${page.zh}(英文)` : page[language]

/** As VitePress takes it. */
export const sideBar = (language: Language) =>
  groups.map((group) => ({
    text: group[language],
    items: group.pages.map((page) => ({ text: titleOf(page, language), link: addressOf(page, language) }))
  }))
