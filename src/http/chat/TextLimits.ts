/**
 * Length and count limits of request fields that are not content. Content is bounded by the body
 * (`GATEWAY_BODY_LIMIT_MB`) and processed in linear time.
 */
import { Schema } from "effect"

export const atMost = (max: number) => Schema.String.pipe(Schema.maxLength(max))

/** An enum-like value: a type, a level, a media type. */
export const Word = atMost(256)
/** Ids of calls, items, responses and files. */
export const Id = atMost(512)
/** Tool names, with namespace. */
export const Name = atMost(512)
/** User and session ids; agents send a few hundred characters of JSON. */
export const Label = atMost(4096)
/** Titles, and URLs that are not fetched. */
export const Title = atMost(16_384)
/** Tool descriptions and grammars; known agents send up to 20,000 characters. */
export const Description = atMost(1 << 17)
/** Stop sequences of a request, together: the automaton takes about 100 bytes per character. */
export const Stop = atMost(256).pipe(Schema.minLength(1))

/** Max number of items per request. */
export const counts = { parts: 16_384, calls: 1024, words: 64, bias: 1024 } as const

export const listOf = <A, I>(item: Schema.Schema<A, I>, max: number) => Schema.Array(item).pipe(Schema.maxItems(max))
