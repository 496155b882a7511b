/**
 * Installs what the site of the docs is built with, in CI only: some hundred packages that nothing else needs. Without
 * them its test says that it was not run.
 */
import { spawnSync } from "node:child_process"
import { fileURLToPath } from "node:url"

if (![undefined, "", "0", "false"].includes(process.env.CI)) {
  process.stdout.write("installing what the site of the docs is built with\n")
  const args = "ci --ignore-scripts --no-audit --no-fund --prefer-offline --loglevel=error".split(" ")
  const { status } = spawnSync("npm", args, {
    cwd: fileURLToPath(new URL("../docs", import.meta.url)),
    stdio: ["ignore", "ignore", "inherit"],
    timeout: 240_000,
    killSignal: "SIGKILL"
  })
  if (status !== 0) process.exit(1)
}
