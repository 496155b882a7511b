/**
 * Calls of the gateway's admin API: the key as a header, a time limit, and what went wrong as one class.
 */
import type * as HttpApiEndpoint from "@effect/platform/HttpApiEndpoint"
import type * as HttpApiGroup from "@effect/platform/HttpApiGroup"
import type { DashboardApi } from "../../src/http/admin/dashboard/Api.ts"
import type { HostsApi } from "../../src/http/admin/hosts/Api.ts"
import type { InspectApi } from "../../src/http/admin/inspect/Api.ts"
import type { InternalApi } from "../../src/http/admin/internal/Api.ts"
import type { KeysApi } from "../../src/http/admin/keys/Api.ts"
import type { UsageApi } from "../../src/http/admin/usage/Api.ts"
import { addressOf, type RouteName, routes } from "./Routes.ts"

type Endpoints = HttpApiGroup.HttpApiGroup.Endpoints<
  typeof DashboardApi | typeof HostsApi | typeof InspectApi | typeof InternalApi | typeof KeysApi | typeof UsageApi
>
/** Routes that the page names and the API has. */
export type Callable = RouteName & Endpoints["name"]
/** What a route answers, by the schema of the API. */
export type Answer<Name extends Callable> = HttpApiEndpoint.HttpApiEndpoint.SuccessWithName<Endpoints, Name>

/** The gateway's address: this script is served from `dashboard/assets/` below it. */
export const base = new URL("../../", import.meta.url)

/** The gateway refused; `status` 0 is that there was no answer. */
export class Refused extends Error {
  readonly status: number
  readonly code: string | null
  constructor(status: number, code: string | null, message: string) {
    super(message)
    this.status = status
    this.code = code
  }
}

export const PATIENCE_MILLIS = 20_000

export const headersOf = (key: string | undefined): Record<string, string> =>
  key === undefined ? {} : { authorization: `Bearer ${key}` }

/** The body of the gateway's errors, if it is one. */
export const refusalOf = async (response: Response): Promise<Refused> => {
  const text = await response.text().catch(() => "")
  try {
    const { error } = JSON.parse(text) as { readonly error?: { readonly code?: string; readonly message?: string } }
    return new Refused(response.status, error?.code ?? null, error?.message ?? response.statusText)
  } catch {
    return new Refused(response.status, null, response.statusText)
  }
}

export interface CallOptions {
  readonly params?: Readonly<Record<string, string>>
  readonly query?: Readonly<Record<string, string | undefined>>
  readonly body?: unknown
  readonly signal?: AbortSignal
}

export const callWith = async <Name extends Callable>(
  key: string | undefined,
  name: Name,
  { body, params, query, signal }: CallOptions = {}
): Promise<Answer<Name>> => {
  const patience = AbortSignal.timeout(PATIENCE_MILLIS)
  const init: RequestInit = {
    method: routes[name][0],
    headers: { ...headersOf(key), ...(body === undefined ? {} : { "content-type": "application/json" }) },
    cache: "no-store",
    credentials: "omit",
    signal: signal === undefined ? patience : AbortSignal.any([patience, signal]),
    ...(body === undefined ? {} : { body: JSON.stringify(body) })
  }
  const response = await fetch(new URL(addressOf(name, params, query), base), init).catch(() => {
    throw new Refused(0, null, "")
  })
  if (!response.ok) throw await refusalOf(response)
  return (await response.json()) as Answer<Name>
}
