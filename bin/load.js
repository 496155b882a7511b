/**
 * Runs a script with the code that an earlier run of it compiled (bundle/warm.mjs). V8 looks whether it still fits:
 * another Node compiles anew.
 */
import { readFileSync } from "node:fs"
import { createRequire } from "node:module"
import { fileURLToPath } from "node:url"
import { Script } from "node:vm"

const read = (file) => {
  try {
    return readFileSync(file)
  } catch {
    return undefined
  }
}

const bundle = new URL("../dist/bundle/", import.meta.url)
const file = fileURLToPath(new URL("start.cjs", bundle))
export const compiled = `${file}.code`

const imported = (name) => import(name.startsWith("./") ? new URL(name, bundle).href : name)

export const load = () => {
  const script = new Script(readFileSync(file, "latin1"), { filename: file, cachedData: read(compiled) })
  script.runInThisContext()(createRequire(file), file, imported)
  return script
}
