/**
 * The version of this package, as its manifest has it.
 */
import { createRequire } from "node:module"

const manifest: unknown = createRequire(import.meta.url)("../package.json")

export const version: string =
  typeof manifest === "object" && manifest !== null && "version" in manifest ? String(manifest.version) : "0.0.0"
