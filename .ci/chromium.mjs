/**
 * Finds a Chromium for the browser tests, or installs Debian's.
 */
import { execFileSync, spawnSync } from "node:child_process"
import { accessSync, constants } from "node:fs"
import { delimiter, join } from "node:path"

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

const install = () => {
  const sudo = process.getuid?.() === 0 ? [] : ["sudo", "-n"]
  const apt = (...args) => {
    const [command, ...rest] = [...sudo, "apt-get", ...args]
    execFileSync(command, rest, {
      stdio: ["ignore", "ignore", "inherit"],
      env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" }
    })
  }
  process.stdout.write("installing chromium for the browser tests\n")
  apt("update", "-q")
  apt("install", "-y", "-q", "--no-install-recommends", "chromium")
}

if (find() === undefined) {
  const hasApt = spawnSync("apt-get", ["--version"], { stdio: "ignore" }).status === 0
  try {
    if (hasApt) install()
  } catch {
    // told below
  }
  if (find() === undefined) {
    process.stderr.write("The browser tests need Chromium or Chrome: install one, or name it in AUTO_LOGIN_BROWSER.\n")
    process.exit(1)
  }
}
