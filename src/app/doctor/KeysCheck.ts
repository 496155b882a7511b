/**
 * Checks of the keys: the file of keys, short ones, ones that open more than they should.
 */
import { Effect, Either, Option, Redacted } from "effect"
import { isLoopback } from "../../config/Config.ts"
import * as KeyFile from "../../team/keys/KeyFile.ts"
import type { Facts } from "./Facts.ts"
import { type Finding, fail, ok, warn } from "./Finding.ts"

const SHORTEST = 16
const MAKE = "openssl rand -hex 24, or lingma-gateway keys add NAME"

export const check = Effect.fnUntraced(function* ({ settings }: Facts) {
  const { adminKeys, allowOpen, apiKeys, databaseUrl, host, keysFile } = settings
  const findings: Array<Finding> = []
  const path = Option.getOrUndefined(keysFile)
  const read = path === undefined ? undefined : yield* Effect.either(KeyFile.read(path))
  if (read !== undefined && Either.isLeft(read)) {
    findings.push(
      fail(
        "keys.file",
        "KEYS_FILE",
        read.left.message.replace(/^KEYS_FILE:? ?/, ""),
        "correct the file; see docs/keys.md"
      )
    )
  }
  for (const [name, keys] of [
    ["API_KEYS", apiKeys],
    ["ADMIN_KEYS", adminKeys]
  ] as const) {
    const short = keys.filter((key) => Redacted.value(key).length < SHORTEST).length
    if (short > 0) findings.push(warn("keys.short", name, `${short} shorter than ${SHORTEST} characters`, MAKE))
  }
  const open = new Set(apiKeys.map(Redacted.value))
  if (adminKeys.some((key) => open.has(Redacted.value(key)))) {
    findings.push(warn("keys.shared", "ADMIN_KEYS", "holds a key of API_KEYS, so that a client administers", MAKE))
  }
  const inFile = read !== undefined && Either.isRight(read) ? read.right.length : 0
  const isOpen = apiKeys.length + inFile === 0 && path === undefined
  if (isOpen && allowOpen && !isLoopback(host) && databaseUrl._tag === "Memory") {
    findings.push(warn("keys.open", "GATEWAY_ALLOW_OPEN", "lets everybody who reaches this machine in", "set API_KEYS"))
  }
  if (findings.length > 0) return findings
  const count = apiKeys.length + inFile
  const what =
    count > 0
      ? `${count} by settings`
      : isLoopback(host)
        ? "none in the settings (open to this machine only)"
        : "those of the database"
  return [ok("keys", "keys", what)]
})
