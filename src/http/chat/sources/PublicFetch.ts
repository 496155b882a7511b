/**
 * Fetches what a client's URL names, with SSRF protection.
 *
 * The host is resolved once per hop, all its addresses are checked, and the connection uses only those. Redirects are
 * checked like the first hop.
 */
import { Resolver } from "node:dns/promises"
import * as http from "node:http"
import * as https from "node:https"
import { isIP, type LookupFunction } from "node:net"
import { Context, Data, type Duration, Effect, Either } from "effect"
import { isPublic } from "./PublicAddress.ts"

/** For the log, and for what the caller makes of it: responses do not tell the reason of a private address. */
export class NotFetched extends Data.TaggedError("NotFetched")<{ readonly reason: string }> {}

/** Reasons that a caller may tell apart. */
export const TOO_LARGE = "too large"
export const NOT_WANTED = "not wanted"

/** What the names and addresses of the outside are; the tests have their own. */
export interface Network {
  readonly resolve: (host: string) => Effect.Effect<ReadonlyArray<string>, NotFetched>
  readonly mayConnect: (address: string) => boolean
  readonly mayUsePort: (port: number) => boolean
}

export interface PublicFetchOptions {
  readonly network?: Partial<Network> | undefined
  /** Max bytes of an answer. */
  readonly limit: number
  readonly within: Duration.DurationInput
  /** Of answers, for the `accept` header. */
  readonly types: string
  /** Why an answer of this type is not read at all. */
  readonly refuses?: (type: string) => string | undefined
  /** Why it is not read on, by its beginning, which grows; asked for a last time at its end. */
  readonly rejects?: (bytes: Buffer, isWhole: boolean) => string | undefined
}

export interface Fetched {
  /** Where it came from in the end. */
  readonly url: URL
  /** Its `content-type`, empty where it has none. */
  readonly type: string
  readonly bytes: Buffer
}

const REDIRECTS = 3
/** Max addresses tried. */
const MOST_ADDRESSES = 16

/** Compressed, although that was not asked for. */
export const ENCODED = "content encoding"

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

/** The network that services use: the real one, unless a layer says otherwise. */
export class PublicNetwork extends Context.Reference<PublicNetwork>()("lingma-gateway/http/PublicNetwork", {
  defaultValue: (): Partial<Network> => ({})
}) {}

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

/** One request: an answer, or Left with the redirect's target. */
const request = (
  url: URL,
  addresses: ReadonlyArray<string>,
  { limit, refuses, rejects, types }: PublicFetchOptions
): Effect.Effect<Hop, NotFetched> =>
  Effect.async((resume) => {
    const { request } = url.protocol === "https:" ? https : http
    const headers = { accept: types, "accept-encoding": "identity", "user-agent": "lingma-gateway" }
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
      const type = headers["content-type"] ?? ""
      const refused = refuses?.(type)
      if (refused !== undefined) return fail(refused)
      // Some send what they have, whatever was asked for.
      if (!/^(?:identity)?$/i.test((headers["content-encoding"] ?? "").trim())) return fail(ENCODED)
      if (Number(headers["content-length"] ?? 0) > limit) return fail(TOO_LARGE)
      // One growing buffer: a list of tiny chunks would take many times the limit.
      let held = Buffer.allocUnsafe(Math.min(limit, 64 << 10))
      let size = 0
      const onData = (part: Buffer) => {
        if (size + part.length > limit) return fail(TOO_LARGE)
        if (size + part.length > held.length) {
          const larger = Buffer.allocUnsafe(Math.min(limit, Math.max(held.length * 2, size + part.length)))
          held.copy(larger, 0, 0, size)
          held = larger
        }
        part.copy(held, size)
        size += part.length
        const rejected = rejects?.(held.subarray(0, size), false)
        if (rejected !== undefined) fail(rejected)
      }
      response.on("data", onData).on("end", () => {
        const bytes = held.subarray(0, size)
        const rejected = response.complete ? rejects?.(bytes, true) : "broke off"
        if (rejected !== undefined) fail(rejected)
        else end(Effect.succeed(Either.right({ url, type, bytes })))
      })
    }
    asked
      .on("response", onResponse)
      .on("error", () => fail("no connection"))
      .on("close", () => fail("closed"))
      .end()
    return Effect.sync(() => asked.destroy())
  })

/** `mayVisit` is asked for each hop. */
export type PublicFetch = (url: string, mayVisit?: (url: URL) => boolean) => Effect.Effect<Fetched, NotFetched>

export const make = (options: PublicFetchOptions): PublicFetch => {
  const { mayConnect = isPublic, mayUsePort = isWeb, resolve = fromDns } = options.network ?? {}
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
    left: number,
    mayVisit: (url: URL) => boolean
  ): Effect.fn.Return<Fetched, NotFetched> {
    const url = target(text, base, mayUsePort)
    if (url === undefined) return yield* failed("form of the address")
    if (!mayVisit(url)) return yield* failed(NOT_WANTED)
    const answer = yield* request(url, yield* addressesOf(url), options)
    if (Either.isRight(answer)) return answer.right
    if (left === 0) return yield* failed("redirects")
    return yield* hop(answer.left, url, left - 1, mayVisit)
  })
  return (url, mayVisit = () => true) =>
    Effect.timeoutFail(hop(url, undefined, REDIRECTS, mayVisit), {
      duration: options.within,
      onTimeout: () => failed("time")
    })
}
