/**
 * Regular expressions of clients, matched in linear time: all ways at once instead of one after the other.
 *
 * What cannot be matched so (look-around, back references, more than 5,000 states) holds for every text.
 */

export interface Pattern {
  readonly test: (text: string) => boolean
  readonly toString: () => string
}

type Node =
  | { readonly kind: "one"; readonly test: (char: string) => boolean }
  | { readonly kind: "place"; readonly holds: (chars: ReadonlyArray<string>, at: number) => boolean }
  | { readonly kind: "all"; readonly nodes: ReadonlyArray<Node> }
  | { readonly kind: "any"; readonly nodes: ReadonlyArray<Node> }
  | { readonly kind: "repeat"; readonly node: Node; readonly min: number; readonly max: number }

type Step =
  | { readonly op: "one"; readonly test: (char: string) => boolean }
  | { readonly op: "place"; readonly holds: (chars: ReadonlyArray<string>, at: number) => boolean }
  | { readonly op: "fork"; first: number; second: number }
  | { readonly op: "match" }

const MAX_LENGTH = 4096
const MAX_STATES = 5000
const MAX_WORK = 20_000_000

const QUANTIFIER = /^(?:([*+?])|\{(\d+)(?:(,)(\d*))?\})\??/
const ESCAPE = /^\\(?:u\{[\da-f]+\}|u[\da-f]{4}|x[\da-f]{2}|c[a-z]|[pP]\{[^}]*\}|0(?!\d)|[^\dk])/iu
const PAIR = /^\\ud[89ab][\da-f]{2}\\ud[c-f][\da-f]{2}/i
const CLASS = /^\[(?:\\[\s\S]|[^\]\\])*\]/u

const isWord = (char: string | undefined) => char !== undefined && /^\w$/.test(char)
const isEdge = (chars: ReadonlyArray<string>, at: number) => isWord(chars[at - 1]) !== isWord(chars[at])
const places: Readonly<Record<string, (chars: ReadonlyArray<string>, at: number) => boolean>> = {
  "^": (_, at) => at === 0,
  $: (chars, at) => at === chars.length,
  "\\b": isEdge,
  "\\B": (chars, at) => !isEdge(chars, at)
}

/** Undefined when there is something in it that this cannot do. */
const parse = (pattern: string, flags: string): Node | undefined => {
  let at = 0
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
    const node = alternatives()
    at++
    return node
  }

  const atom = (): Node => {
    const here = rest()
    const found = pattern[at] === "[" ? CLASS.exec(here) : pattern[at] === "\\" ? escape(here) : undefined
    if (found === null) supported = false
    if (found === null || found === undefined) {
      const char = take(flags === "u" && pattern.codePointAt(at)! > 0xffff ? 2 : 1)
      return char === "." ? single(char) : { kind: "one", test: (other) => other === char }
    }
    return single(take(found[0].length))
  }
  const escape = (here: string) => (flags === "u" ? PAIR.exec(here) : null) ?? ESCAPE.exec(here)
  // One character at a time, the engine of the language cannot go astray.
  const single = (source: string): Node => {
    const one = new RegExp(`^${source}$`, flags)
    return { kind: "one", test: (char) => one.test(char) }
  }

  const node = alternatives()
  return supported && at >= pattern.length ? node : undefined
}

/** Undefined when it takes too many states. */
const compile = (root: Node): ReadonlyArray<Step> | undefined => {
  const steps: Array<Step> = []
  const fork = () => {
    const step = { op: "fork" as const, first: steps.length + 1, second: 0 }
    if (steps.length <= MAX_STATES) steps.push(step)
    return step
  }
  const emit = (node: Node): void => {
    if (steps.length > MAX_STATES) return
    if (node.kind === "one") steps.push({ op: "one", test: node.test })
    else if (node.kind === "place") steps.push({ op: "place", holds: node.holds })
    else if (node.kind === "all") for (const one of node.nodes) emit(one)
    else if (node.kind === "any") either(node.nodes)
    else repeat(node.node, node.min, node.max)
  }
  const either = (nodes: ReadonlyArray<Node>) => {
    const ends: Array<{ first: number }> = []
    nodes.forEach((node, i) => {
      const choice = i < nodes.length - 1 ? fork() : undefined
      emit(node)
      if (choice === undefined) return
      ends.push(jump())
      choice.second = steps.length
    })
    for (const end of ends) end.first = steps.length
  }
  const jump = () => {
    const step = fork()
    step.second = step.first = -1
    return step
  }
  const repeat = (node: Node, min: number, max: number) => {
    for (let i = 0; i < min && steps.length <= MAX_STATES; i++) emit(node)
    if (max === Number.POSITIVE_INFINITY) {
      const start = steps.length
      const loop = fork()
      emit(node)
      jump().first = start
      loop.second = steps.length
      return
    }
    const ends: Array<{ second: number }> = []
    for (let i = min; i < max && steps.length <= MAX_STATES; i++) {
      ends.push(fork())
      emit(node)
    }
    for (const end of ends) end.second = steps.length
  }
  emit(root)
  steps.push({ op: "match" })
  return steps.length > MAX_STATES ? undefined : steps
}

const run = (steps: ReadonlyArray<Step>, chars: ReadonlyArray<string>): boolean => {
  const seen = new Int32Array(steps.length).fill(-1)
  let here: Array<number> = []
  let work = 0
  for (let at = 0; at <= chars.length; at++) {
    const open = [0, ...here]
    const waiting: Array<number> = []
    while (open.length > 0) {
      const i = open.pop()!
      if (i < 0 || seen[i] === at) continue
      seen[i] = at
      if (++work > MAX_WORK) return true
      const step = steps[i]!
      if (step.op === "match") return true
      if (step.op === "one") waiting.push(i)
      else if (step.op === "fork") open.push(step.second, step.first)
      else if (step.holds(chars, at)) open.push(i + 1)
    }
    const char = chars[at]
    if (char === undefined) return false
    here = waiting.filter((i) => (steps[i] as Extract<Step, { op: "one" }>).test(char)).map((i) => i + 1)
  }
  return false
}

/** Throws a SyntaxError where the language's own would. */
export const make = (pattern: string): Pattern => {
  const flags = isUnicode(pattern) ? "u" : ""
  const source = new RegExp(pattern, flags).toString()
  const node = pattern.length > MAX_LENGTH ? undefined : parse(pattern, flags)
  const steps = node === undefined ? undefined : compile(node)
  const charsOf = flags === "u" ? (text: string) => [...text] : (text: string) => text.split("")
  return { test: (text) => steps === undefined || run(steps, charsOf(text)), toString: () => source }
}

const isUnicode = (pattern: string): boolean => {
  try {
    return new RegExp(pattern, "u").unicode
  } catch {
    return false
  }
}

/** In the form that ajv takes. */
export const engine = Object.assign(make, { code: "Pattern.make" })
