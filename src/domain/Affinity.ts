/**
 * What ties the requests of one conversation to one instance.
 */
import { createHash } from "node:crypto"
import { Option } from "effect"
import type { Message } from "./Chat.ts"

export interface Signs {
  /** Whose request it is: what ties the requests of one ties nobody else's. */
  readonly caller?: string | undefined
  /** From the `x-session-id` or `session-id` header. */
  readonly sessionId?: string | undefined
  readonly promptCacheKey?: string | undefined
  readonly user?: string | undefined
  readonly messages: ReadonlyArray<Pick<Message, "role" | "text">>
}

/** Characters of a part that tell it from others: its beginning, and as many of its end. */
const ENDS = 1 << 15

const digest = (parts: ReadonlyArray<string>): string => {
  const hash = createHash("sha256")
  for (const part of parts) {
    const ends = part.length <= 2 * ENDS ? part : `${part.slice(0, ENDS)}${part.slice(-ENDS)}`
    // With its length before it, no part can pass for two.
    hash.update(`${part.length}:`).update(ends)
  }
  return hash.digest("hex").slice(0, 32)
}

const named = (kind: string, value: string | undefined, caller: string): Option.Option<string> => {
  const name = value?.trim() ?? ""
  return name === "" ? Option.none() : Option.some(`${kind}:${digest([caller, name])}`)
}

/** The first user message with text and the system texts before it: what does not change as a conversation grows. */
const opening = (messages: Signs["messages"], caller: string): Option.Option<string> => {
  const parts: Array<string> = [caller]
  for (const { role, text } of messages) {
    if ((role !== "system" && role !== "user") || text.trim() === "") continue
    parts.push(role, text.trim())
    if (role === "user") break
  }
  return parts.length === 1 ? Option.none() : Option.some(`open:${digest(parts)}`)
}

/** The first sign that is present; the kinds cannot collide, and every key is short whatever the client sent. */
export const key = ({ caller = "", messages, promptCacheKey, sessionId, user }: Signs): Option.Option<string> =>
  named("session", sessionId, caller).pipe(
    Option.orElse(() => named("cache", promptCacheKey, caller)),
    Option.orElse(() => named("user", user, caller)),
    Option.orElse(() => opening(messages, caller))
  )
