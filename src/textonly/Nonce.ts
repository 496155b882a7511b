/**
 * The random token in the turn and result markers of a prompt, so that content cannot forge a marker.
 *
 * It stays the same while a conversation grows, so that an upstream's prompt cache still matches; if the content
 * contains it, another one is used (see `Prompt.render`).
 */
import { createHmac, randomBytes } from "node:crypto"
import { Option } from "effect"

/** Candidates for one request: the n-th is used if the content contains all previous ones. */
export type Nonces = (attempt: number) => string

/** Guessing takes some two billion tries, at a cost of few prompt tokens. */
const LENGTH = 6

/** Derived from a secret of the process, so nonces seen before a restart are useless after it. */
export const make =
  (secret: Uint8Array = randomBytes(16)) =>
  (affinity: Option.Option<string>): Nonces =>
  (attempt) => {
    const digest = createHmac("sha256", secret)
      .update(`${attempt}:${Option.getOrElse(affinity, () => "")}`)
      .digest()
    return digest.readUIntBE(0, LENGTH).toString(36).padStart(LENGTH, "0").slice(-LENGTH)
  }
