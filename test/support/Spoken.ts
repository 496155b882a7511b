/**
 * What a model writes, as text: for tests that go the whole way from the upstream's words to the client's calls.
 */
import { Effect } from "effect"
import { finish, textDelta } from "../../src/domain/Chat.ts"
import * as TestBackend from "./TestBackend.ts"

/** As a model that was taught the XML grammar. */
export const call = (name: string, args: Readonly<Record<string, string | number>>): string =>
  [
    "<tool_call>",
    `<function=${name}>`,
    ...Object.entries(args).flatMap(([key, value]) => [`<parameter=${key}>`, String(value), "</parameter>"]),
    "</function>",
    "</tool_call>"
  ].join("\n")

/** The other grammar that is always understood. */
export const jsonCall = (name: string, args: unknown): string =>
  `<tool_call>\n${JSON.stringify({ name, arguments: args })}\n</tool_call>`

/** By so many characters at a time, as tokens come. */
export const pieces = (text: string, size = 3): ReadonlyArray<string> =>
  Array.from({ length: Math.ceil(text.length / size) }, (_, i) => text.slice(i * size, (i + 1) * size))

const saying =
  (text: string): TestBackend.Script =>
  (turn) =>
    Effect.sync(() => {
      for (const piece of pieces(text)) turn.emit(textDelta(piece))
      turn.emit(finish("stop"))
    })

/** Answers turn by turn; the last text is said again and again. */
export const turns = (...texts: ReadonlyArray<string>): TestBackend.Scripted => {
  let next = 0
  return TestBackend.make((turn, ask) =>
    Effect.suspend(() => saying(texts[Math.min(next++, texts.length - 1)] ?? "")(turn, ask))
  )
}

/** Answers by what was asked. */
export const by = (answer: (prompt: string) => string): TestBackend.Scripted =>
  TestBackend.make((turn, ask) => saying(answer(ask.prompt))(turn, ask))
