/**
 * Finds a Chromium on this machine: from the setting, Playwright's download, or the usual paths.
 */
import { accessSync, constants } from "node:fs"
import { delimiter, join } from "node:path"

const names = ["google-chrome", "google-chrome-stable", "chromium", "chromium-browser", "microsoft-edge", "chrome"]

const places = [
  "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
  "/Applications/Chromium.app/Contents/MacOS/Chromium",
  "/Applications/Microsoft Edge.app/Contents/MacOS/Microsoft Edge",
  "/opt/google/chrome/chrome",
  "/snap/bin/chromium",
  "C:\\Program Files\\Google\\Chrome\\Application\\chrome.exe",
  "C:\\Program Files (x86)\\Google\\Chrome\\Application\\chrome.exe",
  "C:\\Program Files (x86)\\Microsoft\\Edge\\Application\\msedge.exe"
]

const isThere = (path: string): boolean => {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

/** `own`: path of Playwright's download. An invalid setting gives none; the other paths are not tried then. */
export const find = (setting: string | undefined, own: string | undefined): string | undefined => {
  if (setting !== undefined) return isThere(setting) ? setting : undefined
  const inPath = (process.env["PATH"] ?? "").split(delimiter).flatMap((dir) => names.map((name) => join(dir, name)))
  return [...(own === undefined ? [] : [own]), ...inPath, ...places].find(isThere)
}
