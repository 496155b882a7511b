/**
 * Keys by their SHA-256: the gateway keeps nothing else of them.
 */
import { hash } from "node:crypto"

/** In hex. */
export const of = (secret: string): string => hash("sha256", secret, "hex")

/** How many numbers of 32 bits a digest is. */
export const WORDS = 8

/** The digest of `secret` as numbers, into `words`: as a text of bytes, which costs less than a buffer. */
export const intoWords = (secret: string, words: Int32Array): void => {
  const bytes = hash("sha256", secret, "binary")
  for (let i = 0; i < WORDS; i++) {
    const at = i * 4
    words[i] =
      bytes.charCodeAt(at) |
      (bytes.charCodeAt(at + 1) << 8) |
      (bytes.charCodeAt(at + 2) << 16) |
      (bytes.charCodeAt(at + 3) << 24)
  }
}

/** Of a digest in hex, as `intoWords` has them. */
export const toWords = (digest: string): Int32Array => {
  const bytes = Buffer.from(digest, "hex")
  return Int32Array.from({ length: WORDS }, (_, i) => bytes.readInt32LE(i * 4))
}

export const isDigest = (text: string): boolean => /^[0-9a-f]{64}$/.test(text)

/** A stable id that does not reveal what it is made of. */
export const idOf = (text: string): string => `key_${hash("sha256", text, "base64url").slice(0, 22)}`
