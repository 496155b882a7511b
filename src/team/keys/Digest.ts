/**
 * Keys by their SHA-256: the gateway keeps nothing else of them.
 */
import { hash } from "node:crypto"

/** In hex. */
export const of = (secret: string): string => hash("sha256", secret, "hex")

export const isDigest = (text: string): boolean => /^[0-9a-f]{64}$/.test(text)

/** A stable id that does not reveal what it is made of. */
export const idOf = (text: string): string => `key_${hash("sha256", text, "base64url").slice(0, 22)}`
