/**
 * What a JSON value takes in memory, about, for what is bounded by it.
 */

/** What a value beside its texts takes, about. */
const VALUE = 16

/** Bytes, about; no more is looked at than it takes to be over `most`. */
export const weigh = (value: unknown, most: number): number => {
  let size = 0
  const open = [value]
  while (open.length > 0 && size <= most) {
    const one = open.pop()
    size += VALUE
    if (typeof one === "string") size += 2 * one.length
    if (Array.isArray(one)) for (const inner of one) open.push(inner)
    else if (typeof one === "object" && one !== null) {
      for (const [key, inner] of Object.entries(one)) {
        size += key.length
        open.push(inner)
      }
    }
  }
  return size
}
