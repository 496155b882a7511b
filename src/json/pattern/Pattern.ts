/**
 * Matches clients' regular expressions in linear time with an NFA simulation instead of backtracking.
 *
 * Patterns that this cannot match (look-around, back references, more than 2,000 states) accept every text, and so does
 * any match that exceeds its step budget.
 */
import { Lru } from "../../runtime/Lru.ts"
import { type Char, MAX_LENGTH, type Node, type Place, parse } from "./PatternSyntax.ts"

/** Remaining step budget, shared by all matches of one validation. */
export interface Work {
  left: number
}

export interface Pattern {
  readonly test: (text: string, work: Work) => boolean
}

type Step =
  | { readonly op: "one"; readonly test: (char: string) => boolean }
  | { readonly op: "place"; readonly holds: Place }
  | { readonly op: "fork"; first: number; second: number }
  | { readonly op: "match" }

/** Max states of one pattern; each character may visit all of them. */
const MAX_STATES = 2000
/** Max states of all cached patterns, about 100 bytes each. */
const MAX_CACHED_STATES = 50_000
/** Cost of a character class in states, for the cache limit: a Unicode class takes some kilobytes. */
const COST_OF_CLASS = 20
/** Cost of parsing one character of a pattern, in steps. */
const COST_OF_PARSING = 20

/** Undefined if it needs too many states. */
const compile = (root: Node): ReadonlyArray<Step> | undefined => {
  const steps: Array<Step> = []
  const fork = () => {
    const step = { op: "fork" as const, first: steps.length + 1, second: 0 }
    if (steps.length <= MAX_STATES) steps.push(step)
    return step
  }
  // Bounds repetitions of empty patterns, which create no states.
  let emitted = 0
  const isOver = () => steps.length > MAX_STATES || emitted > 10 * MAX_STATES
  const emit = (node: Node): void => {
    emitted++
    if (isOver()) return
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
    for (let i = 0; i < min && !isOver(); i++) emit(node)
    if (max === Number.POSITIVE_INFINITY) {
      const start = steps.length
      const loop = fork()
      emit(node)
      jump().first = start
      loop.second = steps.length
      return
    }
    const ends: Array<{ second: number }> = []
    for (let i = min; i < max && !isOver(); i++) {
      ends.push(fork())
      emit(node)
    }
    for (const end of ends) end.second = steps.length
  }
  emit(root)
  steps.push({ op: "match" })
  return isOver() ? undefined : steps
}

interface Program {
  /** Undefined if the pattern accepts every text. */
  readonly steps: ReadonlyArray<Step> | undefined
  readonly cost: number
  /** Cost of its compilation, in steps. */
  readonly making: number
}

/** Unanchored: a match may start at any character. */
const run = (steps: ReadonlyArray<Step>, text: string, isUnicode: boolean, work: Work): boolean => {
  work.left -= steps.length / 16
  const seen = new Int32Array(steps.length).fill(-1)
  const open: Array<number> = []
  let here: Array<number> = []
  let next: Array<number> = []
  let before: Char
  for (let at = 0; ; ) {
    const code = isUnicode ? text.codePointAt(at) : at < text.length ? text.charCodeAt(at) : undefined
    const char = code === undefined ? undefined : String.fromCodePoint(code)
    open.push(0)
    for (const i of here) open.push(i)
    here.length = 0
    while (open.length > 0) {
      const i = open.pop()!
      if (i < 0 || seen[i] === at) continue
      seen[i] = at
      if (--work.left < 0) return true
      const step = steps[i]!
      if (step.op === "match") return true
      if (step.op === "one") {
        if (char !== undefined && step.test(char)) next.push(i + 1)
      } else if (step.op === "fork") open.push(step.second, step.first)
      else if (step.holds(before, char)) open.push(i + 1)
    }
    if (char === undefined) return false
    ;[here, next] = [next, here]
    before = char
    at += char.length
  }
}

const isUnicode = (pattern: string): boolean => {
  try {
    return new RegExp(pattern, "u").unicode
  } catch {
    return false
  }
}

const programOf = (pattern: string, flags: string): Program => {
  const parsed = pattern.length > MAX_LENGTH ? undefined : parse(pattern, flags)
  const steps = parsed === undefined ? undefined : compile(parsed.node)
  const tried = parsed === undefined ? 0 : (steps?.length ?? 10 * MAX_STATES)
  return {
    steps,
    cost: 20 + pattern.length + (steps?.length ?? 0) + COST_OF_CLASS * (parsed?.classes ?? 0),
    making: tried + COST_OF_PARSING * pattern.length
  }
}

/** Bounded by their cost, because clients supply the patterns. */
const programs = new Lru<string, Program>(MAX_CACHED_STATES, ({ cost }) => cost)

/** Size of the cache, in states. */
export const remembered = (): number => programs.cost

const program = (pattern: string, flags: string, work: Work): Program =>
  programs.getOrMake(pattern, () => {
    const made = programOf(pattern, flags)
    work.left -= made.making
    return made
  })

/** Throws a SyntaxError like `RegExp`. Compiled on first use. */
export const make = (pattern: string): Pattern => {
  const flags = isUnicode(pattern) ? "u" : ""
  if (flags === "") new RegExp(pattern)
  return {
    test: (text, work) => {
      if (work.left <= 0) return true
      const { steps } = program(pattern, flags, work)
      return steps === undefined || run(steps, text, flags === "u", work)
    }
  }
}
