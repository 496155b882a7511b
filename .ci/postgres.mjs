/**
 * PostgreSQL for the tests, as Debian packages it; the server that Debian may start by itself is not used.
 */
import { execFileSync, spawnSync } from "node:child_process"
import { existsSync } from "node:fs"
import { delimiter, join } from "node:path"

const isThere = () =>
  existsSync("/usr/lib/postgresql") ||
  (process.env.PATH ?? "").split(delimiter).some((dir) => existsSync(join(dir, "initdb")))

const install = () => {
  const sudo = process.getuid?.() === 0 ? [] : ["sudo", "-n"]
  const apt = (...args) => {
    const [command, ...rest] = [...sudo, "apt-get", ...args]
    execFileSync(command, rest, {
      stdio: ["ignore", "ignore", "inherit"],
      env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" }
    })
  }
  process.stdout.write("installing postgresql for the database tests\n")
  apt("update", "-q")
  apt("install", "-y", "-q", "--no-install-recommends", "postgresql")
}

if (!isThere()) {
  const hasApt = spawnSync("apt-get", ["--version"], { stdio: "ignore" }).status === 0
  try {
    if (hasApt) install()
  } catch {
    // told below
  }
  if (!isThere()) {
    process.stderr.write("The database tests need PostgreSQL's programs (initdb, postgres): install them.\n")
    process.exit(1)
  }
}
