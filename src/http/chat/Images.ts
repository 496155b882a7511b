/**
 * Checks and loads the pictures of a request, for every dialect.
 *
 * A dialect lists its pictures (`Link`, with the path that errors name), the endpoint loads them, and the translation
 * looks each up by that path:
 *
 *     const loaded = yield* pictures(ToRequest.links(payload))
 *     const request = yield* ToRequest.toRequest(payload, options, loaded) // loaded.get(param)
 */
import { Context, Effect, Layer, Schema } from "effect"
import { Guard } from "../../chat/Guard.ts"
import { GatewayConfig } from "../../config/Config.ts"
import type { Image } from "../../domain/Chat.ts"
import type { Overloaded } from "../../domain/ChatError.ts"
import type { Caller } from "../../domain/keys/Caller.ts"
import * as ImageBytes from "./ImageBytes.ts"
import * as ImageFetch from "./ImageFetch.ts"

/** A picture as sent: a URL (`data:` or http), or base64 with a media type. */
export type Link = { readonly param: string } & ({ readonly url: string } | { readonly data: string })

/** Loaded pictures by path. */
export type Loaded = ReadonlyMap<string, Image>

const words = {
  too_many: "There are too many images in this request.",
  too_large: "The image is too large.",
  not_base64: "The image is not whole base64.",
  not_an_image: "Images are taken as PNG, JPEG, WebP or GIF; this is none of these.",
  not_a_data_url: "Images are taken as base64 data: URLs of type png, jpeg, webp or gif; addresses are not fetched.",
  bad_address: "Images are taken as base64 data: URLs, or from http and https addresses on the usual ports.",
  // One text for every cause: a response must not reveal what is at an address.
  not_fetched: "No image could be fetched from this address."
}
type Reason = keyof typeof words

/** A refused picture. The message contains nothing that was sent. */
export class ImageRefused extends Schema.TaggedError<ImageRefused>()("ImageRefused", {
  param: Schema.String,
  reason: Schema.Literal(...(Object.keys(words) as [Reason, ...ReadonlyArray<Reason>]))
}) {
  override get message() {
    return words[this.reason]
  }
}

export interface ImagesLimits {
  /** Max megabytes of one picture, and of all fetched for one request. */
  readonly imageLimitMb: number
  readonly bodyLimitMb: number
  /** Whether http(s) URLs are fetched. */
  readonly imageUrls: boolean
}

export interface ImagesOptions extends ImagesLimits {
  /** Replaces the network, for tests. */
  readonly fetch?: Omit<ImageFetch.ImageFetchOptions, "limit">
}

/** Max pictures per request, enough for a long agent conversation. Their size is bounded by the body's. */
export const MOST = 100
const FETCHES_AT_ONCE = 8
const FETCHES_OF_ONE = 4
/** Time limit for all pictures of one request. */
const within = "30 seconds"
const none: Effect.Effect<Loaded> = Effect.succeed(new Map())

const toImage = (type: ImageBytes.ImageType, data: string): Image => ({ mediaType: `image/${type}`, data })

/** Max length of a data URL's header. */
const LONGEST_HEAD = 256

/** The base64 of a `data:` URL. Its media type is ignored: the magic bytes decide. */
const dataOf = (url: string): string | undefined => {
  const head = /^data:[^,]*,/i.exec(url.slice(0, LONGEST_HEAD))?.[0]
  return head !== undefined && /;base64,$/i.test(head) ? url.slice(head.length) : undefined
}

export class Images extends Context.Tag("lingma-gateway/http/Images")<
  Images,
  {
    /**
     * Checks and, if allowed, fetches all; fails with the first refusal. Callers are taken in turns. The limits are those
     * that the request began with.
     */
    readonly load: (
      links: ReadonlyArray<Link>,
      caller?: Caller,
      limits?: ImagesLimits
    ) => Effect.Effect<Loaded, ImageRefused | Overloaded>
  }
