/**
 * Cuts the descriptions of tools to a budget they share: the longest first, none shorter than it must be.
 */
import * as TokenEstimate from "../../tokens/TokenEstimate.ts"

/** The most tokens one may have so that all together keep to the budget. */
const share = (sizes: ReadonlyArray<number>, budget: number): number => {
  const rising = [...sizes].sort((a, b) => a - b)
  let left = budget
  for (const [index, size] of rising.entries()) {
    const equal = left / (rising.length - index)
    if (size > equal) return equal
    left -= size
  }
  return Number.POSITIVE_INFINITY
}

/** Ends before a surrogate pair rather than within it. */
const cut = (text: string, length: number): string => {
  const isWithin = /[\ud800-\udbff]/.test(text[length - 1] ?? "")
  return `${text.slice(0, isWithin ? length - 1 : length)}…`
}

export const fit = (texts: ReadonlyArray<string>, budget: number): ReadonlyArray<string> => {
  const sizes = texts.map(TokenEstimate.estimate)
  const most = share(sizes, budget)
  return texts.map((text, index) => {
    const size = sizes[index]!
    return size <= most ? text : cut(text, Math.floor((text.length * most) / size))
  })
}
