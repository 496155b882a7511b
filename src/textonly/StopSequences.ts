/**
 * Cuts a text before the first stop sequence; the one that starts first wins, then the longest.
 *
 * An Aho–Corasick automaton: one step per character. The held text is the path to the current state, so no buffer is
 * needed.
 */
import type { TextStage } from "./TextStage.ts"

export interface StopOut {
  readonly text: (text: string) => void
  /** Called when a sequence was found; no text follows. */
  readonly hit: (sequence: string) => void
}

interface State {
  readonly depth: number
  /** The prefix that leads to this state. */
  readonly way: string
  /** Failure link: the state of the longest proper suffix that is a prefix of a sequence. */
  fallback: number
  goesOn: boolean
  /** The longest sequence that ends in this state. */
  ends: string | undefined
}

interface Automaton {
  readonly states: ReadonlyArray<State>
  readonly next: (state: number, unit: number) => number | undefined
}

const automaton = (sequences: ReadonlyArray<string>): Automaton => {
  const states: Array<State> = [{ depth: 0, way: "", fallback: 0, goesOn: false, ends: undefined }]
  const edges = new Map<number, number>()
  const parents: Array<readonly [state: number, unit: number]> = [[0, 0]]
  const next = (state: number, unit: number) => edges.get(state * 0x10000 + unit)
  for (const way of sequences) {
    let state = 0
    for (let i = 0; i < way.length; i++) {
      const unit = way.charCodeAt(i)
      let to = next(state, unit)
      if (to === undefined) {
        to = states.push({ depth: i + 1, way, fallback: 0, goesOn: false, ends: undefined }) - 1
        edges.set(state * 0x10000 + unit, to)
        parents.push([state, unit])
        states[state]!.goesOn = true
      }
      state = to
    }
    states[state]!.ends = way
  }
  const byDepth = states.map((_, i) => i).sort((a, b) => states[a]!.depth - states[b]!.depth)
  for (const i of byDepth) {
    const state = states[i]!
    const [parent, unit] = parents[i]!
    if (state.depth > 1) {
      let from = states[parent]!.fallback
      while (from !== 0 && next(from, unit) === undefined) from = states[from]!.fallback
      state.fallback = next(from, unit) ?? 0
    }
    state.ends ??= states[state.fallback]!.ends
  }
  return { states, next }
}

export const make = (sequences: ReadonlyArray<string>, out: StopOut): TextStage => {
  const { next, states } = automaton(sequences.filter((sequence) => sequence !== ""))
  let state = 0
  /** Offsets in the whole text: characters seen, and released. */
  let seen = 0
  let sent = 0
  let found: { readonly start: number; readonly sequence: string } | undefined
  let isOver = false

  /** Releases text up to an offset, which is in the held text or in this piece. */
  const send = (until: number, before: State, piece: string) => {
    const length = until - sent
    if (length <= 0) return
    const held = before.way.slice(0, Math.min(before.depth, length))
    sent = until
    out.text(length > before.depth ? held + piece.slice(0, length - before.depth) : held)
  }
  const finish = (before: State, piece: string) => {
    if (found === undefined || isOver) return
    isOver = true
    send(found.start, before, piece)
    out.hit(found.sequence)
  }

  /** Whether no sequence can still match that starts at `start` or before. */
  const isLast = (start: number): boolean => {
    for (let at = state; at !== 0 && seen - states[at]!.depth <= start; at = states[at]!.fallback) {
      if (states[at]!.goesOn) return false
    }
    return true
  }

  const push = (piece: string) => {
    if (isOver) return
    const before = states[state]!
    for (let i = 0; i < piece.length; i++) {
      const unit = piece.charCodeAt(i)
      let to = next(state, unit)
      while (to === undefined && state !== 0) {
        state = states[state]!.fallback
        to = next(state, unit)
      }
      state = to ?? 0
      seen++
      const { depth, ends } = states[state]!
      if (ends !== undefined) {
        const start = seen - ends.length
        if (found === undefined || start <= found.start) found = { start, sequence: ends }
      }
      if (found !== undefined && (seen - depth > found.start || (ends !== undefined && isLast(found.start)))) {
        return finish(before, piece)
      }
    }
    send(seen - states[state]!.depth, before, piece)
  }

  return {
    push,
    end: () => {
      if (isOver) return
      finish(states[state]!, "")
      if (!isOver) send(seen, states[state]!, "")
      isOver = true
    }
  }
}
