/**
 * What the edge needs from a dialect: which requests belong to it, and how it formats errors.
 */
import type * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import { Array as Arr } from "effect"
import type { ChatError } from "../../domain/ChatError.ts"
import type { Refusal } from "./EdgeError.ts"

export interface Dialect {
  /** Whether a request belongs to the dialect, by its path without the query, and its headers. */
  readonly claims: (path: string, headers: Readonly<Record<string, unknown>>) => boolean
  /** Path prefixes followed by an id that may contain slashes, such as `/v1/models/`. */
  readonly idRoots: ReadonlyArray<string>
  /** Rewrites the URL to the one registered with the router. */
  readonly route: (url: string) => string
  readonly respond: (problem: Refusal | ChatError, requestId: string) => HttpServerResponse.HttpServerResponse
  /** Headers added to every response of the dialect. */
  readonly headers?: (requestId: string) => Readonly<Record<string, string>>
}

/** In order of precedence; the last one is the fallback for all other requests. */
export type Dialects = Arr.NonEmptyReadonlyArray<Dialect>

/** The first dialect that claims the request. */
export const of = (dialects: Dialects, ...[path, headers]: Parameters<Dialect["claims"]>): Dialect =>
  dialects.find(({ claims }) => claims(path, headers)) ?? Arr.lastNonEmpty(dialects)
