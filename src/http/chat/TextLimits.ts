/**
 * How long what clients write may be, in characters and in number, where it is not content: content is bounded by the
 * body (`GATEWAY_BODY_LIMIT_MB`), and read in time that grows with it.
 */
import { Schema } from "effect"

export const atMost = (max: number) => Schema.String.pipe(Schema.maxLength(max))

/** A word of a wire: a kind, a level, a type of media. */
export const Word = atMost(256)
/** Of calls, items, responses and files. */
export const Id = atMost(512)
/** Of a tool, with its namespace before it. */
export const Name = atMost(512)
/** Who asks, or what belongs together; agents write some hundred characters of JSON. */
export const Label = atMost(4096)
/** A title, an address that is not followed. */
export const Title = atMost(16_384)
/** What a tool is for, or its grammar: the longest of known agents take 20,000. */
export const Description = atMost(1 << 17)
/** An automaton is made of all of a request's: some 100 bytes for each character. */
export const Stop = atMost(256).pipe(Schema.minLength(1))

/** Most of something in one request. */
export const counts = { parts: 16_384, calls: 1024, words: 64, bias: 1024 } as const

export const listOf = <A, I>(item: Schema.Schema<A, I>, max: number) => Schema.Array(item).pipe(Schema.maxItems(max))
