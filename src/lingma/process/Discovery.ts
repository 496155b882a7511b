/**
 * Finds a Lingma that an IDE already runs, by the `.info.json` or `.info` file in its cache directory.
 */
import { readFile } from "node:fs/promises"
import { homedir } from "node:os"
import { isAbsolute, join } from "node:path"
import { Effect, Option, Schema } from "effect"

const Info = Schema.parseJson(Schema.Struct({ websocketPort: Schema.Int, pid: Schema.optional(Schema.Int) }))
type Info = typeof Info.Type

const caches = ["SharedClientCache", "sharedClientCache"]
const products = ["QoderCN", "Qoder CN", "com.qodercn.app.stable", "Qoder", "com.qoder.app.stable", "Lingma", "lingma"]

/** Directories to search, in order. */
export const places = (env: NodeJS.ProcessEnv, home: string): ReadonlyArray<string> => {
  const roots = [
    env["XDG_CONFIG_HOME"] || join(home, ".config"),
    join(home, "Library", "Application Support"),
    env["APPDATA"],
    env["LOCALAPPDATA"],
    env["ProgramData"]
  ].flatMap((root) => (root !== undefined && isAbsolute(root) ? [root] : []))
  const dotted = [".qodercn", ".qodercn/vscode", ".qoder-cn/vscode", ".lingma", ".lingma/vscode"].map((name) =>
    join(home, name)
  )
  const owners = [...products.flatMap((product) => roots.map((root) => join(root, product))), ...dotted]
  // These contain the info file directly.
  const plain = [".qoder-cn/shared_client", ".lingma"].map((name) => join(home, name))
  return [...owners.flatMap((owner) => caches.map((cache) => join(owner, cache))), ...plain]
}

const decode = Schema.decodeUnknownOption(Info)

/** The older `.info` file: port, pid and pipe, one per line. */
const fromLines = (text: string): Option.Option<Info> => {
  const [port = "", pid = ""] = text.split(/\r?\n/)
  return /^\d+$/.test(port.trim())
    ? decode(JSON.stringify({ websocketPort: Number(port), ...(/^\d+$/.test(pid.trim()) ? { pid: Number(pid) } : {}) }))
    : Option.none()
}

/** Signal 0 only checks for the process; EPERM means that it runs as another user. */
const isAlive = (pid: number): boolean => {
  try {
    return process.kill(pid, 0)
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "EPERM"
  }
}

const read = (path: string) => Effect.option(Effect.tryPromise(() => readFile(path, "utf8")))

const look = (place: string): Effect.Effect<Option.Option<Info>> =>
  Effect.all([read(join(place, ".info.json")), read(join(place, ".info"))]).pipe(
    Effect.map(([json, lines]) =>
      Option.orElse(Option.flatMap(json, decode), () => Option.flatMap(lines, fromLines)).pipe(
        Option.filter(({ pid }) => pid === undefined || isAlive(pid))
      )
    )
  )

export interface Found {
  readonly url: string
  /** Directory of the info file. */
  readonly place: string
}

/** The first one whose process is running. */
export const searchIn = (where: ReadonlyArray<string>): Effect.Effect<Found | undefined> =>
  Effect.firstSuccessOf(
    where.map((place) => Effect.map(Effect.flatten(look(place)), ({ websocketPort }) => ({ websocketPort, place })))
  ).pipe(
    Effect.map(({ place, websocketPort }) => ({ url: `ws://127.0.0.1:${websocketPort}/`, place })),
    Effect.orElseSucceed(() => undefined)
  )

/** A container may run it by a number that has no home. */
const home = Effect.catchAllDefect(Effect.sync(homedir), () => Effect.succeed("/"))

export const search: Effect.Effect<Found | undefined> = Effect.flatMap(home, (dir) =>
  searchIn(places(process.env, dir))
)
