/**
 * PostgreSQL for the tests, as Debian packages it; the server that Debian may start by itself is not used.
 */
import { existsSync } from "node:fs"
import { delimiter, join } from "node:path"
import { need } from "./debian.mjs"

need({
  names: ["postgresql"],
  purpose: "the database tests",
  isThere: () =>
    existsSync("/usr/lib/postgresql") ||
    (process.env.PATH ?? "").split(delimiter).some((dir) => existsSync(join(dir, "initdb"))),
  missing: "The database tests need PostgreSQL's programs (initdb, postgres): install them."
})
