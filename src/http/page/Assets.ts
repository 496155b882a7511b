/**
 * The files of the dashboard's page, as they were built: read once, compressed once, and answered from memory.
 */
import { readdir, readFile } from "node:fs/promises"
import { extname, join } from "node:path"
import { promisify } from "node:util"
import { brotliCompress, constants, gzip } from "node:zlib"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"

const types: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".svg": "image/svg+xml"
}

/** Nothing but its own files, and nothing of what is inline; no other page may show it in a frame. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'"
].join("; ")

const encodings = ["br", "gzip", "identity"] as const
type Encoding = (typeof encodings)[number]

interface File {
  readonly type: string
  readonly bytes: Readonly<Record<Encoding, Uint8Array>>
}

export interface Assets {
  readonly index: File
  readonly named: ReadonlyMap<string, File>
}

const zipped = promisify(gzip)
const brotlied = promisify(brotliCompress)

const load = async (path: string): Promise<File> => {
  const identity = await readFile(path)
  const [br, gz] = await Promise.all([
    brotlied(identity, { params: { [constants.BROTLI_PARAM_QUALITY]: 9 } }),
    zipped(identity, { level: 9 })
  ])
  return { type: types[extname(path)] ?? "application/octet-stream", bytes: { br, gzip: gz, identity } }
}

/** Fails where they were not built. Only what is in the directory is answered, by its name alone. */
export const read = async (directory: string): Promise<Assets> => {
  const assets = join(directory, "assets")
  const names = (await readdir(assets)).filter((name) => types[extname(name)] !== undefined)
  const files = await Promise.all(names.map((name) => load(join(assets, name))))
  return {
    index: await load(join(directory, "index.html")),
    named: new Map(names.map((name, i) => [name, files[i] as File]))
  }
}

/** The first of ours that is accepted: `gzip;q=0` is not. */
const encodingOf = (accepted: string | undefined): Encoding => {
  const names = new Map(
    (accepted ?? "").split(",").map((part) => {
      const [name = "", ...parameters] = part
        .trim()
        .toLowerCase()
        .split(/\s*;\s*/)
      return [name, !parameters.some((parameter) => /^q=0(?:\.0*)?$/.test(parameter))] as const
    })
  )
  return encodings.find((encoding) => names.get(encoding) === true) ?? "identity"
}

const respond = (
  { bytes, type }: File,
  accepted: string | undefined,
  headers: Readonly<Record<string, string>>
): HttpServerResponse.HttpServerResponse => {
  const encoding = encodingOf(accepted)
  return HttpServerResponse.uint8Array(bytes[encoding], {
    contentType: type,
    headers: {
      ...headers,
      vary: "accept-encoding",
      "referrer-policy": "no-referrer",
      ...(encoding === "identity" ? {} : { "content-encoding": encoding })
    }
  })
}

export const index = ({ index }: Assets, accepted: string | undefined): HttpServerResponse.HttpServerResponse =>
  respond(index, accepted, {
    "cache-control": "no-cache",
    "content-security-policy": POLICY,
    "cross-origin-opener-policy": "same-origin"
  })

/** By the hash in its name it never changes. An image is a document of its own where somebody opens it as one. */
export const asset = (
  { named }: Assets,
  name: string,
  accepted: string | undefined
): HttpServerResponse.HttpServerResponse | undefined => {
  const file = named.get(name)
  return file === undefined
    ? undefined
    : respond(file, accepted, {
        "cache-control": "public, max-age=31536000, immutable",
        "content-security-policy": "default-src 'none'; frame-ancestors 'none'"
      })
}
