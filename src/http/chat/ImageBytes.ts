/**
 * What a picture's bytes say: whether they are whole base64, and which of the four types they are.
 */

/** As in the media type, after `image/`. */
export type ImageType = "png" | "jpeg" | "gif" | "webp"

/** What each begins with, as latin1; a webp names the length of its file in between. */
const starts: ReadonlyArray<readonly [ImageType, (head: string) => boolean]> = [
  ["png", (head) => head.startsWith("\x89PNG\r\n\x1a\n")],
  ["jpeg", (head) => head.startsWith("\xff\xd8\xff")],
  ["gif", (head) => head.startsWith("GIF87a") || head.startsWith("GIF89a")],
  ["webp", (head) => head.startsWith("RIFF") && head.startsWith("WEBP", 8)]
]

/** How many bytes settle the type. */
export const telling = 12

/** By content alone; dimensions are not looked at. */
export const typeOf = (bytes: Buffer): ImageType | undefined => {
  const head = bytes.toString("latin1", 0, telling)
  return starts.find(([, fits]) => fits(head))?.[0]
}

export interface Decoded {
  readonly bytes: Buffer
  /** Their base64 in one line, padded. */
  readonly data: string
}

/** Without line breaks, and with the padding where it was left out altogether. A blank may be a `+` that was lost. */
const straight = (data: string): string => {
  const line = data.replace(/[\r\n]+/g, "")
  return line.length % 4 === 0 || line.endsWith("=") ? line : line.padEnd(line.length + 4 - (line.length % 4), "=")
}

/** Node's decoder skips what it does not know, so the bytes are written back and compared. */
export const fromBase64 = (sent: string): Decoded | undefined => {
  const bytes = Buffer.from(sent, "base64")
  const data = bytes.toString("base64")
  return data === sent || data === straight(sent) ? { bytes, data } : undefined
}
