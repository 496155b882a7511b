/**
 * Writes what is made from the code and the tests.
 */
import { readFileSync, writeFileSync } from "node:fs"
import * as Clients from "./Clients.ts"
import * as Parameters from "./Parameters.ts"

const root = new URL("../../", import.meta.url)

writeFileSync(new URL("docs/parameters.md", root), Parameters.render())
for (const [path, language] of Clients.pages) {
  const file = new URL(path, root)
  writeFileSync(file, Clients.into(readFileSync(file, "utf8"), language))
}
