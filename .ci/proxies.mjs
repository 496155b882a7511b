/**
 * nginx and Caddy for the tests, as Debian packages them; the servers that Debian may start by itself are not used.
 */
import { existsSync } from "node:fs"
import { delimiter, join } from "node:path"
import { need } from "./debian.mjs"

const dirs = [...(process.env.PATH ?? "").split(delimiter), "/usr/sbin"]

need({
  names: ["nginx-light", "caddy"],
  purpose: "the tests of proxies",
  isThere: () => ["nginx", "caddy"].every((name) => dirs.some((dir) => existsSync(join(dir, name)))),
  missing: "The tests of proxies need nginx and Caddy: install them."
})
