/**
 * Rules between settings that are each valid by themselves.
 */
import { Option } from "effect"
import type { DatabaseUrl } from "./DatabaseUrl.ts"
import type { Attach } from "./SettingRules.ts"

interface Related {
  readonly host: string
  readonly apiKeys: ReadonlyArray<unknown>
  readonly allowOpen: boolean
  readonly keysFile: Option.Option<string>
  readonly databaseUrl: DatabaseUrl
  readonly bodyLimitMb: number
  readonly bodiesLimitMb: number
  readonly bodiesPerKeyMb: number
  readonly instanceCount: Option.Option<number>
  readonly accounts: ReadonlyArray<unknown>
  readonly username: Option.Option<unknown>
  readonly password: Option.Option<unknown>
  readonly attach: Attach
  readonly lingmaBin: Option.Option<string>
  readonly tokenCounter: string
  readonly tokenCounterFile: Option.Option<string>
}

const loopback = new Set(["127.0.0.1", "localhost", "::1", "[::1]"])
export const isLoopback = (host: string): boolean =>
  loopback.has(host.toLowerCase()) || /^127\.\d+\.\d+\.\d+$/.test(host)

/** Keys may also come from elsewhere; whether there is one is seen when they are read. */
const mayHaveKeys = ({ apiKeys, databaseUrl, keysFile }: Related): boolean =>
  apiKeys.length > 0 || Option.isSome(keysFile) || databaseUrl._tag === "Sqlite" || databaseUrl._tag === "Postgres"

/** The message of the first violated rule, if any. */
export const find = (all: Related): string | undefined => {
  const wanted = Option.getOrElse(all.instanceCount, () => 1)
  const given = all.accounts.length > 0 ? all.accounts.length : Option.isSome(all.username) ? 1 : 0
  if (!isLoopback(all.host) && !mayHaveKeys(all) && !all.allowOpen)
    return "GATEWAY_HOST must be a loopback address unless API_KEYS is set, or KEYS_FILE, or DATABASE_URL (or GATEWAY_ALLOW_OPEN=true)"
  if (Option.isSome(all.username) !== Option.isSome(all.password))
    return "LINGMA_USERNAME and LINGMA_PASSWORD must be set together"
  if (all.accounts.length > 0 && Option.isSome(all.username))
    return "LINGMA_ACCOUNTS must not be set beside LINGMA_USERNAME"
  if (given > 0 && wanted > given) return "LINGMA_INSTANCE_COUNT must not be more than there are accounts"
  if (all.attach !== "no" && Option.isSome(all.lingmaBin)) return "LINGMA_ATTACH must not be set beside LINGMA_BIN"
  if ((all.tokenCounter === "qwen") !== Option.isSome(all.tokenCounterFile))
    return "TOKEN_COUNTER_FILE must be set for TOKEN_COUNTER=qwen, and for it alone"
  if (all.bodiesPerKeyMb < all.bodyLimitMb)
    return "GATEWAY_BODIES_PER_KEY_MB must not be less than GATEWAY_BODY_LIMIT_MB"
  if (all.bodiesLimitMb < all.bodiesPerKeyMb)
    return "GATEWAY_BODIES_LIMIT_MB must not be less than GATEWAY_BODIES_PER_KEY_MB"
  return undefined
}
