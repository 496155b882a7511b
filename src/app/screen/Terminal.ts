/**
 * Text for a terminal: colours where they are wanted, columns, and names from outside made harmless.
 */
import { stripVTControlCharacters } from "node:util"
import * as CurrentUser from "../../config/CurrentUser.ts"

export type Colour = "green" | "yellow" | "red" | "dim" | "bold"

const codes: Readonly<Record<Colour, string>> = { green: "32", yellow: "33", red: "31", dim: "2", bold: "1" }

/** Colours are stripped again where the output is no terminal (`PlainConsole`). */
export const paint = (colour: Colour, text: string): string =>
  text === "" ? text : `\u001b[${codes[colour]}m${text}\u001b[0m`

/** Columns of the terminal; 80 where there is none. */
export const columns = (stream: { readonly columns?: number | undefined } = process.stdout): number =>
  Math.max(40, stream.columns ?? 80)

/** Wide characters take two columns. */
const WIDE =
  /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{1f300}-\u{1faff}]/gu
export const width = (text: string): number => {
  const plain = stripVTControlCharacters(text)
  return [...plain].length + (plain.match(WIDE)?.length ?? 0)
}

export const pad = (text: string, to: number): string => text + " ".repeat(Math.max(0, to - width(text)))
export const padStart = (text: string, to: number): string => " ".repeat(Math.max(0, to - width(text))) + text

/** Names may hold whatever a terminal would obey. */
export const clean = (text: string): string => text.replace(/\p{C}/gu, "?")

/** A path as people write it. */
export const short = (path: string, home: string = CurrentUser.home()): string =>
  home !== "/" && path.startsWith(`${home}/`) ? `~${path.slice(home.length)}` : path

/** Lines of at most so many columns, broken between words; a longer word stays whole. */
export const wrap = (text: string, most: number): ReadonlyArray<string> => {
  const lines: Array<string> = []
  let line = ""
  for (const word of text.split(" ")) {
    if (line === "") line = word
    else if (width(line) + 1 + width(word) <= most) line = `${line} ${word}`
    else {
      lines.push(line)
      line = word
    }
  }
  return [...lines, line]
}

/** Rows with their cells below each other, two blanks apart; numbers to the right. */
export const table = (
  rows: ReadonlyArray<ReadonlyArray<string>>,
  right: ReadonlySet<number> = new Set()
): ReadonlyArray<string> => {
  const widths = (rows[0] ?? []).map((_, i) => Math.max(...rows.map((row) => width(row[i] ?? ""))))
  return rows.map((row) =>
    row
      .map((cell, i) => (right.has(i) ? padStart(cell, widths[i] ?? 0) : pad(cell, widths[i] ?? 0)))
      .join("  ")
      .trimEnd()
  )
}

/** `3 d`, `2 h`, `5 min`, `40 s`. */
export const age = (seconds: number): string => {
  if (seconds < 90) return `${Math.max(0, Math.round(seconds))} s`
  if (seconds < 90 * 60) return `${Math.round(seconds / 60)} min`
  return seconds < 48 * 3600 ? `${Math.round(seconds / 3600)} h` : `${Math.floor(seconds / 86_400)} d`
}
