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

const isCi = ![undefined, "", "0", "false"].includes(process.env.CI)

/** Tells `missing` where `isThere` still says no, and ends the process; what `isOptional` it only tells of, but in CI. */
export const need = ({ isOptional = false, isThere, missing, names, purpose }) => {
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
  process.stderr.write(`${typeof missing === "function" ? missing() : missing}\n`)
  if (isCi || !isOptional) process.exit(1)
}
