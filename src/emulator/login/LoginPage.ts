/**
 * The variants of the login page, by name.
 */
import * as Endings from "./LoginEndings.ts"
import * as Forms from "./LoginForms.ts"
import type { LoginPage } from "./LoginHtml.ts"
import { tabs } from "./LoginTabs.ts"

export const variants: Readonly<Record<string, LoginPage>> = {
  plain: Forms.plain,
  late: Forms.late,
  framed: Forms.framed,
  "two-step": Forms.twoStep,
  organisations: Endings.organisations,
  tabs,
  captcha: Endings.captcha,
  endless: Endings.endless,
  redirect: Endings.redirect,
  foreign: Endings.foreign,
  unknown: Endings.unknown
}
