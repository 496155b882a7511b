/**
 * Host and CORS policy: which `Host` names are accepted, and which web origins may read responses.
 */
import * as HttpServer from "@effect/platform/HttpServer"
import type * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import { Effect, Option } from "effect"
import { isLoopback } from "../../config/Config.ts"

type Request = HttpServerRequest.HttpServerRequest

export interface GateOptions {
  /** Listen address. */
  readonly host: string
  /** Where a key is asked for, `Host` is not checked: a rebinding page has none. */
  readonly isOpen: () => boolean
  readonly allowedHosts: ReadonlyArray<string>
  readonly corsOrigins: ReadonlyArray<string>
}

/** The address of the `HttpServer` in the context, which may be an embedding app's; else the configured one. */
export const listensAt = (host: string): Effect.Effect<string> =>
  Effect.map(Effect.serviceOption(HttpServer.HttpServer), (server) =>
    Option.match(server, {
      onNone: () => host,
      onSome: ({ address }) => (address._tag === "TcpAddress" ? address.hostname : "localhost")
    })
  )

const nameOf = (host: string): string => host.replace(/:\d*$/, "").toLowerCase()

/** Names by which containers reach their host. Safe to allow: `.internal` is not a public top-level domain. */
const fromContainers = new Set(["host.docker.internal", "host.containers.internal"])

/** DNS rebinding protection, for loopback without API keys. */
export const isHostAllowed = ({ allowedHosts, host, isOpen }: GateOptions, { headers }: Request): boolean => {
  const asked = headers["host"]
  if (!isLoopback(host) || !isOpen() || asked === undefined) return true
  const name = nameOf(asked)
  return (
    isLoopback(name) ||
    fromContainers.has(name) ||
    allowedHosts.some((other) => other.toLowerCase() === name || other.toLowerCase() === asked)
  )
}

/** Whether an origin is listed, exactly or by its scheme as in `vscode-webview://*`. */
export const isListed = (listed: ReadonlyArray<string>, origin: string): boolean =>
  listed.some((one) => one === origin || (one.endsWith("://*") && origin.startsWith(one.slice(0, -1))))

/** The request's origin, if it is listed. */
export const listedOrigin = ({ corsOrigins }: GateOptions, { headers }: Request): string | undefined => {
  const origin = headers["origin"]
  return origin !== undefined && isListed(corsOrigins, origin) ? origin : undefined
}

/** Whether a page may open a socket: where a key is asked for it has none; else it is this server's own, or listed. */
export const isOriginAllowed = (options: GateOptions, request: Request): boolean => {
  const { host, origin } = request.headers
  if (!options.isOpen() || origin === undefined) return true
  return listedOrigin(options, request) !== undefined || origin.replace(/^https?:\/\//, "") === host
}

export const isPreflight = ({ headers, method }: Request): boolean =>
  method === "OPTIONS" && headers["origin"] !== undefined && headers["access-control-request-method"] !== undefined

/** What a page may read of a response beside its body. */
const exposed = [
  "x-request-id, request-id, openai-processing-ms, retry-after, retry-after-ms",
  "x-lingma-instance, x-lingma-emulated, x-lingma-ignored-params, x-not-started",
  ...["requests", "tokens"].flatMap((what) => [
    ...["limit", "remaining", "reset"].map((part) => `x-ratelimit-${part}-${what}`),
    ...["limit", "remaining", "reset"].map((part) => `anthropic-ratelimit-${what}-${part}`)
  ])
].join(", ")

/** Added to every response when CORS is configured, errors included: otherwise the browser hides the error. */
export const corsHeaders = (options: GateOptions, request: Request): Record<string, string> => {
  if (options.corsOrigins.length === 0) return {}
  const origin = listedOrigin(options, request)
  return {
    vary: "Origin",
    ...(origin === undefined
      ? {}
      : {
          "access-control-allow-origin": origin,
          "access-control-expose-headers": exposed
        })
  }
}

export const preflight = ({ headers }: Request): HttpServerResponse.HttpServerResponse =>
  HttpServerResponse.empty({
    status: 204,
    headers: {
      "access-control-allow-methods": "GET, POST, DELETE, OPTIONS",
      "access-control-allow-headers": headers["access-control-request-headers"] ?? "authorization, content-type",
      "access-control-max-age": "600",
      // Private Network Access: sent by Chrome when a public site calls a private address.
      ...(headers["access-control-request-private-network"] === "true"
        ? { "access-control-allow-private-network": "true" }
        : {})
    }
  })
