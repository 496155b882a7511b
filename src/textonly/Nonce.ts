/**
 * The word that marks of turns and results carry in a prompt, so that no content can forge one.
 *
 * It stays the same while a conversation grows, so that what an upstream has cached of the prompt still fits; a
 * content that holds it all the same gets another (see `Prompt.render`).
 */
import { createHmac, randomBytes } from "node:crypto"
import { Option } from "effect"

/** Candidates for one request: the n-th is asked for when the content holds all before. */
export type Nonces = (attempt: number) => string

/** As many characters as a guess would need some two billion tries for, in few tokens. */
const LENGTH = 6

/** By a secret of the process: what was said to a model before a restart tells nothing after it. */
export const make =
  (secret: Uint8Array = randomBytes(16)) =>
  (affinity: Option.Option<string>): Nonces =>
  (attempt) => {
    const digest = createHmac("sha256", secret)
      .update(`${attempt}:${Option.getOrElse(affinity, () => "")}`)
      .digest()
    return digest.readUIntBE(0, LENGTH).toString(36).padStart(LENGTH, "0").slice(-LENGTH)
  }
