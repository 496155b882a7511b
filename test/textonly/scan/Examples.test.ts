/** What is an example of a call and what is a call: prose behind it tells, and where it stands. */
import { assert, describe, it } from "@effect/vitest"
import { FastCheck } from "effect"
import { type Event, type ScanOptions, scan, split, tool, toolset } from "./Scan.ts"

const edit = tool("edit", { path: { type: "string" }, new_string: { type: "string" } })
const tools = toolset([edit])
const bare = (path: string) => `<function=edit>\n<parameter=path>\n${path}\n</parameter>\n</function>`
const frame = (path: string) => `<tool_call>\n${bare(path)}\n</tool_call>`
const made = (path: string): Event => ["call", "edit", JSON.stringify({ path })]
const said = (text: string): Event => ["text", text]

const every = (text: string, events: ReadonlyArray<Event>, options: ScanOptions = {}, declared = tools) => {
  for (let at = 0; at <= text.length; at++) {
    const pieces = [text.slice(0, at), text.slice(at)]
    assert.deepStrictEqual(scan(pieces, declared, options).events, events, `cut at ${at}`)
  }
  for (const size of [1, 7]) {
    const pieces = text.match(new RegExp(`[\\s\\S]{1,${size}}`, "g")) ?? []
    assert.deepStrictEqual(scan(pieces, declared, options).events, events, `pieces of ${size}`)
  }
}

describe("An example of a call", () => {
  it("is a bare function that prose follows, and is text to the byte", () => {
    for (const text of [
      `A call looks like this:\n\n${bare("notes.txt")}\n\nThat is the syntax. I have not run anything.`,
      `${bare("a")} is the syntax`,
      `${bare("a")}\n</tool_call>\nSo it is.`,
      `Look.\n${bare("a")}\n${bare("b")}\n \nBoth were examples.`,
      `Look.\n${bare("a")} ${frame("b")}\nBoth were examples.`,
      `Look.\n${bare("a")}\n  ${frame("b")}\nBoth were examples.`,
      `Look.\n${bare("a")}\n\`x\``,
      `Look.\n${bare("a")}\n\`\`\`sh\nls\n\`\`\`\n`,
      `Look.\n${bare("a")}\n<b>`,
      `Look.\n${bare("a")}\n<think>hm</think>`,
      `Look.\n${bare("a")}\n<tool_call> is a tag`,
      '<function name="edit">\n<parameter name="path">a</parameter>\n</function>\n: so',
      "Use the <function=edit> tag with <parameter=path> children."
    ]) {
      every(text, [said(text)])
    }
  })

  it("is a frame behind a colon, or in mid-line, that prose follows", () => {
    for (const text of [
      `Like this:\n${frame("a")}\nThat is it.`,
      `Like this：\n\n${frame("a")}\nThat is it.`,
      `**Like this:**\n${frame("a")}\nThat is it.`,
      `The text ${frame("a")} is a call.`,
      `Like this:\n${frame("a")}\n${frame("b")}\nThose are two.`,
      `Like this: ${frame("a")} ${bare("b")}\nThose are two.`
    ]) {
      every(text, [said(text)])
    }
  })

  it("leaves what is told of a mistake out", () => {
    const text = 'So:\n<tool_call>{"name":"other"}</tool_call>\nThat is a call.'
    every(text, [said(text)])
    const broken = `${bare("a").replace("path", "nothing")}\nor so`
    every(broken, [said(broken)], {}, toolset([tool("edit", {}, { parameters: { type: "object", required: ["x"] } })]))
  })

  it("is what a limit cut behind it, for nobody knows what would have followed", () => {
    every(`So:\n${bare("a")}\n`, [said(`So:\n${bare("a")}\n`)], { cut: true })
    every(`So.\n${frame("a")}\n`, [said("So."), made("a")], { cut: true })
  })

  it("is what more blanks follow than are held", () => {
    const text = `${bare("a")}${" ".repeat(6000)}`
    assert.deepStrictEqual(scan([text], tools, { maxBody: 100 }).events, [said(text)])
    assert.deepStrictEqual(scan([`${text}\n${frame("b")}`], tools, { maxBody: 100 }).events, [said(text), made("b")])
  })

  it("holds no more than one call may have, however many stand in a row", () => {
    const one = "<function=edit></function>\n"
    const { held } = scan(one.repeat(2000).match(/[\s\S]{1,50}/g) ?? [], tools, { maxBody: 1000 })
    assert.isAtMost(held, 5096 + 50)
    const text = `${one.repeat(2000)}x`
    assert.strictEqual(scan([text], tools).text, text)
  })
})

