/**
 * Joins the parts of a message: texts separated by a line break, pictures with their position in the text.
 */
import type { Image, PlacedImage } from "../../domain/Chat.ts"

export interface MessageContent {
  readonly text: string
  readonly images: ReadonlyArray<PlacedImage>
}

/** A plain text without pictures. */
export const plain = (text: string): MessageContent => ({ text, images: [] })

export interface Builder {
  readonly text: (text: string) => void
  /** Adds a picture; `param` is its path in the request. */
  readonly image: (image: Image, param?: string) => void
  /** Adds separately built content. */
  readonly nested: (part: MessageContent, before: string, after: string) => void
  readonly isEmpty: () => boolean
  readonly content: () => MessageContent
}

export const make = (): Builder => {
  const texts: Array<string> = []
  const images: Array<PlacedImage> = []
  /** Offset at which the next part starts. */
  let length = 0
  const text = (part: string) => {
    texts.push(part)
    length += part.length + 1
  }
  return {
    text,
    image: ({ data, mediaType }, param) =>
      images.push({ mediaType, data, at: length, ...(param === undefined ? {} : { param }) }),
    nested: (part, before, after) => {
      for (const image of part.images)
        images.push({ ...image, at: length + before.length + (image.at ?? part.text.length) })
      text(`${before}${part.text}${after}`)
    },
    isEmpty: () => texts.length + images.length === 0,
    content: () => ({ text: texts.join("\n"), images })
  }
}
