/**
 * Truncates tool descriptions to a shared token budget, the longest first, no more than necessary.
 */
import * as TokenEstimate from "../../tokens/TokenEstimate.ts"

/** Max tokens per description so that the total stays within the budget. */
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

/** Never cuts inside a surrogate pair. */
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
