/**
 * A digest of the settings that hosts behind one balancer should share: all but secrets and what belongs to a host.
 */
import { createHash } from "node:crypto"
import { fields, type Settings } from "./Config.ts"

/** Addresses, files and accounts are a host's own. */
const own =
  /^(?:GATEWAY_(?:HOST|PORT|HOST_ID|ALLOWED_HOSTS)|LINGMA_(?!MAX_IN_FLIGHT|AGENT).*|AUTO_LOGIN_.*|KEYS_FILE|TOKEN_COUNTER_FILE|LOG_.*|OTEL_.*)$/

const shared = fields.filter(([, { name, secret }]) => secret !== true && !own.test(name))

/** Patterns would be told as empty objects. */
const plain = (_: string, value: unknown) => (value instanceof RegExp ? String(value) : value)

export const of = (settings: Settings): string =>
  createHash("sha256")
    .update(
      JSON.stringify(
        shared.map(([field, { name }]) => [name, settings[field]]),
        plain
      )
    )
    .digest("hex")
    .slice(0, 12)
