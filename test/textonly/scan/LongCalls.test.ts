/** A call that may be an example is one as long as it is short; a long one is certain, streamed or whole. */
import { assert, describe, it } from "@effect/vitest"
import { FastCheck } from "effect"
import type { Toolset } from "../../../src/domain/Chat.ts"
import { type Event, type ScanOptions, scan, split, tool, toolset } from "./Scan.ts"

const write = tool("write", { path: { type: "string" }, content: { type: "string" } })
const tools = toolset([write, tool("strict", { content: { type: "string" } }, { strict: true })])
const FRAME = "<tool_call>\n<function=write>\n<parameter=content>\n"
const BARE = "<function=write>\n<parameter=content>\n"
/** From the end of the opener to the value. */
const lead = FRAME.length - "<tool_call>".length
const bareLead = BARE.length - "<function=".length
const bare = (content: string) => `${BARE}${content}\n</parameter>\n</function>`
const frame = (content: string) => `<tool_call>\n${bare(content)}\n</tool_call>`
const x = (count: number) => "x".repeat(count)
const made = (content: string): Event => ["call", "write", JSON.stringify({ content })]
const said = (text: string): Event => ["text", text]

const parts = (text: string, size: number) => text.match(new RegExp(`[\\s\\S]{1,${size}}`, "g")) ?? []

/** Streamed and whole, in pieces of several sizes. */
const both = (text: string, events: ReadonlyArray<Event>, options: ScanOptions = {}, declared: Toolset = tools) => {
  for (const live of [false, true]) {
    for (const size of [1, 7, 1000, 1023, 1024, 1025, text.length]) {
      const found = scan(parts(text, size), declared, { ...options, live })
      assert.deepStrictEqual(found.events, events, `pieces of ${size}, live: ${live}`)
      for (const { end, pieces } of found.live)
        assert.strictEqual(typeof end === "object" ? end.arguments : "", pieces.join(""))
    }
  }
}
/** What was sent of the first call after this much of the text. */
const sent = (text: string, length: number) =>
  scan([...text.slice(0, length)], tools, { live: true, cut: true }).live[0]?.pieces.join("")

