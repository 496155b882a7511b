/**
 * Authentication: API keys for the dialects, admin keys for `/internal`.
 *
 * A given key is found by its digest; admin keys and the token of `/metrics` are compared in constant time.
 */
import { createHash, timingSafeEqual } from "node:crypto"
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import { Clock, Context, Effect, Layer, Option, Redacted } from "effect"
import type { GatewayConfig } from "../../config/Config.ts"
import { derive, LiveSettings } from "../../config/LiveSettings.ts"
import { anonymous, type Caller } from "../../domain/keys/Caller.ts"
import type { Key } from "../../team/keys/Key.ts"
import * as KeyRing from "../../team/keys/KeyRing.ts"
import { CallerRefused, KeyRefused } from "./EdgeError.ts"

type Request = HttpServerRequest.HttpServerRequest
type Check<E> = (request: Request) => Effect.Effect<void, E>

/** Where a request has the key that it was let in with, and of which keys that is one. */
const found = Symbol("lingma-gateway/http/Auth/key")
const among = Symbol("lingma-gateway/http/Auth/among")
type Asking = Request & { [found]?: Key | undefined; [among]?: ReadonlyArray<Key> }

interface Given {
  /** Empty: keys of API_KEYS also give access to the administration. */
  readonly adminKeys: ReadonlyArray<Redacted.Redacted>
  /** Some: the only key accepted for `/metrics`. */
  readonly metricsToken?: Option.Option<Redacted.Redacted>
  readonly origins: ReadonlyArray<string>
}

export interface AuthOptions extends Given {
  /** Empty: no authentication. */
  readonly apiKeys: ReadonlyArray<Redacted.Redacted>
}

const digest = (text: string) => createHash("sha256").update(text).digest()

/** Made once: to make it anew for each request took longer than to use it. */
const bearer = /^bearer +(\S+) *$/i

/** From `Authorization: Bearer`, `x-api-key`, or `api-key`, as clients of Azure send it. */
export const keyOf = ({ headers }: Request): string | undefined =>
  bearer.exec(headers["authorization"] ?? "")?.[1] ?? headers["x-api-key"] ?? headers["api-key"]

/** A key that went away since the request was let in. */
const unknown: Caller = { id: "unknown", name: "unknown", weight: 1 }

const oneOf = (keys: ReadonlyArray<Redacted.Redacted>): ((given: string) => boolean) => {
  const digests = keys.map((key) => digest(Redacted.value(key)))
  return (given) => {
    const asked = digest(given)
    let same = 0
    for (const known of digests) same |= timingSafeEqual(known, asked) ? 1 : 0
    return same === 1
  }
}

/** No name that a page of somebody else could have had resolved to this machine. */
const isLocal = /^(?:localhost|[\d.]+|\[[\da-f:.]+\])(?::\d+)?$/i
/** What is made of the keys that are given beside those of the ring. */
const toChecks = ({ adminKeys, metricsToken = Option.none(), origins }: Given) => ({
  hasAdminKeys: adminKeys.length > 0,
  isAdminKey: oneOf(adminKeys),
  isMetricsToken: Option.map(metricsToken, (token) => oneOf([token])),
  origins
})
type Checks = ReturnType<typeof toChecks>

const checksOf = derive((settings) => toChecks({ ...settings, origins: settings.corsOrigins }))

const missing = new KeyRefused({ reason: "missing" })
const wrong = new KeyRefused({ reason: "wrong" })
const expired = new KeyRefused({ reason: "expired" })
const notAdmin = new KeyRefused({ reason: "not_admin" })

/** A key is asked for, and `isGood` says whether it is one. */
const checked =
  (isGood: (given: string) => boolean, refusal: (given: string) => KeyRefused = () => wrong): Check<KeyRefused> =>
  (request) => {
    const given = keyOf(request)
    if (given === undefined || given === "") return missing
    return isGood(given) ? Effect.void : refusal(given)
  }

export class Auth extends Context.Tag("lingma-gateway/http/Auth")<
  Auth,
  {
    readonly api: Check<KeyRefused>
    /** The key of a request that `api` has accepted; undefined where none is needed. */
    readonly key: (request: Request) => Key | undefined
    /** By the API key, which it does not reveal; for requests that `api` has accepted. */
    readonly caller: (request: Request) => Caller
    /** All of them. */
    readonly keys: () => ReadonlyArray<Key>
    /** No key is needed. */
    readonly isOpen: () => boolean
    readonly onRevoked: KeyRing.Ring["onRevoked"]
    /** For `/metrics`: METRICS_TOKEN if set, else an admin key, or a key of API_KEYS. */
    readonly metrics: Check<KeyRefused>
    /**
     * Also rejects web origins other than the gateway's own that are not listed exactly; a listed scheme such as
     * `app://*` is not enough.
     */
    readonly admin: Check<KeyRefused | CallerRefused>
    /** Who that is, without telling the key: for the log. */
    readonly administrator: (request: Request) => string
  }
