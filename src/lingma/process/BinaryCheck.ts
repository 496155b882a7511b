/**
 * Tells why the file that LINGMA_BIN names cannot be run, with the cure, and which Lingma of this machine can.
 */
import { accessSync, constants, readdirSync, readFileSync, type Stats, statSync } from "node:fs"
import { homedir } from "node:os"
import { delimiter, join } from "node:path"
import * as MachineCode from "./MachineCode.ts"

export interface Fault {
  readonly kind: "missing" | "unreachable" | "directory" | "empty" | "not_executable" | "other_machine"
  /** The path, or the command that was looked for in PATH. */
  readonly path: string
  /** One line: what is wrong and what to do; begins with `LINGMA_BIN`. */
  readonly message: string
  /** Binaries that this machine can run, the best one first. */
  readonly found: ReadonlyArray<string>
}

export interface Where {
  readonly home: string
  readonly env: NodeJS.ProcessEnv
  readonly platform: string
  readonly arch: string
}
/** Without a home, as some containers run it, there is nothing below it. */
const here = (): Where => ({
  home: attempt(homedir) ?? "/",
  env: process.env,
  platform: process.platform,
  arch: process.arch
})

const attempt = <A>(read: () => A): A | undefined => {
  try {
    return read()
  } catch {
    return undefined
  }
}
const statsOf = (path: string): Stats | undefined => attempt(() => statSync(path))
/** It may be there: a directory above it is closed to this user, as /home is to a systemd unit. */
const isHidden = (path: string): boolean => {
  try {
    return statSync(path) === undefined
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "EACCES"
  }
}
const isExecutable = (path: string) => attempt(() => accessSync(path, constants.X_OK) ?? true) === true

const isBinary = (name: string) => /^(?:Lingma|QoderCN)(?:\.exe)?$/i.test(name)
/** Deep enough for an IDE: `resources/app/resources/bin/x86_64_linux/Lingma`. */
const DEEPEST = 6
const MOST_DIRECTORIES = 200
/** Directories on the way to a binary: others, such as a work directory's cache, may be large. */
const isOnTheWay = (name: string) =>
  /^(?:bin|app|resources|contents|dist|vscode|lingma|qodercn|v?\d+(?:\.\d+)+|(?:x86_64|aarch64|arm64|amd64)_\w+)$/i.test(
    name
  )

/** Files below a directory that are called as Lingma is. */
const below = (root: string): ReadonlyArray<string> => {
  const found: Array<string> = []
  let left = MOST_DIRECTORIES
  const walk = (dir: string, depth: number): void => {
    if (depth > DEEPEST || left-- <= 0) return
    for (const entry of attempt(() => readdirSync(dir, { withFileTypes: true })) ?? []) {
      const path = join(dir, entry.name)
      if (isBinary(entry.name) && statsOf(path)?.isFile() === true) found.push(path)
      else if (isOnTheWay(entry.name) && (depth === 0 || entry.isDirectory())) walk(path, depth + 1)
    }
  }
  walk(root, 0)
  return found
}

/** Where Lingma's installers and IDEs put it, and where docs/operations.md says to put it on a server. */
export const usualPlaces = ({ env, home, platform }: Where = here()): ReadonlyArray<string> => {
  const own = [".lingma", ".qodercn", ".qoder-cn"].map((name) => join(home, name))
  if (platform === "darwin") {
    const apps = ["Lingma", "QoderCN", "Qoder CN"].map((name) => `/Applications/${name}.app/Contents`)
    return [...own, ...apps]
  }
  if (platform === "win32") {
    const programs = [env["LOCALAPPDATA"] && join(env["LOCALAPPDATA"], "Programs"), env["ProgramFiles"]]
    const ides = ["Lingma", "QoderCN", "Qoder CN"]
    return [...own, ...programs.flatMap((root) => (root ? ides.map((name) => join(root, name)) : []))]
  }
  const shared = ["/opt", "/usr/share", "/usr/lib"]
  const ides = ["lingma", "qodercn", "qoder-cn"]
  return [...own, ...shared.flatMap((root) => ides.map((name) => join(root, name)))]
}

