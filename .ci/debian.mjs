/**
 * Installs a package of Debian's for the tests, where it is not there and apt is.
 */
import { execFileSync, spawnSync } from "node:child_process"

const apt = (...args) => {
  const sudo = process.getuid?.() === 0 ? [] : ["sudo", "-n"]
  const [command, ...rest] = [...sudo, "apt-get", ...args]
  execFileSync(command, rest, {
    stdio: ["ignore", "ignore", "inherit"],
    env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" }
  })
}

/** Ends the process with `missing` where `isThere` still says no. */
export const need = ({ isThere, missing, names, purpose }) => {
  if (isThere()) return
  try {
    if (spawnSync("apt-get", ["--version"], { stdio: "ignore" }).status === 0) {
      process.stdout.write(`installing ${names.join(", ")} for ${purpose}\n`)
      apt("update", "-q")
      apt("install", "-y", "-q", "--no-install-recommends", ...names)
    }
  } catch {
    // told below
  }
  if (isThere()) return
  process.stderr.write(`${missing}\n`)
  process.exit(1)
}
