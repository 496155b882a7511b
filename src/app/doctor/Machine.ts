/**
 * Checks of the machine: Node, the disk under the state directory, the clock, proxies of the environment.
 */
import { existsSync, readdirSync, statfsSync, statSync } from "node:fs"
import { dirname, join, resolve } from "node:path"
import { Clock, Effect } from "effect"
import * as Terminal from "../screen/Terminal.ts"
import type { Facts } from "./Facts.ts"
import { type Finding, fail, ok, warn } from "./Finding.ts"

/** As `engines` of the package says. */
const OLDEST = [20, 19] as const

export const node = (version: string): Finding => {
  const [major = 0, minor = 0] = version.split(".").map(Number)
  const isOld = major < OLDEST[0] || (major === OLDEST[0] && minor < OLDEST[1])
  return isOld
    ? fail("node.old", "Node", `${version} is too old`, `Node ${OLDEST.join(".")} or newer`)
    : ok("node", "Node", `${major}.${minor}`)
}

const MEBIBYTE = 1024 * 1024
const FULL = 20 * MEBIBYTE
const TIGHT = 200 * MEBIBYTE

export interface Disk {
  readonly bavail: number
  readonly bsize: number
  readonly files: number
  readonly ffree: number
}

/** The directory itself, or the closest one above it that is there. */
export const nearest = (path: string): string => {
  const full = resolve(path)
  return existsSync(full) || dirname(full) === full ? full : nearest(dirname(full))
}

export const disk = (where: string, { bavail, bsize, ffree, files }: Disk): Finding => {
  const free = bavail * bsize
  const size = free < 1024 * MEBIBYTE ? `${Math.floor(free / MEBIBYTE)} MB` : `${Math.floor(free / MEBIBYTE / 1024)} GB`
  const left = `${size} free at ${where}`
  const cure = "free some space, or move the state: LINGMA_WORK_DIR"
  if (files > 0 && ffree < 50) return fail("disk.inodes", "disk", `no more files can be made at ${where}`, cure)
  if (free < FULL) return fail("disk.full", "disk", left, cure)
  return free < TIGHT ? warn("disk.tight", "disk", left, cure) : ok("disk", "disk", left)
}

/** No gateway of this version was there before. */
const EARLIEST = Date.UTC(2026, 0, 1)
const TOLERANCE = 10 * 60_000

/** `newest`: when a file of ours was written last. */
export const clock = (now: number, newest: { readonly path: string; readonly at: number } | undefined): Finding => {
  const at = new Date(now).toISOString().slice(0, 16)
  const cure = "set it: timedatectl set-ntp true"
  if (now < EARLIEST) return fail("clock.past", "clock", `it is ${at}: signing in and TLS fail`, cure)
  return newest !== undefined && newest.at > now + TOLERANCE
    ? warn("clock.back", "clock", `it is ${at}, but ${newest.path} was written later`, cure)
    : ok("clock", "clock", `${at.replace("T", " ")} UTC`)
}

const newestIn = (dir: string) => {
  try {
    return readdirSync(dir)
      .slice(0, 200)
      .map((name) => ({ path: join(dir, name), at: statSync(join(dir, name)).mtimeMs }))
      .sort((a, b) => b.at - a.at)[0]
  } catch {
    return undefined
  }
}

/** Clients send what goes to this machine to a proxy, unless they are told not to. */
export const proxies = (env: NodeJS.ProcessEnv): ReadonlyArray<Finding> => {
  const of = (name: string) => env[name] ?? env[name.toLowerCase()] ?? ""
  const given = ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"].filter((name) => of(name) !== "")
  const wrong = given.filter((name) => !/^[a-z][a-z0-9+.-]*:\/\//i.test(of(name)) || !URL.canParse(of(name)))
  const findings = wrong.map((name) => warn("proxy.url", name, "is no URL", `${name}=http://host:port`))
  const spared = of("NO_PROXY").split(/[,\s]+/)
  const isSpared = spared.some((one) => ["*", "127.0.0.1", "localhost", "127.0.0.0/8"].includes(one))
  return given.includes("HTTP_PROXY") && !isSpared
    ? [
        ...findings,
        warn(
          "proxy.loopback",
          "HTTP_PROXY",
          "takes what clients send to this machine, too",
          "NO_PROXY=127.0.0.1,localhost"
        )
      ]
    : findings
}

export const check = ({ env, home, settings }: Facts) =>
  Effect.map(Clock.currentTimeMillis, (now): ReadonlyArray<Finding> => {
    const dir = nearest(settings.lingmaWorkDir)
    const newest = existsSync(settings.lingmaWorkDir) ? newestIn(settings.lingmaWorkDir) : undefined
    return [
      node(process.versions.node),
      disk(Terminal.short(dir, home), statfsSync(dir)),
      clock(now, newest === undefined ? undefined : { ...newest, path: Terminal.short(newest.path, home) }),
      ...proxies(env)
    ]
  })
