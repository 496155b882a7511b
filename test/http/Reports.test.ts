/**
 * What users of comparable servers reported about tools and code: each case in every dialect, whole and streamed, the
 * model's text cut in pieces of one character, of seven, and not at all.
 */
import { readFileSync } from "node:fs"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { finish, textDelta, thoughtDelta } from "../../src/domain/Chat.ts"
import * as DialectChat from "../support/DialectChat.ts"
import * as Spoken from "../support/Spoken.ts"
import * as TestBackend from "../support/TestBackend.ts"
import * as TestGateway from "../support/TestGateway.ts"

interface Case extends Omit<DialectChat.Asked, "tools"> {
  readonly report: string
  readonly what: string
  /** Without it, all. */
  readonly dialects?: ReadonlyArray<string>
  readonly tools?: ReadonlyArray<string>
  readonly upstream: {
    readonly thoughts?: string
    readonly text?: string
    /** "say" and "call": what the user's last words tell it to; "result": a call with the result it was shown. */
    readonly echo?: "say" | "call" | "result"
  }
  readonly expected: Partial<Omit<DialectChat.Got, "status">> & { readonly prompt?: string }
}

interface Reports {
  readonly tools: Readonly<Record<string, NonNullable<DialectChat.Asked["tools"]>[number]>>
  readonly cases: ReadonlyArray<Case>
}

const { cases, tools: known } = JSON.parse(readFileSync(new URL("reports.json", import.meta.url), "utf8")) as Reports

/** A model that does as it is told, with what its prompt holds and nothing else. */
const echoes: Readonly<Record<NonNullable<Case["upstream"]["echo"]>, (prompt: string) => string>> = {
  say: (prompt) => prompt.slice(prompt.lastIndexOf("SAY ") + 4),
  call: (prompt) => {
    const [, name = "", args = ""] = /CALL (\w+) (\{.*\})/.exec(prompt.slice(prompt.lastIndexOf("CALL "))) ?? []
    return Spoken.call(name, JSON.parse(args) as Record<string, string>)
  },
  result: (prompt) => {
    const found = /<tool_response[^>]* nonce="(\w+)">\n([\s\S]*)\n<\/tool_response nonce="\1">/.exec(prompt)
    return Spoken.call("edit", { old_string: found?.[2] ?? "" })
  }
}

const models = [
  { key: "auto", name: "Auto", scene: "chat", isDefault: true, vision: true },
  { key: "blind", name: "Blind", scene: "chat", isDefault: false, vision: false }
]

const sizes = [1, 7, Number.POSITIVE_INFINITY]

/** The model of a case, its texts in pieces of this size. */
const speaking = ({ upstream }: Case, size: () => number) =>
  TestBackend.make(
    (turn, { prompt }) =>
      Effect.sync(() => {
        const text = upstream.echo === undefined ? (upstream.text ?? "") : echoes[upstream.echo](prompt)
        const cut = (whole: string) => Spoken.pieces(whole, Math.min(size(), Math.max(1, whole.length)))
        for (const piece of cut(upstream.thoughts ?? "")) turn.emit(thoughtDelta(piece))
        for (const piece of cut(text)) turn.emit(textDelta(piece))
        turn.emit(finish("stop"))
      }),
    { offers: models }
  )

const check = Effect.fnUntraced(function* (one: Case) {
  let size = 1
  const scripted = speaking(one, () => size)
  const { request } = yield* TestGateway.serve(scripted)
  const { dialects, expected, tools = [] } = one
  const asked = {
    ...one,
    ...(tools.length === 0 ? { tools: undefined } : { tools: tools.map((name) => known[name]!) })
  }
  const { prompt, ...got } = expected
  for (const dialect of DialectChat.all) {
    if (dialects?.includes(dialect.name) === false) continue
    for (const stream of [false, true]) {
      for (size of sizes) {
        const answer = DialectChat.read(
          dialect,
          yield* request(dialect.path, {
            method: "POST",
            headers: { "content-type": "application/json" },
            body: JSON.stringify({ ...dialect.body(asked as DialectChat.Asked), stream })
          })
        )
        const { status, ...told } = answer
        const where = `${dialect.name}, ${stream ? "streamed" : "whole"}, pieces of ${size}`
        assert.deepStrictEqual(told, { text: "", calls: [], finish: undefined, error: undefined, ...got }, where)
        if (got.error === undefined || !stream) assert.strictEqual(status, got.error === undefined ? 200 : 502, where)
        if (prompt !== undefined) assert.match(scripted.asks.at(-1)?.prompt ?? "", new RegExp(prompt), where)
      }
    }
  }
})

describe("a report of users", () => {
  for (const [at, one] of cases.entries()) {
    it.scopedLive(`does not happen here: ${one.what} (${one.report}, ${at})`, () => check(one))
  }
})
