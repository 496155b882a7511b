/**
 * Settings of automatic login.
 */
import { setting } from "./Setting.ts"
import * as Rule from "./SettingRules.ts"

export const loginSettings = {
  autoLoginEnabled: setting(
    "AUTO_LOGIN_ENABLED",
    "",
    "sign accounts in with a browser; empty = true if there are accounts",
    Rule.maybe(Rule.flag)
  ),
  autoLoginHeadless: setting("AUTO_LOGIN_HEADLESS", "true", "run the browser without a window", Rule.flag),
  autoLoginTimeout: setting("AUTO_LOGIN_TIMEOUT", "120", "timeout of one login, in seconds", Rule.seconds(1, 3600)),
  autoLoginMaxRetry: setting(
    "AUTO_LOGIN_MAX_RETRY",
    "2",
    "max password submissions before automatic logins of the account pause for 15 minutes",
    Rule.integer(1, 10)
  ),
  autoLoginBrowser: setting("AUTO_LOGIN_BROWSER", "", "path of Chromium or Chrome; empty = search", Rule.optionalPath),
  autoLoginHosts: setting(
    "AUTO_LOGIN_HOSTS",
    Rule.LOGIN_HOSTS,
    "comma-separated hosts (host or host:port) where a password may be typed",
    Rule.hostList
  ),
  autoLoginOrganization: setting("AUTO_LOGIN_ORGANIZATION", "", "which organization to pick at login", Rule.optional),
  autoLoginScreenshots: setting(
    "AUTO_LOGIN_SCREENSHOTS",
    "false",
    "save a screenshot of a failed login in its work directory, with fields masked; at most 5 are kept",
    Rule.flag
  )
}
