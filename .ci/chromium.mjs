/**
 * Finds a Chromium for the browser tests, or installs Debian's.
 */
import { accessSync, constants } from "node:fs"
import { delimiter, join } from "node:path"
import { need } from "./debian.mjs"

const names = ["google-chrome", "google-chrome-stable", "chromium", "chromium-browser", "microsoft-edge", "chrome"]
const places = [
  "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
  "/Applications/Chromium.app/Contents/MacOS/Chromium"
]

const find = () => {
  const paths = (process.env.PATH ?? "").split(delimiter).flatMap((dir) => names.map((name) => join(dir, name)))
  return [process.env.AUTO_LOGIN_BROWSER, ...paths, ...places].find((path) => {
    try {
      accessSync(path ?? "", constants.X_OK)
      return true
    } catch {
      return false
    }
  })
}

need({
  names: ["chromium"],
  purpose: "the browser tests",
  isThere: () => find() !== undefined,
  missing: "The browser tests need Chromium or Chrome: install one, or name it in AUTO_LOGIN_BROWSER."
})
