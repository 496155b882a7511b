/**
 * Fetches a picture from a client's URL, with SSRF protection.
 *
 * The host is resolved once per hop, all its addresses are checked, and the connection uses only those. Redirects are
 * checked like the first hop.
 */
import { Resolver } from "node:dns/promises"
import * as http from "node:http"
import * as https from "node:https"
import { isIP, type LookupFunction } from "node:net"
import { Data, Effect, Either } from "effect"
import * as ImageBytes from "./ImageBytes.ts"
import { isPublic } from "./PublicAddress.ts"

/** For the log only: responses do not tell the reason. */
export class NotFetched extends Data.TaggedError("NotFetched")<{ readonly reason: string }> {}

export interface ImageFetchOptions {
  /** Max bytes of a picture. */
  readonly limit: number
  readonly resolve?: (host: string) => Effect.Effect<ReadonlyArray<string>, NotFetched>
  readonly mayConnect?: (address: string) => boolean
  readonly mayUsePort?: (port: number) => boolean
}

export interface Fetched {
  readonly type: ImageBytes.ImageType
  readonly bytes: Buffer
}

const REDIRECTS = 3
/** Max addresses tried. */
const MOST_ADDRESSES = 16
const within = "10 seconds"
const headers = {
  accept: "image/png, image/jpeg, image/webp, image/gif",
  "accept-encoding": "identity",
  "user-agent": "lingma-gateway"
}

const failed = (reason: string) => new NotFetched({ reason })

/** DNS only: ignores the hosts file and blocks no thread, unlike getaddrinfo. */
const fromDns = (host: string): Effect.Effect<ReadonlyArray<string>, NotFetched> =>
  Effect.suspend(() => {
    const resolver = new Resolver({ timeout: 2000, tries: 2 })
    const ask = (run: () => Promise<ReadonlyArray<string>>) =>
      Effect.orElseSucceed(Effect.tryPromise(run), (): ReadonlyArray<string> => [])
    return Effect.all([ask(() => resolver.resolve4(host)), ask(() => resolver.resolve6(host))], {
      concurrency: 2
    }).pipe(
      Effect.map((found) => found.flat()),
      Effect.onInterrupt(() => Effect.sync(() => resolver.cancel()))
    )
  })

const isWeb = (port: number) => port === 80 || port === 443

/** http or https, an allowed port, no user info. */
const target = (text: string, base: URL | undefined, mayUsePort: (port: number) => boolean): URL | undefined => {
  if (!URL.canParse(text, base)) return undefined
  const url = new URL(text, base)
  const { password, port, protocol, username } = url
  const good =
    (protocol === "http:" || protocol === "https:") &&
    username === "" &&
    password === "" &&
    (port === "" || mayUsePort(Number(port)))
  return good ? url : undefined
}

/** Whether the URL's form allows fetching it; nothing is resolved. */
export const isAcceptable = (text: string, mayUsePort: (port: number) => boolean = isWeb): boolean =>
  target(text, undefined, mayUsePort) !== undefined

/** A DNS lookup that returns the checked addresses. */
const pinned =
  (addresses: ReadonlyArray<string>): LookupFunction =>
  (_host, { all }, done) => {
    const known = addresses.map((address) => ({ address, family: isIP(address) }))
    if (all === true) done(null, known)
    else done(null, known[0]!.address, known[0]!.family)
  }

type Hop = Either.Either<Fetched, string>

/** One request: a picture, or Left with the redirect's target. */
const request = (url: URL, addresses: ReadonlyArray<string>, limit: number): Effect.Effect<Hop, NotFetched> =>
  Effect.async((resume) => {
    const { request } = url.protocol === "https:" ? https : http
    const asked = request(url, { agent: false, lookup: pinned(addresses), headers })
    const end = (hop: Effect.Effect<Hop, NotFetched>) => {
      resume(hop)
      asked.destroy()
    }
    const fail = (reason: string) => end(Effect.fail(failed(reason)))

    const onResponse = (response: http.IncomingMessage) => {
      const { headers, statusCode = 0 } = response
      response.on("error", () => fail("broke off"))
      if ([301, 302, 303, 307, 308].includes(statusCode))
        return end(Effect.succeed(Either.left(headers.location ?? "")))
      if (statusCode !== 200) return fail("status")
      if (Number(headers["content-length"] ?? 0) > limit) return fail("too large")
      // One growing buffer: a list of tiny chunks would take many times the limit.
      let held = Buffer.allocUnsafe(Math.min(limit, 64 << 10))
      let size = 0
      let type: ImageBytes.ImageType | undefined
      const onData = (part: Buffer) => {
        if (size + part.length > limit) return fail("too large")
        if (size + part.length > held.length) {
          const larger = Buffer.allocUnsafe(Math.min(limit, Math.max(held.length * 2, size + part.length)))
          held.copy(larger, 0, 0, size)
          held = larger
        }
        part.copy(held, size)
        size += part.length
        if (type !== undefined || size < ImageBytes.TELLING) return
        type = ImageBytes.typeOf(held.subarray(0, size))
        if (type === undefined) fail("not an image")
      }
      response
        .on("data", onData)
        .on("end", () =>
          type !== undefined && response.complete
            ? end(Effect.succeed(Either.right({ type, bytes: held.subarray(0, size) })))
            : fail("not an image")
        )
    }
    asked
      .on("response", onResponse)
      .on("error", () => fail("no connection"))
      .on("close", () => fail("closed"))
      .end()
    return Effect.sync(() => asked.destroy())
  })

export const make = ({
  limit,
  mayConnect = isPublic,
  mayUsePort = isWeb,
  resolve = fromDns
}: ImageFetchOptions): ((url: string) => Effect.Effect<Fetched, NotFetched>) => {
  const addressesOf = ({ hostname }: URL) => {
    const host = hostname.replace(/^\[(.*)\]$/, "$1")
    const found = Effect.filterOrFail(
      isIP(host) === 0 ? resolve(host) : Effect.succeed([host]),
      (found) => found.length > 0 && found.every(mayConnect),
      () => failed("address")
    )
    return Effect.map(found, (addresses) => addresses.slice(0, MOST_ADDRESSES))
  }
  const hop = Effect.fnUntraced(function* (
    text: string,
    base: URL | undefined,
    left: number
  ): Effect.fn.Return<Fetched, NotFetched> {
    const url = target(text, base, mayUsePort)
    if (url === undefined) return yield* failed("form of the address")
    const answer = yield* request(url, yield* addressesOf(url), limit)
    if (Either.isRight(answer)) return answer.right
    if (left === 0) return yield* failed("redirects")
    return yield* hop(answer.left, url, left - 1)
  })
  return (url) =>
    Effect.timeoutFail(hop(url, undefined, REDIRECTS), { duration: within, onTimeout: () => failed("time") })
}