describe("A call that may be an example", () => {
  it("is certain once what it holds is longer than 1,024 characters", () => {
    for (const before of ["Let me write the file:\n", "Let me write it： ", "In mid-line "]) {
      // The function's end belongs to it as well.
      const most = 1024 - lead - "\n</parameter>\n</function>".length
      for (const size of [most - 1, most, most + 1]) {
        const { calls } = scan([`${before}${frame(x(size))}\nSo.`], tools)
        assert.lengthOf(calls, size > most ? 1 : 0, String(size))
      }
      const long = frame(x(2000))
      both(`${before}${long}\nSo.`, [said(before.replace(/\n$/, "")), made(x(2000)), said("\nSo.")])
      both(`${before}${long}`, [said(before.replace(/\n$/, "")), made(x(2000))])
    }
    both(`Like this:\n${bare(x(2000))}\nSo.`, [said("Like this:"), made(x(2000)), said("\nSo.")])
    both(`${bare(x(2000))}\n</tool_call>\nSo.`, [made(x(2000)), said("So.")])
  })

  it("is streamed from the character on that makes it certain", () => {
    for (const [text, head] of [
      [`So:\n${frame(x(2000))}`, "So:\n".length + FRAME.length + 1024 - lead],
      [`So:\n${bare(x(2000))}`, "So:\n".length + BARE.length + 1024 - bareLead]
    ] as const) {
      assert.isUndefined(sent(text, head))
      const first = sent(text, head + 1)!
      assert.match(first, /^\{"content":"x+$/)
      assert.strictEqual(sent(text, head + 2), `${first}x`)
    }
  })

  it("is held as long as it is short, and is text where text follows", () => {
    for (const text of [
      `So:\n${frame(x(900))}\nis one.`,
      `So ${frame(x(900))} is one.`,
      `So:\n${bare(x(900))}\nis one.`,
      `So:\n${frame(x(500))}\n${frame(x(500))}\nare two.`
    ]) {
      both(text, [said(text)])
    }
  })

  it("makes calls of those that were held before it", () => {
    both(`So:\n${frame("a")}\n${bare("b")}\n${frame(x(2000))}\nDone.`, [
      said("So:"),
      made("a"),
      made("b"),
      made(x(2000)),
      said("\nDone.")
    ])
  })

  it("does not grow by text that may be no part of it", () => {
    const open = "<function=write>\n<parameter=content>\na\n</function>\n"
    for (const text of [`So:\n<tool_call>\n${open}</tool_call>\n${x(3000)}`, `So:\n${open}</tool_call>\n${x(3000)}`])
      both(text, [said(text)])
    const blanks = `So:\n${frame("a").replace("</tool_call>", " ".repeat(3000))}\nis one.`
    both(blanks, [said(blanks)])
  })

  it("is held whatever its length where its tool is not declared, or where it is no call", () => {
    for (const body of [
      bare(x(2000)).replace("write", "other"),
      `{"name":"other","arguments":{"content":"${x(2000)}"}}`,
      `words\n${x(2000)}`
    ]) {
      const text = `So:\n<tool_call>\n${body}\n</tool_call>\nis one.`
      both(text, [said(text)])
    }
  })

  it("is text where it names no declared tool and text follows, however long it is", () => {
    const text = `It looks like <tool_call>{"nam": "${"x".repeat(1200)}"}</tool_call> in the text.`
    assert.deepStrictEqual(scan([text], tools).events, [["text", text]])
  })

  it("is certain by its length in the other forms of a frame, too", () => {
    for (const body of [
      `{"name":"write","arguments":{"content":"${x(2000)}"}}`,
      `<function=write>\n{"content":"${x(2000)}"}\n</function>`,
      `write\n<arg_key>content</arg_key>\n<arg_value>${x(2000)}</arg_value>\n`
    ]) {
      both(`So:\n<tool_call>\n${body}\n</tool_call>\nDone.`, [said("So:"), made(x(2000)), said("\nDone.")])
    }
    both(`So:\n${frame(x(2000)).replace("write", "strict")}\nDone.`, [
      said("So:"),
      ["call", "strict", JSON.stringify({ content: x(2000) })],
      said("\nDone.")
    ])
  })

  it("is text in code, however long it is", () => {
    const text = `So:\n\`\`\`xml\n${frame(x(3000))}\n\`\`\`\nis one.`
    both(text, [said(text)])
  })

  it("is the last where there may be one only", () => {
    const one = toolset([write], { parallel: false })
    both(`So:\n${frame(x(2000))}\nDone.`, [said("So:"), made(x(2000)), ["full"]], {}, one)
    const half = `So:\n${frame(x(2000)).replace("</tool_call>", `${BARE}half`)}`
    both(half, [said("So:"), made(x(2000)), ["full"]], {}, one)
  })

  it("breaks where it has no end, once it is certain", () => {
    const of = (text: string, options: ScanOptions = {}) =>
      scan(parts(text, 7), tools, { ...options, live: true }).events.map(
        (event): ReadonlyArray<string> => event.slice(0, 2)
      )
    const open = `So:\n${FRAME}${x(2000)}`
    assert.deepStrictEqual(of(open), [said("So:"), ["broken", "unclosed"]])
    assert.deepStrictEqual(of(open, { cut: true }), [said("So:"), ["broken", "cut"]])
    assert.deepStrictEqual(of(`${open}\n</parameter>\n`), [said("So:"), ["call", "write"]])
    for (const size of [1, 7, 5000, 10_000]) {
      const pieces = parts(`${open}${x(6000)}`, size)
      assert.deepStrictEqual(scan(pieces, tools, { maxBody: 1000, live: true }).events[1]!.slice(0, 2), [
        "broken",
        "long"
      ])
    }
    const short = `So:\n${FRAME}x`
    assert.deepStrictEqual(of(short, { cut: true }), [said(short)])
    assert.deepStrictEqual(of(short), [said("So:\n"), ["invalid", "unclosed"]])
  })

  const atom = FastCheck.constantFrom(
    ...["x", x(100), x(500), x(1020), "\n", "</parameter>", "</function>", "</tool_call>", "<parameter=path>\n", "<"]
  )
  const value = FastCheck.array(atom, { maxLength: 6 }).map((parts) => parts.join(""))
  const written = FastCheck.oneof(
    value.map(frame),
    value.map(bare),
    FastCheck.constantFrom("So:\n", "\n", " ", "word", "</tool_call>", "<tool_call>", "```\n", ":", BARE, FRAME)
  )
  it.prop(
    "is the same streamed and whole, however the text was cut",
    [FastCheck.array(written, { maxLength: 6 }), FastCheck.array(FastCheck.nat(9000), { maxLength: 8 })],
    ([parts, places]) => {
      const text = parts.join("")
      const whole = scan([text], tools)
      assert.deepStrictEqual(scan(split(text, places), tools).events, whole.events)
      assert.deepStrictEqual(scan([...text], tools).events, whole.events)
      const live = scan([text], tools, { live: true })
      assert.deepStrictEqual(scan(split(text, places), tools, { live: true }).events, live.events)
      assert.deepStrictEqual(scan([...text], tools, { live: true }).events, live.events)
      // What a stream cannot take back, or did not ask for again, ends otherwise.
      const isOwn = live.events.some(([kind]) => kind === "broken") || whole.invalid.length > 0
      const keys = live.calls.map(([, args]) => args.match(/"(?:path|content)":/g) ?? [])
      const isTwice = keys.some((found) => new Set(found).size < found.length)
      if (!isOwn && !isTwice) assert.deepStrictEqual(live.events, whole.events)
    },
    { fastCheck: { numRuns: 200 } }
  )
})
