/**
 * Tells for which machine a program was built, from the first bytes of its file.
 */
import { closeSync, openSync, readSync } from "node:fs"

export interface Machine {
  readonly platform: "linux" | "darwin" | "win32"
  /** As `process.arch` names them; undefined for one that has no name there. */
  readonly arches: ReadonlyArray<string | undefined>
}

const elf: Record<number, string> = { 3: "ia32", 40: "arm", 62: "x64", 183: "arm64", 243: "riscv64" }
const mach: Record<number, string> = { 16777223: "x64", 16777228: "arm64" }
const pe: Record<number, string> = { 332: "ia32", 34404: "x64", 43620: "arm64" }

/** Node's own heads fit, and so do those of compilers. */
const HEAD = 4096
/** A universal binary has a few parts; a Java class begins alike, but with a larger number. */
const MOST_PARTS = 8

/** Undefined for a script, or anything else whose machine its head does not tell. */
export const of = (head: Buffer): Machine | undefined => {
  if (head.length < 64) return undefined
  const magic = head.readUInt32BE(0)
  if (magic === 0x7f454c46) {
    const machine = head[5] === 2 ? head.readUInt16BE(18) : head.readUInt16LE(18)
    return { platform: "linux", arches: [elf[machine]] }
  }
  if (magic === 0xcffaedfe) return { platform: "darwin", arches: [mach[head.readUInt32LE(4)]] }
  if (magic === 0xcafebabe) {
    const parts = head.readUInt32BE(4)
    if (parts === 0 || parts > MOST_PARTS) return undefined
    const arches = Array.from({ length: parts }, (_, i) => mach[head.readUInt32BE(8 + i * 20)])
    return { platform: "darwin", arches }
  }
  if (head.readUInt16BE(0) === 0x4d5a) {
    const at = head.readUInt32LE(60)
    return at + 6 <= head.length && head.readUInt32BE(at) === 0x50450000
      ? { platform: "win32", arches: [pe[head.readUInt16LE(at + 4)]] }
      : undefined
  }
  return undefined
}

/** The head of a file; undefined where it cannot be read, which may be so although it can be run. */
export const headOf = (path: string): Buffer | undefined => {
  let file: number | undefined
  try {
    file = openSync(path, "r")
    const head = Buffer.alloc(HEAD)
    return head.subarray(0, readSync(file, head, 0, HEAD, 0))
  } catch {
    return undefined
  } finally {
    if (file !== undefined) closeSync(file)
  }
}

/** Processors whose programs another one runs as well, by itself or by what its system brings. */
const alsoRuns: Record<string, ReadonlyArray<string>> = {
  "linux x64": ["ia32"],
  "linux arm64": ["arm"],
  "darwin arm64": ["x64"],
  "win32 x64": ["ia32"],
  "win32 arm64": ["x64", "ia32"]
}

/** Where the processor is one without a name, nothing is said. */
export const runsOn = ({ arches, platform }: Machine, at: { platform: string; arch: string }): boolean => {
  const able: ReadonlyArray<string | undefined> = [undefined, at.arch, ...(alsoRuns[`${at.platform} ${at.arch}`] ?? [])]
  return platform === at.platform && arches.some((arch) => able.includes(arch))
}

const systems: Record<string, string> = { linux: "Linux", darwin: "macOS", win32: "Windows" }

/** For people, such as `arm64 macOS`. */
export const named = (platform: string, arches: ReadonlyArray<string | undefined>): string =>
  `${arches.map((arch) => arch ?? "another processor's").join("/")} ${systems[platform] ?? platform}`
