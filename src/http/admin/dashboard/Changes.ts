/**
 * What differs between two states of the gateway: a stream of which only the tokens have grown is three numbers, in a text
 * that every open page gets each second.
 */
import type { LiveChat, Overview } from "./Overview.ts"

type Stream = typeof LiveChat.Type

/** The place in the list before, tokens, and tokens per second. */
export type Grown = readonly [place: number, tokens: number, tokensPerSecond: number | null]

export type Changes = Omit<Overview, "streams"> & { readonly streams: ReadonlyArray<Stream | Grown> }

const isSame = (a: Stream, b: Stream): boolean => {
  for (const name of Object.keys(b) as ReadonlyArray<keyof Stream>)
    if (name !== "tokens" && name !== "tokens_per_second" && a[name] !== b[name]) return false
  return true
}

export const between = (before: Overview, after: Overview): Changes => {
  const places = new Map(before.streams.map(({ id }, place) => [id, place] as const))
  return {
    ...after,
    streams: after.streams.map((one) => {
      const place = places.get(one.id)
      const known = place === undefined ? undefined : before.streams[place]
      return place === undefined || known === undefined || !isSame(known, one)
        ? one
        : [place, one.tokens, one.tokens_per_second]
    })
  }
}
