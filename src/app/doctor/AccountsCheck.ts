/**
 * Checks of signing in: accounts, the browser for them, and whether somebody is signed in at all.
 */
import { existsSync } from "node:fs"
import { join } from "node:path"
import { Effect, Option } from "effect"
import * as BrowserPath from "../../lingma/login/BrowserPath.ts"
import * as Terminal from "../screen/Terminal.ts"
import type { Facts } from "./Facts.ts"
import { type Finding, fail, ok, warn } from "./Finding.ts"
import * as StateDirectory from "./StateDirectory.ts"

/** A loaded machine takes long to load Playwright: nothing is known then. */
const SLOW = Symbol("slow")

/** Playwright's own download, as the gateway finds it. */
const download = Effect.tryPromise(async () => (await import("playwright")).chromium.executablePath()).pipe(
  Effect.orElseSucceed(() => undefined),
  Effect.timeoutTo({ duration: "1 second", onTimeout: (): typeof SLOW => SLOW, onSuccess: (path) => path })
)

const browser = Effect.fnUntraced(function* ({ env, home, settings }: Facts) {
  const wanted = Option.getOrUndefined(settings.autoLoginBrowser)
  const own = wanted === undefined ? yield* download : undefined
  const path = BrowserPath.find(wanted, own === SLOW ? undefined : own)
  if (path === undefined && own === SLOW) {
    return warn(
      "browser.unseen",
      "browser",
      "could not be looked for in time",
      "again, or AUTO_LOGIN_BROWSER=/path/of/chromium"
    )
  }
  if (path === undefined) {
    return wanted === undefined
      ? fail(
          "browser.none",
          "browser",
          "none found; accounts cannot sign in",
          "apt install chromium, or lingma-gateway login"
        )
      : fail("browser.missing", "AUTO_LOGIN_BROWSER", `${wanted} cannot be run`, "correct it, or unset it to search")
  }
  const hasScreen = process.platform !== "linux" || env["DISPLAY"] !== undefined || env["WAYLAND_DISPLAY"] !== undefined
  return settings.autoLoginHeadless || hasScreen
    ? ok("browser", "browser", Terminal.short(path, home))
    : fail("browser.window", "AUTO_LOGIN_HEADLESS", "is false, but there is no display", "AUTO_LOGIN_HEADLESS=true")
})

/** The files in which Lingma keeps its login. */
const signedIn = (dir: string) =>
  [dir, join(dir, "inst-0"), join(dir, "inst-1")].some((place) => existsSync(join(place, "cache", "user")))

/** `isServing`: a running gateway knows better. */
export const check = Effect.fnUntraced(function* (facts: Facts, isServing: boolean) {
  const { settings } = facts
  const count = settings.accounts.length > 0 ? settings.accounts.length : Option.isSome(settings.username) ? 1 : 0
  const isAutomatic = Option.getOrElse(settings.autoLoginEnabled, () => count > 0)
  if (settings.attach !== "no") {
    return count === 0
      ? [ok("accounts", "accounts", "those of the attached Lingma")]
      : [ok("accounts", "accounts", `${count} to sign in`), ...(isAutomatic ? [yield* browser(facts)] : [])]
  }
  if (isAutomatic && count === 0) {
    return [
      warn("accounts.none", "AUTO_LOGIN_ENABLED", "is true, but there is no account", "LINGMA_ACCOUNTS=user:password")
    ]
  }
  const isIn = isServing || Option.isNone(settings.lingmaBin) || signedIn(StateDirectory.of(facts))
  if (isAutomatic) return [ok("accounts", "accounts", `${count}, signed in by the browser`), yield* browser(facts)]
  const none: Finding = warn(
    "accounts.signed_out",
    "account",
    "nobody is signed in",
    "lingma-gateway login, or LINGMA_ACCOUNTS"
  )
  return [isIn ? ok("accounts", "accounts", count > 0 ? `${count}` : "none in the settings") : none]
})
