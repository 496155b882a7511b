/**
 * Finds the one directory for what outlives the gateway: Lingma's login, the database. Every command uses the same one.
 */
import { existsSync, readFileSync } from "node:fs"
import { delimiter, dirname, isAbsolute, join, resolve } from "node:path"
import { fileURLToPath } from "node:url"
import * as CurrentUser from "./CurrentUser.ts"

export interface StateDirectory {
  /** An absolute path. */
  readonly dir: string
  readonly from: "LINGMA_WORK_DIR" | "STATE_DIRECTORY" | "checkout" | "earlier version" | "home"
  /** What LINGMA_WORK_DIR is where it is not set: in that directory. */
  readonly workDir: string
}

export interface Where {
  readonly env: NodeJS.ProcessEnv
  readonly cwd: string
  readonly home: string
  /** The directory of this program's package. */
  readonly root: string | undefined
  readonly platform: string
}

const isOurs = (dir: string): boolean => {
  try {
    return /"name":\s*"lingma-gateway"/.test(readFileSync(join(dir, "package.json"), "utf8"))
  } catch {
    return false
  }
}

/** The bundle lies deeper than this file. */
const packageRoot = (): string | undefined => {
  let dir = dirname(fileURLToPath(import.meta.url))
  for (let up = 0; up < 5; up++, dir = dirname(dir)) if (isOurs(dir)) return dir
  return undefined
}

const here = (): Where => ({
  env: process.env,
  cwd: process.cwd(),
  home: CurrentUser.home(),
  root: packageRoot(),
  platform: process.platform
})

/** Below the home directory, where the system has such things. */
const ofUser = ({ env, home, platform }: Where): string => {
  const named = platform === "win32" ? env["LOCALAPPDATA"] : env["XDG_STATE_HOME"]
  const usual = platform === "win32" ? join(home, "AppData", "Local") : join(home, ".local", "state")
  return join(named !== undefined && isAbsolute(named) ? named : usual, "lingma-gateway")
}

/** Until 0.4 all lay in `data` of the directory that the gateway was started in. */
const earlier = ["lingma", "lingma-emulator", "gateway.db"]
const holdsAny = (dir: string) => earlier.some((name) => existsSync(join(dir, name)))

/** The state directory where LINGMA_WORK_DIR is not set. */
export const find = (where: Where = here()): StateDirectory => {
  const make = (dir: string, from: StateDirectory["from"]) => ({ dir, from, workDir: join(dir, "lingma") })
  // systemd names several where a unit has several; the first is ours.
  const [given = ""] = (where.env["STATE_DIRECTORY"] ?? "").split(delimiter)
  const data = join(where.cwd, "data")
  if (isAbsolute(given)) {
    // A unit that ran an earlier version within its state directory.
    const isEarlier = resolve(given) === resolve(where.cwd) && !holdsAny(given) && holdsAny(data)
    return isEarlier ? make(data, "earlier version") : make(given, "STATE_DIRECTORY")
  }
  const { root } = where
  const checkout = root !== undefined && existsSync(join(root, ".git")) ? join(root, "data") : undefined
  if (data !== checkout && holdsAny(data)) return make(data, "earlier version")
  return checkout === undefined ? make(ofUser(where), "home") : make(checkout, "checkout")
}

/** The state directory that a work directory, as it is set or found, belongs to; for people. */
export const of = (workDir: string, where: Where = here()): StateDirectory => {
  const found = find(where)
  const path = resolve(where.cwd, workDir)
  return path === found.workDir ? found : { dir: path, from: "LINGMA_WORK_DIR", workDir: path }
}

/**
 * The database of a work directory: in it, but beside it for `data/lingma`, where it has always been. An earlier version
 * had it within also there, where the directory was set and written in another way than `data/lingma`.
 */
export const databaseFile = (workDir: string, where: Where = here()): string => {
  const found = find(where)
  const path = resolve(where.cwd, workDir)
  const isData = path === join(where.cwd, "data", "lingma") || (path === found.workDir && found.from === "checkout")
  const [within, beside] = [path, dirname(path)].map((dir) => join(dir, "gateway.db")) as [string, string]
  return isData && (existsSync(beside) || !existsSync(within)) ? beside : within
}
