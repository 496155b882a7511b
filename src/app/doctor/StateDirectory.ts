/**
 * Checks of the state directory: whether it can be made or written, whose it is, and whether another gateway has it.
 */
import { accessSync, constants, existsSync, lstatSync, readdirSync, statSync } from "node:fs"
import { connect } from "node:net"
import { join, resolve } from "node:path"
import { Effect, Option } from "effect"
import * as CurrentUser from "../../config/CurrentUser.ts"
import * as Terminal from "../screen/Terminal.ts"
import type { Facts } from "./Facts.ts"
import { type Finding, fail, ok } from "./Finding.ts"
import * as Machine from "./Machine.ts"

const isWritable = (path: string): boolean => {
  try {
    accessSync(path, constants.W_OK | constants.X_OK)
    return true
  } catch {
    return false
  }
}

const ME = "another directory: LINGMA_WORK_DIR"

/** Undefined where it is not there, also where something above it is a file. */
const statsOf = (path: string) => {
  try {
    return lstatSync(path, { throwIfNoEntry: false })
  } catch {
    return undefined
  }
}

/** Root that takes it would lock out the service whose it is. */
const ownerCure = (uid: number, shown: string) =>
  uid === 0 ? "run it as that user" : `run it as that user, or chown -R ${CurrentUser.name() ?? uid} ${shown}`

/** What is wrong with a directory, or with where it is to be made. */
export const fault = (path: string, shown: string): Finding | undefined => {
  const made = (id: string, what: string, cure: string) =>
    fail(`state.${id}`, "LINGMA_WORK_DIR", `${shown} ${what}`, cure)
  const stats = statsOf(path)
  if (stats === undefined) {
    const above = Machine.nearest(path)
    // It may be a link to one, as /tmp and /var of macOS are.
    if (!statSync(above).isDirectory()) return made("blocked", `cannot be made: ${above} is no directory`, ME)
    return isWritable(above) ? undefined : made("blocked", `cannot be made: ${above} is not writable`, ME)
  }
  if (stats.isSymbolicLink()) return made("link", "is a symbolic link, which is refused", "name the directory itself")
  if (!stats.isDirectory()) return made("file", "is no directory", ME)
  if (process.getuid !== undefined && stats.uid !== process.getuid()) {
    return made("owner", "belongs to another user", ownerCure(process.getuid(), shown))
  }
  return isWritable(path) ? undefined : made("readonly", "is not writable", `chmod u+rwx ${shown}`)
}

const LOCK = /^gateway-(\d+)-[0-9a-f]{12}\.sock$/

/** Pid of the gateway that holds the directory. */
const holder = (dir: string): Effect.Effect<number | undefined> =>
  Effect.suspend(() => {
    const locks = existsSync(dir) ? readdirSync(dir).filter((name) => LOCK.test(name)) : []
    return Effect.map(
      Effect.filter(locks, (name) =>
        Effect.async<boolean>((resume) => {
          const peer = connect(join(dir, name))
          const end = (held: boolean) => {
            peer.destroy()
            resume(Effect.succeed(held))
          }
          peer.once("connect", () => end(true)).once("error", () => end(false))
        })
      ),
      ([first]) => (first === undefined ? undefined : Number(LOCK.exec(first)?.[1]))
    )
  }).pipe(Effect.catchAllDefect(() => Effect.succeed(undefined)))

/** The directory of Lingma's state: the emulator has one of its own. */
export const of = ({ settings }: Pick<Facts, "settings">): string => {
  const dir = resolve(settings.lingmaWorkDir)
  if (settings.attach !== "no") return join(dir, "attached-0")
  return Option.isNone(settings.lingmaBin) ? `${dir}-emulator` : dir
}

/** `isServing`: our gateway runs, maybe as another user, so that the directory is in use by it and in order. */
export const check = Effect.fnUntraced(function* (facts: Facts, isServing: boolean) {
  const path = resolve(facts.settings.lingmaWorkDir)
  const shown = Terminal.short(path, facts.home)
  const own = of(facts)
  const instances = existsSync(path) && lstatSync(path).isDirectory() ? readdirSync(path) : []
  const places = [
    path,
    ...(own === path ? [] : [own]),
    ...instances.filter((name) => /^inst-\d+$/.test(name)).map((name) => join(path, name))
  ]
  const faults = isServing ? [] : places.flatMap((place) => fault(place, Terminal.short(place, facts.home)) ?? [])
  if (faults.length > 0) return faults.slice(0, 1)
  const pid = isServing ? undefined : yield* holder(own)
  if (pid !== undefined) {
    return [
      fail(
        "state.held",
        "LINGMA_WORK_DIR",
        `${shown} is in use by another gateway, pid ${pid}`,
        "stop that one, or ask it: GATEWAY_PORT as it has it"
      )
    ]
  }
  return [ok("state", "state", existsSync(path) || existsSync(own) ? shown : `${shown} (made at the first start)`)]
})
