/**
 * Checks a picture's base64 and detects which of the four media types it is.
 */

/** The subtype after `image/`. */
export type ImageType = "png" | "jpeg" | "gif" | "webp"

/** Magic bytes as latin1; a webp has its file length between the two parts. */
const starts: ReadonlyArray<readonly [ImageType, (head: string) => boolean]> = [
  ["png", (head) => head.startsWith("\x89PNG\r\n\x1a\n")],
  ["jpeg", (head) => head.startsWith("\xff\xd8\xff")],
  ["gif", (head) => head.startsWith("GIF87a") || head.startsWith("GIF89a")],
  ["webp", (head) => head.startsWith("RIFF") && head.startsWith("WEBP", 8)]
]

/** Bytes needed to detect the type. */
export const TELLING = 12

/** Detects the type by magic bytes; dimensions are not checked. */
export const typeOf = (bytes: Buffer): ImageType | undefined => {
  const head = bytes.toString("latin1", 0, TELLING)
  return starts.find(([, fits]) => fits(head))?.[0]
}

export interface Decoded {
  readonly bytes: Buffer
  /** Normalised base64: one line, padded. */
  readonly data: string
}

/** Removes line breaks and adds missing padding. A blank is kept, since it may be a `+` lost in URL decoding. */
const straight = (data: string): string => {
  const line = data.replace(/[\r\n]+/g, "")
  return line.length % 4 === 0 || line.endsWith("=") ? line : line.padEnd(line.length + 4 - (line.length % 4), "=")
}

/** Node's decoder skips invalid characters, so the decoded bytes are encoded again and compared. */
export const fromBase64 = (sent: string): Decoded | undefined => {
  const bytes = Buffer.from(sent, "base64")
  const data = bytes.toString("base64")
  return data === sent || data === straight(sent) ? { bytes, data } : undefined
}
