import { assert, describe, it } from "@effect/vitest"
import * as SseParser from "../../dashboard/api/SseParser.ts"

const parse = (pieces: ReadonlyArray<string>) => {
  const events: Array<SseParser.SseEvent> = []
  const parser = SseParser.make((event) => events.push(event))
  for (const piece of pieces) parser.push(piece)
  return events
}

const stream =
  'retry: 5\n: a comment\nevent: overview\ndata: {"a":1}\n\ndata: one\ndata: two\r\n\r\ndata\n\nevent: x\n\nevent: half\ndata: '
const expected = [
  { event: "overview", data: '{"a":1}' },
  { event: "message", data: "one\ntwo" },
  { event: "message", data: "" }
]

describe("events of a stream", () => {
  it("are read as the standard says, and an unfinished one is not", () => {
    assert.deepStrictEqual(parse([stream]), expected)
  })

  it("are the same however the stream is cut", () => {
    for (let size = 1; size < 9; size++) {
      const pieces = Array.from({ length: Math.ceil(stream.length / size) }, (_, i) =>
        stream.slice(i * size, (i + 1) * size)
      )
      assert.deepStrictEqual(parse(pieces), expected, `pieces of ${size}`)
    }
  })
})
