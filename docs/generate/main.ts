/**
 * Writes what is made from the code.
 */
import { writeFileSync } from "node:fs"
import * as Parameters from "./Parameters.ts"

writeFileSync(new URL("../parameters.md", import.meta.url), Parameters.render())