/** `2.11.1` and the like in a path, for comparison. */
const versionOf = (path: string): ReadonlyArray<number> =>
  (/[\\/]v?(\d+(?:\.\d+)+)[\\/]/.exec(path)?.[1] ?? "").split(".").map(Number)
const isNewer = (a: string, b: string): number => {
  const [left, right] = [versionOf(a), versionOf(b)]
  for (let i = 0; i < Math.max(left.length, right.length); i++) {
    const by = (right[i] ?? 0) - (left[i] ?? 0)
    if (by !== 0) return by
  }
  return 0
}

const fits = (path: string, where: Where): boolean => {
  const head = MachineCode.headOf(path)
  const machine = head === undefined ? undefined : MachineCode.of(head)
  return isExecutable(path) && (machine === undefined || MachineCode.runsOn(machine, where))
}

/** The version that Lingma's own updater has made the current one. */
const current = (root: string): string | undefined =>
  attempt(() => /"cosy\.core\.version"\s*:\s*"([\w.]+)"/.exec(readFileSync(join(root, "bin/config.json"), "utf8"))?.[1])

/** Binaries in `roots` that this machine can run: the current version of each first, then the newest. */
export const search = (roots: ReadonlyArray<string>, where: Where = here()): ReadonlyArray<string> =>
  roots.flatMap((root) => {
    const version = current(root)
    const isCurrent = (path: string) => version !== undefined && path.includes(version)
    return below(root)
      .filter((path) => fits(path, where))
      .sort((a, b) => Number(isCurrent(b)) - Number(isCurrent(a)) || isNewer(a, b))
  })

const shortened = (path: string, { home }: Where) =>
  path.startsWith(join(home, "/")) ? `~${path.slice(home.length)}` : path

/** What of a path is there, or of a bare command in PATH. */
const locate = (command: string, { env }: Where) => {
  const isPath = /[\\/]/.test(command)
  const places = isPath ? [command] : (env["PATH"] ?? "").split(delimiter).map((dir) => join(dir, command))
  const there = places.flatMap((path) => {
    const stats = statsOf(path)
    return stats === undefined || (!isPath && !stats.isFile()) ? [] : [{ path, stats }]
  })
  return there.find(({ path, stats }) => stats.isFile() && isExecutable(path)) ?? there[0]
}

/** The fault of the binary, if it has one that can be seen without running it. */
export const check = (command: string, where: Where = here()): Fault | undefined => {
  const at = locate(command, where)
  const make = (kind: Fault["kind"], what: string, cure: (found: ReadonlyArray<string>) => string): Fault => {
    const roots = kind === "directory" ? [command] : usualPlaces(where)
    const found = search(roots, where).map((path) => shortened(path, where))
    return {
      kind,
      path: at?.path ?? command,
      message: `LINGMA_BIN: ${at?.path ?? command} ${what}. ${cure(found)}`,
      found
    }
  }
  const otherwise = (found: ReadonlyArray<string>) =>
    found[0] === undefined
      ? "No Lingma was found in the usual places (~/.lingma/bin, /opt/lingma): install it, or copy its binary there"
      : `Found ${found[0]}`
  if (at === undefined && isHidden(command))
    return make(
      "unreachable",
      "may not be looked at by this user",
      () => "Put it where the gateway may read it, such as /opt/lingma"
    )
  if (at === undefined) return make("missing", "does not exist", otherwise)
  if (at.stats.isDirectory())
    return make("directory", "is a directory", ([first]) =>
      first === undefined ? "Name the file: …/bin/VERSION/PLATFORM/Lingma" : `The binary in it is ${first}`
    )
  if (!at.stats.isFile()) return make("missing", "is no file", otherwise)
  if (at.stats.size === 0) return make("empty", "is empty", otherwise)
  if (!isExecutable(at.path)) return make("not_executable", "is not executable", () => `Run chmod +x ${at.path}`)
  const head = MachineCode.headOf(at.path)
  const machine = head === undefined ? undefined : MachineCode.of(head)
  if (machine === undefined || MachineCode.runsOn(machine, where)) return undefined
  const built = MachineCode.named(machine.platform, machine.arches)
  const own = MachineCode.named(where.platform, [where.arch])
  return make("other_machine", `is built for ${built}, this machine is ${own}`, otherwise)
}
