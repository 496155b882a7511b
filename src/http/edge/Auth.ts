/**
 * Authentication: API keys for the dialects, admin keys for `/internal`.
 *
 * The given key is compared with every configured key, by digest and in constant time.
 */
import { createHash, timingSafeEqual } from "node:crypto"
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import { Context, Effect, Layer, Option, Redacted } from "effect"
import { GatewayConfig } from "../../config/Config.ts"
import { anonymous, type Caller } from "../../domain/keys/Caller.ts"
import { CallerRefused, KeyRefused } from "./EdgeError.ts"

type Request = HttpServerRequest.HttpServerRequest
type Check<E> = (request: Request) => Effect.Effect<void, E>

export interface AuthOptions {
  /** Empty: no authentication. */
  readonly apiKeys: ReadonlyArray<Redacted.Redacted>
  /** Empty: the API keys also give access to the administration. */
  readonly adminKeys: ReadonlyArray<Redacted.Redacted>
  /** Some: the only key accepted for `/metrics`. */
  readonly metricsToken?: Option.Option<Redacted.Redacted>
  readonly origins: ReadonlyArray<string>
}

const digest = (text: string) => createHash("sha256").update(text).digest()

/** From `Authorization: Bearer`, `x-api-key`, or `api-key`, as clients of Azure send it. */
export const keyOf = ({ headers }: Request): string | undefined =>
  /^bearer +(\S+) *$/i.exec(headers["authorization"] ?? "")?.[1] ?? headers["x-api-key"] ?? headers["api-key"]

/** The callers that `API_KEYS` names, `key-1` and so on, by their digest; everybody is one where there are no keys. */
const callers = (keys: ReadonlyArray<Redacted.Redacted>): ((request: Request) => Caller) => {
  if (keys.length === 0) return () => anonymous
  const idOf = (key: string) => digest(key).toString("base64url", 0, 16)
  const named = (id: string, name: string): Caller => ({ id, name, weight: 1 })
  const known = new Map<string, Caller>()
  for (const [i, key] of keys.entries()) {
    const id = idOf(Redacted.value(key))
    if (!known.has(id)) known.set(id, named(id, `key-${i + 1}`))
  }
  return (request) => {
    const id = idOf(keyOf(request) ?? "")
    return known.get(id) ?? named(id, "unknown")
  }
}

const among = (keys: ReadonlyArray<Redacted.Redacted>): Check<KeyRefused> => {
  const digests = keys.map((key) => digest(Redacted.value(key)))
  return (request) => {
    if (digests.length === 0) return Effect.void
    const key = keyOf(request)
    if (key === undefined || key === "") return new KeyRefused({ reason: "missing" })
    const given = digest(key)
    let same = 0
    for (const known of digests) same |= timingSafeEqual(known, given) ? 1 : 0
    return same === 1 ? Effect.void : new KeyRefused({ reason: "wrong" })
  }
}

export class Auth extends Context.Tag("lingma-gateway/http/Auth")<
  Auth,
  {
    readonly api: Check<KeyRefused>
    /** By the API key, which it does not reveal; for requests that `api` has accepted. */
    readonly caller: (request: Request) => Caller
    /** For `/metrics`: METRICS_TOKEN if set, else an admin or API key. */
    readonly metrics: Check<KeyRefused>
    /** Also rejects web origins that are not listed exactly; a listed scheme such as `app://*` is not enough. */
    readonly admin: Check<KeyRefused | CallerRefused>
  }
>() {
  static readonly make = ({
    adminKeys,
    apiKeys,
    metricsToken = Option.none(),
    origins
  }: AuthOptions): typeof Auth.Service => {
    const byAdmin = among(adminKeys.length > 0 ? adminKeys : apiKeys)
    const isForeign = ({ headers: { origin } }: Request) => origin !== undefined && !origins.includes(origin)
    return {
      api: among(apiKeys),
      caller: callers(apiKeys),
      metrics: among(
        Option.match(metricsToken, { onNone: () => [...adminKeys, ...apiKeys], onSome: (token) => [token] })
      ),
      admin: (request) => (isForeign(request) ? new CallerRefused({ reason: "origin" }) : byAdmin(request))
    }
  }

  static readonly layer: Layer.Layer<Auth, never, GatewayConfig> = Layer.effect(
    Auth,
    Effect.map(GatewayConfig, (config) => Auth.make({ ...config, origins: config.corsOrigins }))
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
