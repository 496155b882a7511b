/**
 * Who may knock at all: names this server answers to, and web origins that may read its answers.
 */
import * as HttpServer from "@effect/platform/HttpServer"
import type * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import { Effect, Option } from "effect"
import { isLoopback } from "../../config/Config.ts"

type Request = HttpServerRequest.HttpServerRequest

export interface GateOptions {
  /** The address it listens on. */
  readonly host: string
  /** Some: who has none gets no answer anyway, whatever name a page gives this machine. */
  readonly apiKeys: ReadonlyArray<unknown>
  readonly allowedHosts: ReadonlyArray<string>
  readonly corsOrigins: ReadonlyArray<string>
}

/** Where the server listens, if it tells; else where the settings say. An app's own server listens where it likes. */
export const listensAt = (host: string): Effect.Effect<string> =>
  Effect.map(Effect.serviceOption(HttpServer.HttpServer), (server) =>
    Option.match(server, {
      onNone: () => host,
      onSome: ({ address }) => (address._tag === "TcpAddress" ? address.hostname : "localhost")
    })
  )

const nameOf = (host: string): string => host.replace(/:\d*$/, "").toLowerCase()

/** This machine, as containers on it name it. No page can have such a name: `.internal` is in no public DNS. */
const fromContainers = new Set(["host.docker.internal", "host.containers.internal"])

/** On loopback and without keys, a page that rebinds its own name to 127.0.0.1 must not get an answer. */
export const isHostAllowed = ({ allowedHosts, apiKeys, host }: GateOptions, { headers }: Request): boolean => {
  const asked = headers["host"]
  if (!isLoopback(host) || apiKeys.length > 0 || asked === undefined) return true
  const name = nameOf(asked)
  return (
    isLoopback(name) ||
    fromContainers.has(name) ||
    allowedHosts.some((other) => other.toLowerCase() === name || other.toLowerCase() === asked)
  )
}

/** Whether an origin is listed by itself, or by its scheme as in `vscode-webview://*`. */
export const isListed = (listed: ReadonlyArray<string>, origin: string): boolean =>
  listed.some((one) => one === origin || (one.endsWith("://*") && origin.startsWith(one.slice(0, -1))))

/** The caller's origin if it is a listed one. */
export const listedOrigin = ({ corsOrigins }: GateOptions, { headers }: Request): string | undefined => {
  const origin = headers["origin"]
  return origin !== undefined && isListed(corsOrigins, origin) ? origin : undefined
}

/** Whether a page may open a socket: where a key is asked for it has none; else it is this server's own, or listed. */
export const isOriginAllowed = (options: GateOptions, request: Request): boolean => {
  const { host, origin } = request.headers
  if (options.apiKeys.length > 0 || origin === undefined) return true
  return listedOrigin(options, request) !== undefined || origin.replace(/^https?:\/\//, "") === host
}

export const isPreflight = ({ headers, method }: Request): boolean =>
  method === "OPTIONS" && headers["origin"] !== undefined && headers["access-control-request-method"] !== undefined

/** On every answer once CORS is on, failures too: else the browser hides the reason. */
export const corsHeaders = (options: GateOptions, request: Request): Record<string, string> => {
  if (options.corsOrigins.length === 0) return {}
  const origin = listedOrigin(options, request)
  return {
    vary: "Origin",
    ...(origin === undefined
      ? {}
      : {
          "access-control-allow-origin": origin,
          "access-control-expose-headers":
            "x-request-id, request-id, openai-processing-ms, retry-after, retry-after-ms, x-lingma-instance, x-lingma-emulated, x-lingma-ignored-params"
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
      // Asked by Chrome before a page of a public site may call a private address.
      ...(headers["access-control-request-private-network"] === "true"
        ? { "access-control-allow-private-network": "true" }
        : {})
    }
  })
