/**
 * nginx, Caddy and HAProxy for the tests, as Debian packages them; the servers that Debian may start by itself are not used.
 */
import { existsSync } from "node:fs"
import { delimiter, join } from "node:path"
import { need } from "./debian.mjs"

const dirs = [...(process.env.PATH ?? "").split(delimiter), "/usr/sbin"]
const missing = () => ["nginx", "caddy", "haproxy"].filter((name) => !dirs.some((dir) => existsSync(join(dir, name))))

need({
  names: ["nginx-light", "caddy", "haproxy"],
  purpose: "the tests of proxies",
  isOptional: true,
  isThere: () => missing().length === 0,
  missing: () =>
    `The tests of proxies need ${missing().join(", ")}: not found here, nor could apt install them. In CI that is a failure; elsewhere those tests are left out.`
})
