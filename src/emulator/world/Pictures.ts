/**
 * Metadata of received images; their bytes are not kept.
 */
import { createHash } from "node:crypto"

export interface Picture {
  readonly via: "prompt" | "upload"
  readonly mimeType: string
  readonly bytes: number
  readonly sha256: string
}

const KEPT = 100

/** Where they are kept. */
interface Kept {
  readonly totals: { images: number }
  readonly recentImages: Array<Picture>
  /** By the URL they were assigned. */
  readonly uploads: Map<string, Picture>
}

/** Undefined if it is not base64. */
export const read = (via: Picture["via"], mimeType: string, data: string): Picture | undefined => {
  const bytes = Buffer.from(data, "base64")
  if (bytes.toString("base64") !== data) return undefined
  return { via, mimeType, bytes: bytes.length, sha256: createHash("sha256").update(bytes).digest("hex") }
}

/** From a data URI. */
export const fromUri = (uri: string): Picture | undefined => {
  const head = /^data:(image\/[a-z0-9.+-]+);base64,/.exec(uri.slice(0, 200))
  return head === null || uri.length === head[0].length
    ? undefined
    : read("upload", head[1]!, uri.slice(head[0].length))
}

export const words = ({ bytes, mimeType }: Picture): string => `${mimeType} ${bytes} bytes`

export const remember = (world: Kept, picture: Picture): void => {
  world.totals.images++
  world.recentImages.push(picture)
  if (world.recentImages.length > KEPT) world.recentImages.shift()
}

/** Stores an upload under its URL. */
export const store = (world: Kept, picture: Picture, url: string): void => {
  remember(world, picture)
  world.uploads.set(url, picture)
  const oldest = world.uploads.keys().next()
  if (world.uploads.size > KEPT && oldest.done !== true) world.uploads.delete(oldest.value)
}

/** Uploads whose URLs occur anywhere in a chat context, because the field's name is unknown. */
export const inContext = (world: Kept, context: unknown): ReadonlyArray<Picture> => {
  if (typeof context === "string") {
    const found = world.uploads.get(context)
    return found === undefined ? [] : [found]
  }
  return typeof context === "object" && context !== null
    ? Object.values(context).flatMap((value) => inContext(world, value))
    : []
}
