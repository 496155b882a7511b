/**
 * Fetches a picture from a client's URL.
 */
import { Effect } from "effect"
import * as ImageBytes from "./ImageBytes.ts"
import * as PublicFetch from "./sources/PublicFetch.ts"

export { isAcceptable, type NotFetched } from "./sources/PublicFetch.ts"

export interface ImageFetchOptions extends Partial<PublicFetch.Network> {
  /** Max bytes of a picture. */
  readonly limit: number
}

export interface Fetched {
  readonly type: ImageBytes.ImageType
  readonly bytes: Buffer
}

const NOT_AN_IMAGE = "not an image"

export const make = ({
  limit,
  ...network
}: ImageFetchOptions): ((url: string) => Effect.Effect<Fetched, PublicFetch.NotFetched>) => {
  const fetch = PublicFetch.make({
    network,
    limit,
    within: "10 seconds",
    types: "image/png, image/jpeg, image/webp, image/gif",
    rejects: (bytes, isWhole) => {
      const isTold = bytes.length >= ImageBytes.TELLING
      return (isTold ? ImageBytes.typeOf(bytes) === undefined : isWhole) ? NOT_AN_IMAGE : undefined
    }
  })
  return (url) =>
    Effect.flatMap(fetch(url), ({ bytes }) => {
      const type = ImageBytes.typeOf(bytes)
      return type === undefined ? new PublicFetch.NotFetched({ reason: NOT_AN_IMAGE }) : Effect.succeed({ type, bytes })
    })
}
