/**
 * Reads and parses one JSON body with bounds on bytes, nesting and number of values.
 *
 * The limit of @effect/platform is not used: it destroys the connection instead of answering.
 */
import { isAscii } from "node:buffer"
import type * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import { Effect, Stream } from "effect"
import { BodyRefused } from "../edge/EdgeError.ts"
import * as BodyBuffer from "../server/BodyBuffer.ts"
import * as Decompression from "../server/Decompression.ts"
import * as NodeRequest from "../server/NodeRequest.ts"

const DEPTH = 64
/** Max values of a body; a long conversation has about ten thousand. */
const VALUES = 200_000
const QUOTE = 0x22
const BACKSLASH = 0x5c

const tooLarge = Effect.fail(new BodyRefused({ reason: "too_large" }))
const malformed = new BodyRefused({ reason: "malformed" })

export interface Bounds {
  readonly depth: number
  /** Number of strings (keys included), brackets and commas. */
  readonly values: number
}

/** A quote preceded by an odd number of backslashes is escaped. */
const isEscaped = (bytes: Uint8Array, quote: number): boolean => {
  let at = quote
  while (bytes[at - 1] === BACKSLASH) at--
  return (quote - at) % 2 === 1
}

/** Scans structure only; strings are skipped with indexOf. */
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

/** Budget for memory beyond `BodyBuffer.FREE`, shared with other requests. */
export interface Memory<E> {
  readonly reserve: (bytes: number) => boolean
  /** Tries to reserve so many bytes; false if the budget is used up. */
  readonly fits: (bytes: number) => boolean
  readonly refuse: Effect.Effect<never, E>
}

const refusal = <E>(
  reason: BodyBuffer.Refused,
  memory: Memory<E> | undefined
): Effect.Effect<never, BodyRefused | E> =>
  reason === "not_reserved" && memory !== undefined
    ? memory.refuse
    : reason === "too_many_pieces"
      ? new BodyRefused({ reason })
      : tooLarge

const fromNode = <E>(node: NodeRequest.NodeRequest, buffer: BodyBuffer.BodyBuffer, memory: Memory<E> | undefined) =>
  Effect.async<Uint8Array, BodyRefused | E>((resume) => {
    const { incoming } = node
    const onData = (piece: Buffer) => {
      const refused = buffer.add(piece)
      if (refused === undefined) return
      stop()
      incoming.pause()
      resume(refusal(refused, memory))
    }
    const onEnd = () => {
      stop()
      resume(Effect.sync(() => buffer.bytes()))
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

const fromStream = <E>(
  request: HttpServerRequest.HttpServerRequest,
  buffer: BodyBuffer.BodyBuffer,
  memory: Memory<E> | undefined
) =>
  request.stream.pipe(
    Stream.mapError(() => malformed),
    Stream.runForEach((piece) => {
      const refused = buffer.add(piece)
      return refused === undefined ? Effect.void : refusal(refused, memory)
    }),
    Effect.map(() => buffer.bytes())
  )

const isJson = (type: string | undefined) => type !== undefined && /^application\/json\s*(;|$)/i.test(type.trim())

/** Throws on invalid UTF-8. Plain ASCII, the usual case, takes the faster latin1 path. */
const decode = (bytes: Uint8Array): string =>
  isAscii(bytes)
    ? Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("latin1")
    : new TextDecoder("utf-8", { fatal: true }).decode(bytes)

export const parse = (bytes: Uint8Array): Effect.Effect<unknown, BodyRefused> => {
  const exceeded = exceeds(bytes, { depth: DEPTH, values: VALUES })
  if (exceeded !== undefined) return exceeded === "depth" ? malformed : new BodyRefused({ reason: "too_many_values" })
  return Effect.try({
    try: (): unknown => JSON.parse(decode(bytes)),
    catch: () => malformed
  })
}

export const json = <E = never>(
  request: HttpServerRequest.HttpServerRequest,
  limit: number,
  memory?: Memory<E>
): Effect.Effect<unknown, BodyRefused | E> => {
  const { headers } = request
  const encoding = headers["content-encoding"] ?? "identity"
  const unpacker = encoding === "identity" ? undefined : Decompression.find(encoding)
  if (encoding !== "identity" && unpacker === undefined) return new BodyRefused({ reason: "encoding" })
  if (!isJson(headers["content-type"])) return new BodyRefused({ reason: "media_type" })
  const length = headers["content-length"]
  const declared = length === undefined ? undefined : Number(length)
  if (declared !== undefined) {
    if (declared > limit) return tooLarge
    // Without `100 Continue` a body that would be refused is never sent.
    if (memory?.fits(declared - BodyBuffer.FREE) === false) return memory.refuse
  }
  const node = NodeRequest.fromRequest(request)
  const buffer = new BodyBuffer.BodyBuffer({ limit, declared, reserve: memory?.reserve })
  const read = node === undefined ? fromStream(request, buffer, memory) : fromNode(node, buffer, memory)
  if (unpacker === undefined) return Effect.flatMap(read, parse)
  const unpacked = new BodyBuffer.BodyBuffer({ limit, reserve: memory?.reserve })
  return Effect.flatMap(read, (packed) =>
    Effect.flatMap(
      Effect.catchAll(Decompression.unpack(packed, unpacker, unpacked), (refused) =>
        refused === "malformed" ? Effect.fail(malformed) : refusal(refused, memory)
      ),
      parse
    )
  )
}
