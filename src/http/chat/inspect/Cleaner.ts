/**
 * Copies what is kept of a request, within a bound of bytes: secrets are masked, pictures and documents give way to
 * their size, and what was left out says so.
 */
import * as Masked from "../../../domain/inspect/Masked.ts"

const DEPTH = 64
const LONGEST_NAME = 256
/** Per value, beside its text. */
const EACH = 8
/** A text of nothing but base64 as long as this is no text. */
const LONG = 512
/** A secret that was cut in its middle would not be known as one. */
const LAST_WORD = 256

const sizeOf = (base64: string) => Math.floor((base64.length * 3) / 4)
const label = (type: string, base64: string) => `(${type}, ${sizeOf(base64).toLocaleString("en-US")} bytes left out)`

const DATA_URL = /data:([\w/+.-]{1,100})(?:;[\w=.-]{1,60}){0,3};base64,([\w+/=%-]{16,})/gi

const isBase64 = (text: string) => text.length >= LONG && /^[\w+/-]+={0,2}$/.test(text)

/** Whose `data` is a picture, a document or a sound, however small. */
const isOfMedia = (given: object) =>
  "media_type" in given || "format" in given || ("type" in given && given.type === "base64")

/** At most so many bytes, and no half of a word. */
const cut = (text: string, bytes: number): string => {
  const head = Buffer.from(text.slice(0, bytes))
    .subarray(0, bytes)
    .toString("utf8")
    .replace(/\uFFFD$/, "")
  const word = /\S{1,256}$/.exec(head.slice(-LAST_WORD))?.[0].length ?? 0
  return head.slice(0, head.length - word)
}

export class Cleaner {
  #left: number
  readonly #known: ReadonlyArray<string>
  secrets = 0
  /** Pictures and documents that were left out. */
  pictures = 0
  isCut = false

  /** `known`: secrets that are masked as they stand. */
  constructor(bytes: number, known: ReadonlyArray<string>) {
    this.#left = bytes
    this.#known = known
  }

  text(given: string): string {
    if (isBase64(given)) {
      this.pictures++
      return this.#counted(label("base64", given))
    }
    const plain = given.includes(";base64,")
      ? given.replace(DATA_URL, (_, type: string, data: string) => {
          this.pictures++
          return label(type, data)
        })
      : given
    const left = Math.max(0, this.#left)
    // A character takes three bytes at most.
    const isFitting = plain.length * 3 <= left || Buffer.byteLength(plain) <= left
    const kept = isFitting ? plain : cut(plain, left)
    const masked = Masked.text(kept, this.#known)
    this.secrets += masked.secrets
    this.#counted(kept)
    if (isFitting) return masked.value
    this.isCut = true
    return `${masked.value}… (${(plain.length - kept.length).toLocaleString("en-US")} characters more)`
  }

  #counted(text: string): string {
    this.#left -= Buffer.byteLength(text) + EACH
    return text
  }

  /** Of any JSON. */
  value(given: unknown, depth = 0): unknown {
    if (typeof given === "string") return this.text(given)
    this.#left -= EACH
    if (typeof given !== "object" || given === null) return given
    if (depth >= DEPTH || this.#left <= 0) return this.#leftOut()
    return Array.isArray(given) ? this.#list(given, depth) : this.#object(given, depth)
  }

  #list(given: ReadonlyArray<unknown>, depth: number): ReadonlyArray<unknown> {
    const copy: Array<unknown> = []
    for (const one of given) {
      if (this.#left <= 0) {
        this.isCut = true
        return [...copy, `… (${given.length - copy.length} more)`]
      }
      copy.push(this.value(one, depth + 1))
    }
    return copy
  }

  #object(given: object, depth: number): object {
    // A name may be `__proto__`.
    const copy: Record<string, unknown> = Object.create(null) as Record<string, unknown>
    for (const [name, one] of Object.entries(given)) {
      if (this.#left <= 0) {
        copy["…"] = this.#leftOut()
        return copy
      }
      if (name.length > LONGEST_NAME) this.isCut = true
      copy[this.text(name.slice(0, LONGEST_NAME))] =
        typeof one !== "string"
          ? this.value(one, depth + 1)
          : Masked.isSecretName(name)
            ? this.#masked()
            : name === "data" && isOfMedia(given)
              ? this.#media(one)
              : this.text(one)
    }
    return copy
  }

  #media(data: string): string {
    this.pictures++
    return this.#counted(label("base64", data))
  }

  #masked(): string {
    this.secrets++
    return Masked.SIGN
  }

  #leftOut(): string {
    this.isCut = true
    return Masked.SIGN
  }
}
