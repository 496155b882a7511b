/**
 * The work directory in Lingma's layout: `.info.json`, `.info`, `cache/`, `logs/`. Logins are stored nowhere else.
 */
import { randomBytes, randomUUID } from "node:crypto"
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
  writeSync
} from "node:fs"
import { join } from "node:path"
import * as Account from "./Account.ts"

export interface WorkDir {
  readonly machineId: string
  /** Whether this start created the machine id, so nobody has logged in or out yet. */
  readonly isNew: boolean
  /** Number of starts in this directory. */
  readonly starts: number
  readonly log: (line: string) => void
  readonly readAccount: () => Account.Account | undefined
  readonly writeAccount: (account: Account.Account | undefined) => void
  readonly writeInfo: (websocketPort: number, ipcPath: string) => void
}

const read = (path: string): string | undefined => {
  try {
    return readFileSync(path, "utf8")
  } catch {
    return undefined
  }
}

const write = (path: string, text: string): void => {
  const temporary = `${path}.${process.pid}.tmp`
  writeFileSync(temporary, text, { mode: 0o600 })
  chmodSync(temporary, 0o600)
  renameSync(temporary, path)
}

/** Reads the login without modifying anything, for `status`. */
export const peek = (dir: string): Account.Account | undefined => {
  const machineId = read(join(dir, "cache", "id"))?.trim()
  const sealed = read(join(dir, "cache", "user"))
  return machineId === undefined || sealed === undefined ? undefined : Account.unseal(sealed, machineId)
}

export const open = (dir: string, copyDataDir: string | undefined): WorkDir => {
  const cache = join(dir, "cache")
  const idFile = join(cache, "id")
  const userFile = join(cache, "user")
  const startsFile = join(cache, "starts")
  mkdirSync(cache, { recursive: true, mode: 0o700 })
  mkdirSync(join(dir, "logs"), { recursive: true, mode: 0o700 })
  if (copyDataDir !== undefined && !existsSync(idFile) && existsSync(join(copyDataDir, "cache"))) {
    cpSync(join(copyDataDir, "cache"), cache, { recursive: true })
  }
  const found = read(idFile)?.trim()
  const isNew = found === undefined || found.length < 16
  const machineId = isNew ? randomUUID() : found
  if (isNew) write(idFile, machineId)
  if (!existsSync(join(cache, "machine_token.json"))) {
    const token = { token: randomBytes(32).toString("base64url"), type: "machine", updateAt: Date.now() }
    write(join(cache, "machine_token.json"), JSON.stringify(token))
  }
  const starts = (Number(read(startsFile)) || 0) + 1
  write(startsFile, String(starts))
  const logFile = openSync(join(dir, "logs", "lingma.log"), "a", 0o600)
  const log = (line: string): void => {
    const stamped = `${new Date().toISOString()} ${line}\n`
    try {
      writeSync(logFile, stamped)
    } catch {
      // Ignored: a full disk must not end the process.
    }
    if (!process.stdout.writableNeedDrain) process.stdout.write(stamped)
  }
  log(`using machine id from file: ${machineId}`)
  return {
    machineId,
    isNew,
    starts,
    log,
    readAccount: () => {
      const sealed = read(userFile)
      return sealed === undefined ? undefined : Account.unseal(sealed, machineId)
    },
    writeAccount: (account) =>
      account === undefined ? rmSync(userFile, { force: true }) : write(userFile, Account.seal(account, machineId)),
    writeInfo: (websocketPort, ipcServerPath) => {
      const info = { websocketPort, pid: process.pid, ipcServerPath, isDev: false }
      write(join(dir, ".info.json"), JSON.stringify(info))
      write(join(dir, ".info"), `${websocketPort}\n${process.pid}\n${ipcServerPath}\n`)
    }
  }
}
