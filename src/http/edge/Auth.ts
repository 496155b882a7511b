/**
 * Who may call: API keys for the dialects, admin keys for `/internal`.
 *
 * Every configured key is compared, by digest and in constant time, whatever was sent.
 */
import { createHash, timingSafeEqual } from "node:crypto"
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import { Context, Effect, Layer, Option, Redacted } from "effect"
import { GatewayConfig } from "../../config/Config.ts"
import { CallerRefused, KeyRefused } from "./EdgeError.ts"

type Request = HttpServerRequest.HttpServerRequest
type Check<E> = (request: Request) => Effect.Effect<void, E>

export interface AuthOptions {
  /** None: everybody may call. */
  readonly apiKeys: ReadonlyArray<Redacted.Redacted>
  /** None: the API keys open the administration too. */
  readonly adminKeys: ReadonlyArray<Redacted.Redacted>
  /** Some: nothing else opens `/metrics`. */
  readonly metricsToken?: Option.Option<Redacted.Redacted>
  readonly origins: ReadonlyArray<string>
}

const digest = (text: string) => createHash("sha256").update(text).digest()

/** From `Authorization: Bearer`, `x-api-key`, or `api-key`, as clients of Azure send it. */
export const keyOf = ({ headers }: Request): string | undefined =>
  /^bearer +(\S+) *$/i.exec(headers["authorization"] ?? "")?.[1] ?? headers["x-api-key"] ?? headers["api-key"]

/** What stands for a caller where no key is asked for: they are all one. */
const NOBODY = ""

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
    /** Whose request it is: short, the same for the same API key, and not the key. Once `api` has passed it. */
    readonly caller: (request: Request) => string
    /** For `/metrics`: its own token, else an admin or API key. */
    readonly metrics: Check<KeyRefused>
    /** Also refuses every web origin that is not listed by itself: a listed scheme, as `app://*`, is not enough. */
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
      caller: (request) => (apiKeys.length === 0 ? NOBODY : digest(keyOf(request) ?? "").toString("base64url", 0, 16)),
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

/** The key check of routes by the router, each refusal as the dialect words it. */
export const routeCheck = <F>(told: (refusal: KeyRefused) => Effect.Effect<never, F>) =>
  Effect.map(Auth, (auth) => {
    const check = () =>
      Effect.flatMap(HttpServerRequest.HttpServerRequest, (request) => Effect.catchAll(auth.api(request), told))
    // Both schemes ask the same question: which header held a key is for `keyOf` to find out.
    return { bearer: check, apiKey: check }
  })
