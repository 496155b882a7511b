/**
 * Asks the gateway that runs at the address of the settings, by its admin API.
 */
import { Data, Effect, Either, Redacted, Schema } from "effect"
import type { Settings } from "../../config/Config.ts"

/** Nothing answers at the address, or not in time. */
export class Unreachable extends Data.TaggedError("Unreachable")<{ readonly message: string; readonly base: string }> {}

/** What answers refused the call, or is no gateway. */
export class Refused extends Data.TaggedError("Refused")<{
  readonly status: number
  readonly message: string
}> {}

/** The address at which this machine reaches a gateway of these settings. */
export const baseOf = ({ host, port }: Pick<Settings, "host" | "port">): string => {
  const name = host === "0.0.0.0" || host === "::" ? "127.0.0.1" : host
  return `http://${name.includes(":") ? `[${name}]` : name}:${port}`
}

/** The key of an administrator that the settings have, if any. */
export const keyOf = ({ adminKeys, apiKeys }: Pick<Settings, "adminKeys" | "apiKeys">) => [...adminKeys, ...apiKeys][0]

export interface Gateway {
  readonly base: string
  readonly key: Redacted.Redacted | undefined
}

export const of = (settings: Settings): Gateway => ({ base: baseOf(settings), key: keyOf(settings) })

export interface Answer {
  readonly status: number
  readonly headers: Headers
  /** Undefined where it is no JSON. */
  readonly body: unknown
}

const parsed = (text: string): unknown => {
  try {
    return JSON.parse(text) as unknown
  } catch {
    return undefined
  }
}

const authorization = (key: Redacted.Redacted | undefined): Record<string, string> =>
  key === undefined ? {} : { authorization: `Bearer ${Redacted.value(key)}` }

/** Whatever it answers. */
export const ask = (
  { base, key }: Gateway,
  path: string,
  options: { readonly within?: "1 second" | "5 seconds" | "10 minutes"; readonly init?: RequestInit } = {}
): Effect.Effect<Answer, Unreachable> =>
  Effect.tryPromise(async (signal): Promise<Answer> => {
    const init = options.init ?? {}
    const headers = { "content-type": "application/json", ...authorization(key) }
    const response = await fetch(base + path, { ...init, headers, redirect: "manual", signal })
    return { status: response.status, headers: response.headers, body: parsed(await response.text()) }
  }).pipe(
    Effect.timeout(options.within ?? "5 seconds"),
    Effect.mapError(() => new Unreachable({ base, message: `no gateway answers at ${base}` }))
  )

const ErrorBody = Schema.Struct({ error: Schema.Struct({ message: Schema.String }) })

/** Why a call failed, for people. */
const refusal = (base: string, { body, status }: Answer): Refused => {
  const told = Either.getOrUndefined(Schema.decodeUnknownEither(ErrorBody)(body))?.error.message
  if (status === 401 || status === 403) {
    return new Refused({
      status,
      message: `${base} asks for an administrator's key: set ADMIN_KEYS (or API_KEYS) as the gateway has it`
    })
  }
  return new Refused({ status, message: told ?? `what answers at ${base} is no Lingma gateway` })
}

/** An answer that is what it should be. */
export const read = <A, I>(
  gateway: Gateway,
  path: string,
  schema: Schema.Schema<A, I>,
  options: Parameters<typeof ask>[2] = {}
): Effect.Effect<A, Unreachable | Refused> =>
  Effect.flatMap(ask(gateway, path, options), (answer) =>
    answer.status >= 200 && answer.status < 300
      ? Effect.mapError(Schema.decodeUnknown(schema)(answer.body), () => refusal(gateway.base, { ...answer, body: {} }))
      : refusal(gateway.base, answer)
  )

/** What is known of a gateway without a key. */
export const Health = Schema.Struct({
  ok: Schema.Boolean,
  time: Schema.Int,
  emulated: Schema.Boolean,
  pool_size: Schema.Int,
  pool_ready: Schema.Int,
  instances: Schema.Array(
    Schema.Struct({
      name: Schema.String,
      state: Schema.String,
      ready: Schema.Boolean,
      reason: Schema.NullOr(Schema.String),
      in_flight: Schema.Int
    })
  )
})
export type Health = typeof Health.Type

export const health = (gateway: Gateway, within: "1 second" | "5 seconds" = "5 seconds") =>
  read(gateway, "/healthz", Health, { within })
