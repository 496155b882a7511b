/** A change to a file as a person would see it: its line before and after. */

export interface Change {
  readonly from: string
  readonly to: string
}

interface Place {
  readonly line: number
  readonly column: number
}

export interface Mutant {
  readonly location: { readonly start: Place; readonly end: Place }
  readonly replacement?: string | undefined
}

/** Places count lines and columns from one. What spans lines is told by its first; the rest of its last one follows. */
export const changeOf = (source: string, { location: { end, start }, replacement = "" }: Mutant): Change => {
  const lines = source.split("\n")
  const first = lines[start.line - 1] ?? ""
  const last = lines[end.line - 1] ?? ""
  const to = first.slice(0, start.column - 1) + replacement + last.slice(end.column - 1)
  return { from: first.trim(), to: to.replace(/\s+/g, " ").trim() }
}

export const isSame = (one: Change, other: Change): boolean => one.from === other.from && one.to === other.to
