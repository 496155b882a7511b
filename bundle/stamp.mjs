/**
 * Tells whether `dist` was made of what is there now: by contents, since times say little after a checkout.
 */
import { createHash } from "node:crypto"
import { lstatSync, readdirSync, readFileSync, statSync } from "node:fs"
import { join } from "node:path"

/** What `dist` is made of; dependencies are bundled, too. A test has every other folder listed below. */
export const INPUTS = [
  "src",
  "dashboard",
  // Its set-ups are on the dashboard.
  "docs/clients.md",
  "bundle",
  "bin",
  "package.json",
  "package-lock.json",
  "tsconfig.json",
  "tsconfig.build.json"
]
export const NOT_BUILT = ["bench", "deploy", "docs", "examples", "test"]

export const stampFile = (root) => join(root, "dist", ".stamp")

/** Files below a path, itself if it is one. A link that leads nowhere is none: editors mark so what they have open. */
const files = (root, path) => {
  const stats = lstatSync(join(root, path), { throwIfNoEntry: false })
  if (stats === undefined) return []
  if (!stats.isDirectory())
    return statSync(join(root, path), { throwIfNoEntry: false })?.isFile() === true ? [path] : []
  return readdirSync(join(root, path))
    .sort()
    .flatMap((name) => files(root, `${path}/${name}`))
}

const digest = (texts) => {
  const hash = createHash("sha256")
  for (const text of texts) hash.update(text).update("\0")
  return hash.digest("hex")
}

/** V8's compiled code is kept beside the bundle: another Node builds anew. */
export const inputsOf = (root) => {
  const all = INPUTS.flatMap((path) => files(root, path))
  return digest([process.version, ...all.flatMap((path) => [path, readFileSync(join(root, path))])])
}

/** Names and sizes: whether somebody took something away. */
export const outputsOf = (root) =>
  digest(
    files(root, "dist")
      .filter((path) => path !== "dist/.stamp")
      .map((path) => `${path} ${lstatSync(join(root, path)).size}`)
  )

const stamp = (root) => {
  try {
    return JSON.parse(readFileSync(stampFile(root), "utf8"))
  } catch {
    return {}
  }
}

/** Whether something of what the last build made was taken away or changed; a build that was begun only leaves no stamp. */
export const isDamaged = (root) => {
  const { outputs } = stamp(root)
  return outputs !== undefined && outputs !== outputsOf(root)
}

export const isBuilt = (root) => stamp(root).inputs === inputsOf(root) && !isDamaged(root)
