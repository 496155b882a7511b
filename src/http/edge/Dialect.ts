/**
 * What the edge must know of a dialect, and no more: which requests are its own and how it words a failure.
 */
import type * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import { Array as Arr } from "effect"
import type { ChatError } from "../../domain/ChatError.ts"
import type { Refusal } from "./EdgeError.ts"

export interface Dialect {
  /** By path, without the query, and headers. */
  readonly claims: (path: string, headers: Readonly<Record<string, unknown>>) => boolean
  /** Where ids are that may hold slashes, such as `/v1/models/`. */
  readonly idRoots: ReadonlyArray<string>
  /** The URL its router knows. */
  readonly route: (url: string) => string
  readonly respond: (problem: Refusal | ChatError, requestId: string) => HttpServerResponse.HttpServerResponse
  /** On every answer of its own. */
  readonly headers?: (requestId: string) => Readonly<Record<string, string>>
}

/** The last one claims all. */
export type Dialects = Arr.NonEmptyReadonlyArray<Dialect>

/** The first that claims a request. */
export const of = (dialects: Dialects, ...[path, headers]: Parameters<Dialect["claims"]>): Dialect =>
  dialects.find(({ claims }) => claims(path, headers)) ?? Arr.lastNonEmpty(dialects)
