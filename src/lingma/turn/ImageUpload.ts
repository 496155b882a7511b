/**
 * Uploads images for the older wire dialect, which takes images by URL: Lingma receives the bytes and returns the URL
 * in a later push.
 */
import { randomUUID } from "node:crypto"
import { Deferred, Effect, type Scope } from "effect"
import type { Image } from "../../domain/Chat.ts"
import { isRecord } from "../../json/Json.ts"
import type { LingmaRpc } from "../rpc/LingmaRpc.ts"
import * as Protocol from "../rpc/Protocol.ts"
import type { Json } from "../rpc/Pushes.ts"
import { type RpcError, RpcRejected, RpcTimeout } from "../rpc/RpcError.ts"

const within = "30 seconds"
const AT_ONCE = 4

const { name } = Protocol.imageUpload
const refused = (detail: string) => new RpcRejected({ method: name, code: 0, detail: detail.slice(0, 500) })

const firstText = (json: Json, names: ReadonlyArray<string>): string | undefined =>
  names.map((name) => json[name]).find((value): value is string => typeof value === "string" && value !== "")

/** The URL, a rejection, or neither yet. Confidence in the shape is low, so each field is searched at both depths. */
export const read = (json: Json): { readonly url: string } | { readonly refusal: string } | undefined => {
  const inner = [json["result"], json["data"], json].filter(isRecord)
  const find = (names: ReadonlyArray<string>) =>
    inner.map((level) => firstText(level, names)).find((found) => found !== undefined)
  if (inner.some((level) => level["success"] === false)) {
    return { refusal: find(["errorMessage", "errorMsg", "message", "errorCode"]) ?? "success is false" }
  }
  const url = find(["imageUrl", "imageURL", "image_url", "url"])
  if (url !== undefined) return { url }
  const refusal = find(["errorMessage", "errorMsg", "errorCode"])
  return refusal === undefined ? undefined : { refusal }
}

const upload = Effect.fnUntraced(function* (
  rpc: LingmaRpc["Type"],
  { data, mediaType }: Image
): Effect.fn.Return<string, RpcError, Scope.Scope> {
  const requestId = randomUUID()
  const told = yield* Deferred.make<string, RpcError>()
  const tell = (json: Json): boolean => {
    const found = read(json)
    if (found === undefined) return false
    Deferred.unsafeDone(told, "url" in found ? Effect.succeed(found.url) : Effect.fail(refused(found.refusal)))
    return true
  }
  yield* rpc.subscribe(
    { requestId },
    {
      onPush: (method, params) => {
        if (method === Protocol.imageUploaded && !tell(params)) {
          Deferred.unsafeDone(told, Effect.fail(refused("no address was given")))
        }
      },
      onLost: (error) => Deferred.unsafeDone(told, Effect.fail(error))
    }
  )
  const imageUri = `data:${mediaType};base64,${data}`
  const reply = yield* rpc.call(Protocol.imageUpload, { imageUri, requestId }, { timeout: within })
  // Some versions may return the URL in the reply; usually the push has it.
  if (reply !== null) tell(reply)
  return yield* Deferred.await(told)
}, Effect.scoped)

/** Uploads all images and returns their URLs, in order. */
export const all = (
  rpc: LingmaRpc["Type"],
  images: ReadonlyArray<Image>
): Effect.Effect<ReadonlyArray<string>, RpcError> =>
  images.length === 0
    ? Effect.succeed([])
    : Effect.timeoutFail(
        Effect.forEach(images, (image) => upload(rpc, image), { concurrency: AT_ONCE }),
        { duration: within, onTimeout: () => new RpcTimeout({ method: name }) }
      )