describe("A call", () => {
  it("is a bare function that ends the answer", () => {
    for (const behind of ["", "\n", "\n\n \t\r\n", "\n</tool_call>", "\n</tool_call>\n", "\n</tool_", "</"]) {
      every(`Like this:\n\n${bare("a")}${behind}`, [said("Like this:"), made("a")])
    }
  })

  it("is a bare function that further calls follow, whatever follows those", () => {
    every(`So.\n${bare("a")}\n${bare("b")}`, [said("So."), made("a"), made("b")])
    every(`So.\n${bare("a")}\n${frame("b")}\nDone.`, [said("So."), made("a"), made("b"), said("\nDone.")])
    every(`${bare("a")}\n\`\`\`\n${frame("b")}\n\`\`\`\n`, [made("a"), made("b")])
  })

  it("is a frame right behind another call, which no colon announces any more", () => {
    every(`So:\n[TOOL_CALLS]edit[ARGS]{"path":"a"}\n${frame("b")}\nDone.`, [
      said("So:"),
      made("a"),
      made("b"),
      said("\nDone.")
    ])
  })

  it("takes the end of a frame that never began away", () => {
    const bad = "<tool_call>\nls\n</tool_call>"
    every(`Look.\n${bare("a")}\n</tool_call>\n${bad}`, [
      said("Look."),
      made("a"),
      said("\n\n"),
      ["invalid", "unparsable", bad]
    ])
  })

  it("is one that a made-up result follows", () => {
    every(`So:\n${frame("a")}\n<tool_response>\nok\n</tool_response>\nDone.`, [said("So:"), made("a"), ["full"]])
    every(`${bare("a")}<tool_response`, [made("a"), ["full"]])
  })

  it("is a frame at a line's start, whatever follows it", () => {
    every(`${frame("a")}\nDone.`, [made("a"), said("Done.")])
    every(`I look.\n${frame("a")}\nDone.`, [said("I look."), made("a"), said("\nDone.")])
    every(`${frame("a")} ${frame("b")} Done.`, [made("a"), made("b"), said("Done.")])
    every(`a: b\n${frame("a")}x`, [said("a: b"), made("a"), said("x")])
    const text = `So: ${frame("a")}\n${frame("b")}`
    every(text, [said("So: "), made("a"), made("b")])
  })

  it("is a frame behind a colon, or in mid-line, that ends the answer", () => {
    every(`I look:\n${frame("a")}\n`, [said("I look:"), made("a")])
    every(`I look ${frame("a")}`, [said("I look "), made("a")])
  })

  it("is the first where there may be one only, as soon as that is certain", () => {
    const one = toolset([edit], { parallel: false })
    every(`So:\n${frame("a")}\n${frame("b")}`, [said("So:"), made("a"), ["full"]], {}, one)
    every(
      `So:\n${frame("a")}\nis one.\n${frame("b")}`,
      [said(`So:\n${frame("a")}\nis one.`), made("b"), ["full"]],
      {},
      one
    )
  })

  it("counts as mistakes only those that are no examples", () => {
    const bad = "<tool_call>\nls\n</tool_call>\n"
    const { events } = scan([`${bad.repeat(31)}So:\n<tool_call>{"name":"v"}</tool_call>\nx\n${frame("a")}`], tools)
    assert.deepStrictEqual(events.at(-1), made("a"))
    const late = scan([`${bad.repeat(31)}\n${bare("a").replace("edit", "edit")}\n${frame("a")}`], tools)
    assert.lengthOf(late.calls, 2)
  })

  it("leaves the rest to be text where those that were held were too many mistakes", () => {
    const bad = 'So: <tool_call>{"name":"v"}</tool_call>'
    const one = ' <tool_call>{"name":"v"}</tool_call>'
    const text = `${bad}${one.repeat(32)}\n${bare("a")}`
    const { calls, invalid, text: rest } = scan([text], tools)
    assert.lengthOf(invalid, 32)
    assert.isTrue(rest.endsWith(bare("a")))
    assert.deepStrictEqual(calls, [])
  })

  it.prop(
    "and an example are the same however the text was cut",
    [
      FastCheck.array(
        FastCheck.constantFrom(
          ...[bare("a"), frame("b"), "\n", " ", ":", "x", "</tool_call>", "<tool_response", "`", "\n```\n", "<", "\r\n"]
        ),
        { maxLength: 10 }
      ).map((parts) => parts.join("")),
      FastCheck.array(FastCheck.nat(1000), { maxLength: 6 }),
      FastCheck.boolean()
    ],
    ([text, places, cut]) => {
      const { calls, events } = scan([text], tools, { cut })
      assert.deepStrictEqual(scan(split(text, places), tools, { cut }).events, events)
      assert.deepStrictEqual(scan([...text], tools, { cut }).events, events)
      if (calls.length === 0) assert.strictEqual(events.map((event) => event[1]).join(""), text)
    },
    { fastCheck: { numRuns: 2000 } }
  )
})
