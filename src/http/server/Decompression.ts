/**
 * Decompresses request bodies off the event loop; the decompressed size is limited.
 */
import type { Transform } from "node:stream"
import * as Zlib from "node:zlib"
import { Effect } from "effect"
import type * as BodyBuffer from "./BodyBuffer.ts"

export type Unpacker = () => Transform

const isUnpacker = (value: unknown): value is Unpacker => typeof value === "function"
/** Available since Node 22.15. */
const zstd: unknown = Reflect.get(Zlib, "createZstdDecompress")

const unpackers: Readonly<Record<string, Unpacker>> = {
  gzip: () => Zlib.createGunzip(),
  "x-gzip": () => Zlib.createGunzip(),
  deflate: () => Zlib.createInflate(),
  br: () => Zlib.createBrotliDecompress(),
  ...(isUnpacker(zstd) ? { zstd: () => zstd() } : {})
}

/** Supported encodings, for `accept-encoding`. */
export const encodings = Object.keys(unpackers).filter((name) => name !== "x-gzip")

/** For a single `content-encoding`; multiple encodings are not supported. */
export const find = (encoding: string): Unpacker | undefined => {
  const name = encoding.trim().toLowerCase()
  return Object.hasOwn(unpackers, name) ? unpackers[name] : undefined
}

/** Fails with `malformed` or the reason of the buffer, and stops decompressing. */
export const unpack = (
  packed: Uint8Array,
  make: Unpacker,
  buffer: BodyBuffer.BodyBuffer
): Effect.Effect<Uint8Array, BodyBuffer.Refused | "malformed"> =>
  Effect.async((resume) => {
    const stream = make()
    stream.on("data", (piece: Buffer) => {
      const refused = buffer.add(piece)
      if (refused === undefined) return
      stream.destroy()
      resume(Effect.fail(refused))
    })
    stream.on("end", () => resume(Effect.sync(() => buffer.bytes())))
    stream.on("error", () => resume(Effect.fail("malformed")))
    stream.end(packed)
    return Effect.sync(() => stream.destroy())
  })
