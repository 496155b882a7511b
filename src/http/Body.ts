/**
 * The JSON body of a request, read with a bound.
 *
 * Platform's own limit cuts the connection instead of answering, and is off unless asked for.
 */
import { isAscii } from "node:buffer"
import type * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import { Effect, Stream } from "effect"
import * as NodeRequest from "./NodeRequest.ts"
import { BodyRefused } from "./Refusal.ts"

const DEPTH = 64
/** A long conversation has some ten thousand. */
const VALUES = 200_000
const QUOTE = 0x22
const BACKSLASH = 0x5c

const tooLarge = Effect.fail(new BodyRefused({ reason: "too_large" }))
const malformed = new BodyRefused({ reason: "malformed" })

export interface Bounds {
  readonly depth: number
  /** Strings, keys among them, and everything that a bracket or a comma begins. */
  readonly values: number
}

/** A quote that an odd number of backslashes precedes does not end the string. */
const isEscaped = (bytes: Uint8Array, quote: number): boolean => {
  let at = quote
  while (bytes[at - 1] === BACKSLASH) at--
  return (quote - at) % 2 === 1
}

/** Looks at structure only: a string is jumped over, however long. */
export const exceeds = (bytes: Uint8Array, bounds: Bounds): keyof Bounds | undefined => {
  let depth = 0
  let values = 0
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i]
    if (byte === QUOTE) {
      do i = bytes.indexOf(QUOTE, i + 1)
      while (i > 0 && isEscaped(bytes, i))
      if (i < 0) return undefined
      values++
    } else if (byte === 0x7b || byte === 0x5b) {
      if (++depth > bounds.depth) return "depth"
      values++
    } else if (byte === 0x7d || byte === 0x5d) depth--
    else if (byte === 0x2c) values++
    else continue
    if (values > bounds.values) return "values"
  }
  return undefined
}

const fromNode = (node: NodeRequest.NodeRequest, limit: number): Effect.Effect<Uint8Array, BodyRefused> =>
  Effect.async((resume) => {
    const { incoming } = node
    const parts: Array<Buffer> = []
    let size = 0
    const onData = (part: Buffer) => {
      size += part.length
      if (size <= limit) parts.push(part)
      else {
        stop()
        incoming.pause()
        resume(tooLarge)
      }
    }
    const onEnd = () => {
      stop()
      resume(Effect.succeed(parts.length === 1 ? parts[0]! : Buffer.concat(parts, size)))
    }
    const onClose = () => {
      stop()
      resume(Effect.fail(malformed))
    }
    const stop = () => incoming.off("data", onData).off("end", onEnd).off("close", onClose)
    incoming.on("error", NodeRequest.ignore).on("data", onData).on("end", onEnd).on("close", onClose)
    NodeRequest.proceed(node)
    return Effect.sync(stop)
  })

const fromStream = (request: HttpServerRequest.HttpServerRequest, limit: number) =>
  request.stream.pipe(
    Stream.mapError(() => malformed),
    Stream.runFoldEffect({ parts: [] as Array<Uint8Array>, size: 0 }, ({ parts, size }, part) =>
      size + part.length > limit
        ? tooLarge
        : Effect.sync(() => {
            parts.push(part)
            return { parts, size: size + part.length }
          })
    ),
    Effect.map(({ parts, size }): Uint8Array => Buffer.concat(parts, size))
  )

const isJson = (type: string | undefined) => type !== undefined && /^application\/json\s*(;|$)/i.test(type.trim())

/** Strictly: bytes that are no UTF-8 throw. Plain ASCII, as most bodies are, is copied. */
const decode = (bytes: Uint8Array): string =>
  isAscii(bytes)
    ? Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("latin1")
    : new TextDecoder("utf-8", { fatal: true }).decode(bytes)

const parse = (bytes: Uint8Array): Effect.Effect<unknown, BodyRefused> => {
  const exceeded = exceeds(bytes, { depth: DEPTH, values: VALUES })
  if (exceeded !== undefined) return exceeded === "depth" ? malformed : new BodyRefused({ reason: "too_many_values" })
  return Effect.try({
    try: (): unknown => JSON.parse(decode(bytes)),
    catch: () => malformed
  })
}

export const json = (
  request: HttpServerRequest.HttpServerRequest,
  limit: number
): Effect.Effect<unknown, BodyRefused> => {
  const { headers } = request
  if ((headers["content-encoding"] ?? "identity") !== "identity") return new BodyRefused({ reason: "encoding" })
  if (!isJson(headers["content-type"])) return new BodyRefused({ reason: "media_type" })
  const node = NodeRequest.fromRequest(request)
  if (Number(headers["content-length"] ?? 0) > limit) return tooLarge
  return Effect.flatMap(node === undefined ? fromStream(request, limit) : fromNode(node, limit), parse)
}
