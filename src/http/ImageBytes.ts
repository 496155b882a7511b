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

/** Node's decoder skips what it does not know, so the bytes are written back and compared. */
export const fromBase64 = (data: string): Buffer | undefined => {
  if (data.length % 4 !== 0) return undefined
  const bytes = Buffer.from(data, "base64")
  return bytes.toString("base64") === data ? bytes : undefined
}
