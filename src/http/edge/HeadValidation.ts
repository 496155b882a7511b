/**
 * Validates request headers accepted by Node's parser: size limits, and no ambiguous duplicates (request smuggling).
 *
 * Of duplicate headers Node keeps the first; a proxy in front of it may have used the other one.
 */
import type { IncomingMessage } from "node:http"
import type { Unparsed } from "./EdgeError.ts"

const MOST_HEADERS = 100
const LONGEST_URL = 8 * 1024

const single = new Set([
  "host",
  "authorization",
  "x-api-key",
  "api-key",
  "content-type",
  "content-length",
  "transfer-encoding"
])

const isTwice = (raw: ReadonlyArray<string>): boolean => {
  const seen = new Set<string>()
  for (let i = 0; i < raw.length; i += 2) {
    const name = raw[i]!.toLowerCase()
    if (!single.has(name)) continue
    if (seen.has(name)) return true
    seen.add(name)
  }
  return false
}

export const refusal = ({
  headers,
  httpVersion,
  rawHeaders,
  url = ""
}: IncomingMessage): Unparsed["reason"] | undefined => {
  if (rawHeaders.length > MOST_HEADERS * 2) return "headers_too_large"
  if (url.length > LONGEST_URL) return "url_too_long"
  if (isTwice(rawHeaders)) return "malformed"
  if (httpVersion === "1.1" ? headers.host === undefined : httpVersion !== "1.0") return "malformed"
  const coding = headers["transfer-encoding"]
  if (coding !== undefined && (coding.toLowerCase() !== "chunked" || httpVersion !== "1.1")) return "malformed"
  return undefined
}
