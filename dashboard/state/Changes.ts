/**
 * The state of the gateway after what differs from the one before; see the server's file of the same name.
 */
import type { Overview } from "../api/Types.ts"

type Stream = Overview["streams"][number]
/** The place in the list before, tokens, and tokens per second. */
type Grown = readonly [place: number, tokens: number, tokensPerSecond: number | null]

export type Changes = Omit<Overview, "streams"> & { readonly streams: ReadonlyArray<Stream | Grown> }

const isGrown = (one: Stream | Grown): one is Grown => Array.isArray(one)

export const after = (before: Overview, changes: Changes): Overview => ({
  ...changes,
  streams: changes.streams.flatMap((one) => {
    if (!isGrown(one)) return one
    const [place, tokens, tokensPerSecond] = one
    const known = before.streams[place]
    return known === undefined ? [] : { ...known, tokens, tokens_per_second: tokensPerSecond }
  })
})
