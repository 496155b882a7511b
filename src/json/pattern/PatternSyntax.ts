/**
 * Parser for the subset of regular expressions that can be matched in linear time.
 */

/** One character; undefined before the first and after the last one. */
export type Char = string | undefined
export type Place = (before: Char, after: Char) => boolean

export type Node =
  | { readonly kind: "one"; readonly test: (char: string) => boolean }
  | { readonly kind: "place"; readonly holds: Place }
  | { readonly kind: "all"; readonly nodes: ReadonlyArray<Node> }
  | { readonly kind: "any"; readonly nodes: ReadonlyArray<Node> }
  | { readonly kind: "repeat"; readonly node: Node; readonly min: number; readonly max: number }

export interface Parsed {
  readonly node: Node
  /** Number of distinct classes and escapes. */
  readonly classes: number
}

export const MAX_LENGTH = 4096
/** Max nesting of groups. */
const MAX_DEPTH = 100

const QUANTIFIER = /^(?:([*+?])|\{(\d+)(?:(,)(\d*))?\})\??/
const ESCAPE = /^\\(?:u\{[\da-f]+\}|u[\da-f]{4}|x[\da-f]{2}|c[a-z]|[pP]\{[^}]*\}|0(?!\d)|[^\dk])/iu
const PAIR = /^\\ud[89ab][\da-f]{2}\\ud[c-f][\da-f]{2}/i
const CLASS = /^\[(?:\\[\s\S]|[^\]\\])*\]/u

const isWord = (char: Char) => char !== undefined && /^\w$/.test(char)
const isEdge: Place = (before, after) => isWord(before) !== isWord(after)
const places: Readonly<Record<string, Place>> = {
  "^": (before) => before === undefined,
  $: (_, after) => after === undefined,
  "\\b": isEdge,
  "\\B": (before, after) => !isEdge(before, after)
}

/** A class or an escape, with a lookup table for ASCII. `RegExp` is safe for a single character. */
const single = (source: string, flags: string): ((char: string) => boolean) => {
  const one = new RegExp(`^${source}$`, flags)
  const known = new Int8Array(128)
  return (char) => {
    const code = char.length === 1 ? char.charCodeAt(0) : 128
    if (code >= 128) return one.test(char)
    if (known[code] === 0) known[code] = one.test(char) ? 1 : -1
    return known[code] === 1
  }
}

/** Undefined if the pattern uses an unsupported feature. */
export const parse = (pattern: string, flags: string): Parsed | undefined => {
  const singles = new Map<string, (char: string) => boolean>()
  let at = 0
  let depth = 0
  let supported = true
  const rest = () => pattern.slice(at, at + MAX_LENGTH)
  const take = (length: number) => {
    at += length
    return pattern.slice(at - length, at)
  }

  const alternatives = (): Node => {
    const nodes = [sequence()]
    while (pattern[at] === "|") {
      at++
      nodes.push(sequence())
    }
    return nodes.length === 1 ? nodes[0]! : { kind: "any", nodes }
  }

  const sequence = (): Node => {
    const nodes: Array<Node> = []
    while (supported && at < pattern.length && pattern[at] !== "|" && pattern[at] !== ")") nodes.push(term())
    return { kind: "all", nodes }
  }

  const term = (): Node => {
    const place = places[pattern.slice(at, at + 2)] ?? places[pattern[at]!]
    if (place !== undefined) {
      at += pattern[at] === "\\" ? 2 : 1
      return { kind: "place", holds: place }
    }
    return quantified(pattern[at] === "(" ? group() : atom())
  }

  const quantified = (node: Node): Node => {
    const found = QUANTIFIER.exec(rest())
    if (found === null) return node
    at += found[0].length
    const [, sign, min, comma, max] = found
    if (sign !== undefined) {
      return { kind: "repeat", node, min: sign === "+" ? 1 : 0, max: sign === "?" ? 1 : Number.POSITIVE_INFINITY }
    }
    const most = comma === undefined ? Number(min) : max === "" ? Number.POSITIVE_INFINITY : Number(max)
    return { kind: "repeat", node, min: Number(min), max: most }
  }

  const group = (): Node => {
    const opening = /^\((?:\?:|\?<[^=!>][^>]*>|(?!\?))/u.exec(rest())
    if (opening === null) supported = false
    at += opening?.[0].length ?? 1
    if (++depth > MAX_DEPTH) supported = false
    const node = alternatives()
    depth--
    at++
    return node
  }

  const atom = (): Node => {
    const here = rest()
    const found = pattern[at] === "[" ? CLASS.exec(here) : pattern[at] === "\\" ? escape(here) : undefined
    if (found === null) supported = false
    if (found === null || found === undefined) {
      const char = take(flags === "u" && pattern.codePointAt(at)! > 0xffff ? 2 : 1)
      return char === "." ? one(char) : { kind: "one", test: (other) => other === char }
    }
    return one(take(found[0].length))
  }
  const escape = (here: string) => (flags === "u" ? PAIR.exec(here) : null) ?? ESCAPE.exec(here)
  const one = (source: string): Node => {
    const test = singles.get(source) ?? single(source, flags)
    singles.set(source, test)
    return { kind: "one", test }
  }

  const node = alternatives()
  return supported && at >= pattern.length ? { node, classes: singles.size } : undefined
}
