/**
 * Text that is well-formed Unicode however it was cut: a character is never sent in halves.
 */
/** Puts U+FFFD where half a character stands alone. */
export const repair = (text: string): string => text.toWellFormed()

interface Piece<K> {
  readonly kind: K
  readonly text: string
}

export interface Joiner<K> {
  /** What can be sent now; `before` is what an earlier kind of text still owed. */
  readonly add: (kind: K, text: string) => { readonly text: string; readonly before: Piece<K> | undefined }
  /** What is still owed when nothing more comes. */
  readonly rest: () => Piece<K> | undefined
}

/** Holds the first half of a character until the second comes. */
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
