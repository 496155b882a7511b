/**
 * Markdown tables.
 */
export type Row = ReadonlyArray<string>

/** Wide characters take two columns. */
const width = (text: string) => text.length + (text.match(/[\u2e80-\ua4cf\uff00-\uff60]/g)?.length ?? 0)
const padded = (text: string, to: number) => text + " ".repeat(Math.max(0, to - width(text)))

/** With its columns aligned. */
export const table = (head: Row, rows: ReadonlyArray<Row>): string => {
  const widths = head.map((_, column) => Math.max(...[head, ...rows].map((row) => width(row[column] ?? ""))))
  const line = (cells: Row) => `| ${cells.map((cell, column) => padded(cell, widths[column] ?? 0)).join(" | ")} |`
  return [head, widths.map((wide) => "-".repeat(wide)), ...rows].map(line).join("\n")
}

/** For cells that are long. */
export const compact = (head: Row, rows: ReadonlyArray<Row>): string =>
  [head, head.map(() => "---"), ...rows].map((cells) => `| ${cells.join(" | ")} |`).join("\n")
