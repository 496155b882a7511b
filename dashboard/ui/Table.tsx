/**
 * A table that becomes a list of cards where the window is narrow; it stays a table to screen readers, by its roles.
 */
import { type ComponentChildren, Fragment } from "preact"

export interface Column<Row> {
  readonly id: string
  readonly head: string
  readonly isNumber?: boolean
  readonly cell: (row: Row) => ComponentChildren
}

interface Props<Row> {
  readonly caption: string
  readonly columns: ReadonlyArray<Column<Row>>
  readonly rows: ReadonlyArray<Row>
  readonly keyOf: (row: Row) => string
  /** What lies below an opened row. */
  readonly detail?: (row: Row) => ComponentChildren
  readonly isPlain?: boolean
}

/** CSS that lays a table out otherwise takes its roles away. */
const as = {
  table: { role: "table" },
  group: { role: "rowgroup" },
  row: { role: "row" },
  head: { role: "columnheader" },
  name: { role: "rowheader" },
  cell: { role: "cell" }
} as const

export const Table = <Row,>({ caption, columns, detail, isPlain = false, keyOf, rows }: Props<Row>) => (
  <table class={isPlain ? "plain" : "cards"} {...as.table}>
    <caption class="unseen">{caption}</caption>
    <thead {...as.group}>
      <tr {...as.row}>
        {columns.map(({ head, id, isNumber }) => (
          <th key={id} scope="col" class={isNumber ? "number" : undefined} {...as.head}>
            {head}
          </th>
        ))}
      </tr>
    </thead>
    <tbody {...as.group}>
      {rows.map((row) => {
        const below = detail?.(row)
        return (
          <Fragment key={keyOf(row)}>
            <tr {...as.row} class={below ? "opened" : undefined}>
              {columns.map(({ cell, head, id, isNumber }, i) =>
                i === 0 ? (
                  <th key={id} scope="row" class={`is-${id}`} {...as.name}>
                    {cell(row)}
                  </th>
                ) : (
                  <td key={id} class={`is-${id}${isNumber ? " number" : ""}`} data-label={head} {...as.cell}>
                    {cell(row)}
                  </td>
                )
              )}
            </tr>
            {below ? (
              <tr class="below" {...as.row}>
                <td colSpan={columns.length} {...as.cell}>
                  {below}
                </td>
              </tr>
            ) : null}
          </Fragment>
        )
      })}
    </tbody>
  </table>
)
