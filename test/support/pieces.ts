/**
 * Texts cut anywhere, also inside of characters.
 */
import { FastCheck } from "effect"

export const cuts = FastCheck.oneof(
  FastCheck.array(FastCheck.nat(80), { maxLength: 8 }),
  // Unit by unit.
  FastCheck.constant(Array.from({ length: 400 }, (_, i) => i))
)

export const split = (whole: string, at: ReadonlyArray<number>): ReadonlyArray<string> => {
  const places = [0, ...[...at].sort((a, b) => a - b), Math.max(whole.length, 400)]
  return places.slice(1).map((place, i) => whole.slice(places[i], place))
}

export const textOf = (words: ReadonlyArray<string>, maxLength = 24): FastCheck.Arbitrary<string> =>
  FastCheck.array(FastCheck.constantFrom(...words), { maxLength }).map((parts) => parts.join(""))
