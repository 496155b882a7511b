/**
 * The calls of a block as the model wrote them, cut out of its text.
 */
import * as LineEnds from "./LineEnds.ts"
import type { XmlCall } from "./XmlCall.ts"

/** One call, or an attempt at one, as the model wrote it. */
export type Piece =
  /** `name`: given outside of the JSON, which is then the arguments. */
  | { readonly _tag: "Json"; readonly text: string; readonly name?: string }
  | {
      readonly _tag: "Xml"
      readonly text: string
      readonly name: string
      readonly parameters: ReadonlyArray<readonly [key: string, value: string]>
      /** The text ended inside the last value, which may be incomplete. */
      readonly cut: boolean
    }
  | { readonly _tag: "Broken"; readonly text: string; readonly detail: string }

/** A piece by its offsets in the block. */
export type Mark = { readonly from: number; readonly to: number } & (
  | { readonly _tag: "Json" }
  | { readonly _tag: "Xml"; readonly call: XmlCall }
  | { readonly _tag: "Broken"; readonly detail: string }
)

/** `text`: all of the block, because its line ends decide together whether CRLF is the model's own. */
export const from = (text: string, marks: ReadonlyArray<Mark>): ReadonlyArray<Piece> => {
  const crlf = LineEnds.isWire(text)
  const plain = (value: string) => (crlf ? value.replaceAll("\r\n", "\n") : value)
  return marks.map((mark): Piece => {
    const part = text.slice(mark.from, mark.to)
    if (mark._tag === "Json") return { _tag: "Json", text: part }
    if (mark._tag === "Broken") return { _tag: "Broken", text: part, detail: mark.detail }
    const json = mark.call.json()
    if (json !== undefined) return { _tag: "Json", text: text.slice(json.from, json.to), name: mark.call.name() }
    return {
      _tag: "Xml",
      text: part,
      name: mark.call.name(),
      parameters: mark.call.spans().map((one) => [one.key, LineEnds.unwrap(plain(text.slice(one.from, one.to)))]),
      cut: mark.call.isCut()
    }
  })
}
