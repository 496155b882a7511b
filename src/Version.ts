/**
 * The version of this package, as its manifest has it.
 */
import { createRequire } from "node:module"

// By its own name: the bundle lies deeper than this file.
const manifest: unknown = createRequire(import.meta.url)("lingma-gateway/package.json")

export const version: string =
  typeof manifest === "object" && manifest !== null && "version" in manifest ? String(manifest.version) : "0.0.0"
