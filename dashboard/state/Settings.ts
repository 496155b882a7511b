/**
 * The language and the theme: the browser's, until somebody switches; not kept, so that nothing is left in the browser.
 */
import { computed, effect, signal } from "@preact/signals"
import { en } from "../i18n/en.ts"
import { zh } from "../i18n/zh.ts"

export const languages = { en: "English", zh: "中文" } as const
export type Language = keyof typeof languages
export const isLanguage = (text: string): text is Language => text in languages

export const themes = ["auto", "light", "dark"] as const
export type Theme = (typeof themes)[number]

const preferred = (): Language => (navigator.languages[0]?.toLowerCase().startsWith("zh") ? "zh" : "en")

export const language = signal<Language>(preferred())
export const theme = signal<Theme>("auto")
export const words = computed(() => (language.value === "zh" ? zh : en))
/** For `Intl`. */
export const locale = computed(() => (language.value === "zh" ? "zh-CN" : "en-GB"))

effect(() => {
  document.documentElement.lang = locale.value
  document.title = words.value.title
})
effect(() => {
  if (theme.value === "auto") delete document.documentElement.dataset["theme"]
  else document.documentElement.dataset["theme"] = theme.value
})
