/**
 * Keeps streamed text well-formed Unicode: a surrogate pair is never split.
 */
/** Replaces lone surrogates by U+FFFD. */
export const repair = (text: string): string => text.toWellFormed()

interface Piece<K> {
  readonly kind: K
  readonly text: string
}

export interface Joiner<K> {
  /** The text that can be sent now; `before` is the pending half of the previous kind of text. */
  readonly add: (kind: K, text: string) => { readonly text: string; readonly before: Piece<K> | undefined }
  /** The pending half at the end. */
  readonly rest: () => Piece<K> | undefined
}

/** Holds a high surrogate until its low surrogate arrives. */
export const joiner = <K extends string>(): Joiner<K> => {
  let held: Piece<K> | undefined
  const rest = () => {
    const owed = held
    held = undefined
    return owed && { kind: owed.kind, text: "\uFFFD" }
  }
  return {
    add: (kind, text) => {
      if (text === "") return { text, before: undefined }
      const before = held === undefined || held.kind === kind ? undefined : rest()
      const whole = held === undefined ? text : held.text + text
      held = undefined
      const end = whole.charCodeAt(whole.length - 1)
      if (end < 0xd800 || end > 0xdbff) return { text: repair(whole), before }
      held = { kind, text: whole.slice(-1) }
      return { text: repair(whole.slice(0, -1)), before }
    },
    rest
  }
}
