/**
 * The routing key of a request: requests of one conversation get the same key, and so the same instance.
 */
import { createHash } from "node:crypto"
import { Option } from "effect"
import { anonymous } from "./keys/Caller.ts"

export interface Signs {
  /** The id of the caller: equal hints of two callers give different keys. */
  readonly caller?: string | undefined
  /** From the `x-session-id` or `session-id` header. */
  readonly sessionId?: string | undefined
  readonly promptCacheKey?: string | undefined
  readonly user?: string | undefined
  readonly messages: ReadonlyArray<{ readonly role: string; readonly text: string }>
}

/** Characters hashed at each end of a long text; the middle is left out. */
const ENDS = 1 << 15

const digest = (parts: ReadonlyArray<string>): string => {
  const hash = createHash("sha256")
  for (const part of parts) {
    const ends = part.length <= 2 * ENDS ? part : `${part.slice(0, ENDS)}${part.slice(-ENDS)}`
    // The length prefix keeps two adjacent parts from hashing like one.
    hash.update(`${part.length}:`).update(ends)
  }
  return hash.digest("hex").slice(0, 32)
}

const named = (kind: string, value: string | undefined, caller: string): Option.Option<string> => {
  const name = value?.trim() ?? ""
  return name === "" ? Option.none() : Option.some(`${kind}:${digest([caller, name])}`)
}

/** Hash of the system texts and the first user message with text: constant while a conversation grows. */
const opening = (messages: Signs["messages"], caller: string): Option.Option<string> => {
  const parts: Array<string> = [caller]
  for (const { role, text } of messages) {
    if ((role !== "system" && role !== "user") || text.trim() === "") continue
    parts.push(role, text.trim())
    if (role === "user") break
  }
  return parts.length === 1 ? Option.none() : Option.some(`open:${digest(parts)}`)
}

/**
 * From the first hint that is present: session id, prompt cache key, user, opening messages. Keys of different kinds
 * never collide, and every key is short.
 */
export const key = ({
  caller = anonymous.id,
  messages,
  promptCacheKey,
  sessionId,
  user
}: Signs): Option.Option<string> =>
  named("session", sessionId, caller).pipe(
    Option.orElse(() => named("cache", promptCacheKey, caller)),
    Option.orElse(() => named("user", user, caller)),
    Option.orElse(() => opening(messages, caller))
  )
