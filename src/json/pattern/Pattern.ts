/**
 * Regular expressions of clients, matched in linear time: all ways at once instead of one after the other.
 *
 * What cannot be matched so (look-around, back references, more than 2,000 states) holds for every text, and so does
 * what is left when the work that was allowed is done.
 */
import { type Char, MAX_LENGTH, type Node, type Place, parse } from "./PatternSyntax.ts"

/** Steps that may still be taken; whoever asks shares one among all that belongs together. */
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

/** Of one pattern. A step of the matching may visit each of them. */
const MAX_STATES = 2000
/** Of all that are remembered, some 100 bytes each. */
const MAX_CACHED_STATES = 50_000
/** What a pattern's own parts cost beside its states, in states: a class of Unicode's takes some kilobytes. */
const COST_OF_CLASS = 20
/** Of a character of a pattern, in steps of the matching. */
const COST_OF_PARSING = 20

/** Undefined when it takes too many states. */
const compile = (root: Node): ReadonlyArray<Step> | undefined => {
  const steps: Array<Step> = []
  const fork = () => {
    const step = { op: "fork" as const, first: steps.length + 1, second: 0 }
    if (steps.length <= MAX_STATES) steps.push(step)
    return step
  }
  // Nothing, repeated a billion times, makes no states.
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
  /** Undefined: it holds for every text. */
  readonly steps: ReadonlyArray<Step> | undefined
  readonly cost: number
  /** Steps that it took to make. */
  readonly making: number
}

/** A match may begin before each character. */
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

/** Those used last, bounded by what they cost together: clients make them. */
const programs = new Map<string, Program>()
let held = 0

/** What is remembered of all patterns, in states. */
export const remembered = (): number => held

const program = (pattern: string, flags: string, work: Work): Program => {
  const known = programs.get(pattern)
  const found = known ?? programOf(pattern, flags)
  if (known === undefined) {
    work.left -= found.making
    held += found.cost
  }
  // The one that was used last goes last.
  programs.delete(pattern)
  programs.set(pattern, found)
  for (const [oldest, { cost }] of programs) {
    if (held <= MAX_CACHED_STATES) break
    programs.delete(oldest)
    held -= cost
  }
  return found
}

/** Throws a SyntaxError where the language's own would. Nothing is made of it before it is used. */
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