>() {
  static readonly make = Effect.fnUntraced(function* (standard: ImagesOptions) {
    const guard = yield* Guard.make({ maxInFlight: FETCHES_AT_ONCE, queueMax: 256, queueTimeout: "10 seconds" })

    const check = (param: string, data: string, limit: number): Effect.Effect<Image, ImageRefused> => {
      const refuse = (reason: Reason) => Effect.fail(new ImageRefused({ param, reason }))
      const decoded = ImageBytes.fromBase64(data)
      if (decoded === undefined) return refuse("not_base64")
      if (decoded.bytes.length > limit) return refuse("too_large")
      // A wrongly declared media type is corrected.
      const type = ImageBytes.typeOf(decoded.bytes)
      return type === undefined ? refuse("not_an_image") : Effect.succeed(toImage(type, decoded.data))
    }

    const get = (param: string, url: string, caller: Caller | undefined, limit: number) =>
      Effect.scoped(Effect.zipRight(guard.slot(caller), ImageFetch.make({ ...standard.fetch, limit })(url))).pipe(
        Effect.catchTag("NotFetched", ({ reason }) =>
          Effect.logDebug("image not fetched").pipe(
            Effect.annotateLogs({ reason }),
            Effect.zipRight(new ImageRefused({ param, reason: "not_fetched" }))
          )
        )
      )

    const loadSome = (
      links: ReadonlyArray<Link>,
      caller: Caller | undefined,
      { bodyLimitMb, imageLimitMb, imageUrls }: ImagesLimits
    ): Effect.Effect<Loaded, ImageRefused | Overloaded> => {
      const limit = Math.floor(imageLimitMb * 1024 * 1024)
      let left = Math.floor(bodyLimitMb * 1024 * 1024)
      const waiting = new Set(links.map(({ param }) => param))
      const one = (link: Link): Effect.Effect<readonly [string, Image], ImageRefused | Overloaded> => {
        const { param } = link
        const refuse = (reason: Reason) => Effect.fail(new ImageRefused({ param, reason }))
        const named = (image: Image) => {
          waiting.delete(param)
          return [param, image] as const
        }
        if ("data" in link) return Effect.map(check(param, link.data, limit), named)
        const { url } = link
        const data = dataOf(url)
        if (data !== undefined) return Effect.map(check(param, data, limit), named)
        if (/^data:/i.test(url)) return refuse("not_base64")
        if (!imageUrls) return refuse("not_a_data_url")
        if (!ImageFetch.isAcceptable(url, standard.fetch?.mayUsePort)) return refuse("bad_address")
        return Effect.flatMap(get(param, url, caller, limit), ({ bytes, type }) => {
          left -= bytes.length
          return left < 0 ? refuse("too_large") : Effect.succeed(named(toImage(type, bytes.toString("base64"))))
        })
      }
      return Effect.forEach(links, one, { concurrency: FETCHES_OF_ONE }).pipe(
        Effect.map((all): Loaded => new Map(all)),
        Effect.timeoutFail({
          duration: within,
          onTimeout: () => new ImageRefused({ param: [...waiting][0] ?? "", reason: "not_fetched" })
        })
      )
    }

    const load = (links: ReadonlyArray<Link>, caller?: Caller, limits: ImagesLimits = standard) => {
      const beyond = links[MOST]
      if (beyond !== undefined) return new ImageRefused({ param: beyond.param, reason: "too_many" })
      return links.length === 0 ? none : Effect.suspend(() => loadSome(links, caller, limits))
    }
    return Images.of({ load })
  })

  static readonly layer = (options: ImagesOptions): Layer.Layer<Images> => Layer.effect(Images, Images.make(options))

  static readonly layerFromConfig: Layer.Layer<Images, never, GatewayConfig> = Layer.unwrapEffect(
    Effect.map(GatewayConfig, Images.layer)
  )
}