>() {
  static readonly ofRing = (ring: KeyRing.Ring, given: Given): typeof Auth.Service => {
    const checks = toChecks(given)
    return Auth.ofLive(ring, () => checks)
  }

  /** `now` gives the checks that are in effect. */
  static readonly ofLive = (ring: KeyRing.Ring, now: () => Checks): typeof Auth.Service => {
    /** Keys of API_KEYS stand in for admin keys where there are none; other keys only if they are made for it. */
    const mayAdminister = (given: string, settings: boolean) => {
      if (now().isAdminKey(given)) return true
      const key = ring.find(given)
      return key !== undefined && (key.isAdmin || (settings && key.source === "settings"))
    }
    const isUnkeyed = () => !now().hasAdminKeys && ring.isOpen()
    const unlessUnkeyed =
      (check: Check<KeyRefused>): Check<KeyRefused> =>
      (request) =>
        isUnkeyed() ? Effect.void : check(request)
    const byAdmin = unlessUnkeyed(
      checked(
        (given) => mayAdminister(given, !now().hasAdminKeys),
        (given) => (ring.find(given) === undefined ? wrong : notAdmin)
      )
    )
    // The gateway's own page, at the host that the edge has let in; browsers send no other origin's name as theirs.
    const isOwn = (origin: string, host = "") =>
      origin.replace(/^https?:\/\//, "") === host && (!isUnkeyed() || isLocal.test(host))
    const isForeign = ({ headers: { host, origin } }: Request) =>
      origin !== undefined && !now().origins.includes(origin) && !isOwn(origin, host)
    const administrator = (request: Request) => {
      const given = keyOf(request) ?? ""
      return (
        ring.find(given)?.name ?? (given !== "" && now().isAdminKey(given) ? "a key of ADMIN_KEYS" : "nobody by name")
      )
    }
    const byMetricsToken = checked((given) => Option.exists(now().isMetricsToken, (isToken) => isToken(given)))
    const byAnyAdmin = unlessUnkeyed(checked((given) => mayAdminister(given, true)))
    /** Looked up anew at the door, and once the keys have changed; each look takes a digest. */
    const lookUp = (request: Asking, given: string) => {
      const key = ring.find(given)
      request[found] = key
      request[among] = ring.all()
      return key
    }
    const key = (request: Asking) => {
      if (ring.isOpen()) return undefined
      return request[among] === ring.all() ? request[found] : lookUp(request, keyOf(request) ?? "")
    }
    const byKey: Check<KeyRefused> = (request) => {
      const given = keyOf(request)
      if (given === undefined || given === "") return missing
      if (lookUp(request, given) !== undefined) return Effect.void
      return ring.hasExpired(given) ? expired : wrong
    }
    return {
      api: (request) => (ring.isOpen() ? Effect.void : byKey(request)),
      key,
      caller: (request) => (ring.isOpen() ? anonymous : (key(request) ?? unknown)),
      keys: ring.all,
      isOpen: ring.isOpen,
      onRevoked: ring.onRevoked,
      administrator,
      metrics: (request) => (Option.isSome(now().isMetricsToken) ? byMetricsToken : byAnyAdmin)(request),
      admin: (request) => (isForeign(request) ? new CallerRefused({ reason: "origin" }) : byAdmin(request))
    }
  }

  /** With keys that never change. */
  static readonly make = ({ apiKeys, ...given }: AuthOptions): typeof Auth.Service =>
    Auth.ofRing(KeyRing.fixed(KeyRing.ofSettings(apiKeys), Clock.make()), given)

  /** Over the `KeyRing` in the context, else over API_KEYS alone. */
  static readonly layer: Layer.Layer<Auth, never, GatewayConfig> = Layer.scoped(
    Auth,
    Effect.gen(function* () {
      const live = yield* LiveSettings.get
      const ring = yield* Option.match(yield* Effect.serviceOption(KeyRing.KeyRing), {
        onNone: () => KeyRing.ofLive(live, Clock.make()),
        onSome: Effect.succeed
      })
      return Auth.ofLive(ring, () => checksOf(live.current))
    })
  )
}

/** The key check as API middleware; `told` words a rejection in the dialect's shape. */
export const routeCheck = <F>(told: (refusal: KeyRefused) => Effect.Effect<never, F>) =>
  Effect.map(Auth, (auth) => {
    const check = () =>
      Effect.flatMap(HttpServerRequest.HttpServerRequest, (request) => Effect.catchAll(auth.api(request), told))
    // The same check for both schemes: `keyOf` reads whichever header is there.
    return { bearer: check, apiKey: check }
  })
