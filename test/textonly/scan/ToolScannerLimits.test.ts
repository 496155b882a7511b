/** After how much in vain `ToolScanner` stops looking, and what it counts. */
import { assert, describe, it } from "@effect/vitest"
import * as ToolScanner from "../../../src/textonly/scan/ToolScanner.ts"
import { type Event, scan, tool, toolset } from "./Scan.ts"

const t = tool("t", { x: { type: "integer" } })
const u = tool("u", { y: { type: "string" } })
const tools = toolset([t])
const call = '<tool_call>\n{"name":"t","arguments":{"x":1}}\n</tool_call>'
const callOfU = '<tool_call>\n{"name":"u","arguments":{"y":"a"}}\n</tool_call>'
const invalid = "<tool_call>\nls\n</tool_call>"
const fence = (body: string) => `\`\`\`\n${body}\n\`\`\`\n`
const x1: Event = ["call", "t", '{"x":1}']

describe("ToolScanner", () => {
  it("takes every fence for text after eight that held an example of a call", () => {
    const example = fence(`${call}\nor so`)
    const last = fence(call)
    assert.deepStrictEqual(scan([example.repeat(7) + last], tools).calls, [["t", '{"x":1}']])
    const text = example.repeat(8) + last
    assert.deepStrictEqual(scan([text], tools).events, [["text", text]])
  })

  it("goes on looking into fences after any number of them without a call", () => {
    assert.deepStrictEqual(scan([fence("ls").repeat(40) + fence(call)], tools).calls, [["t", '{"x":1}']])
  })

  it("takes all that follows for text after thirty-two blocks that were no calls", () => {
    assert.deepStrictEqual(scan([invalid.repeat(31) + call], tools).calls, [["t", '{"x":1}']])
    const { events } = scan([`${invalid.repeat(32)}\nNext: ${call}`], tools)
    assert.lengthOf(events, 33)
    assert.strictEqual(events[31]![0], "invalid")
    assert.deepStrictEqual(events[32], ["text", `\nNext: ${call}`])
  })

  it("tells nothing of a broken call of a tool that is not wanted, and does not count a whole one", () => {
    const onlyU = toolset([t, u], { choice: { name: "u" }, parallel: false })
    const broken = '<tool_call>\n{"name":"t","arguments":{"x":"many"}}\n</tool_call>'
    assert.deepStrictEqual(scan([broken], onlyU, { passOn: true }).events, [])
    assert.deepStrictEqual(scan([`${call}\n${callOfU}\nmore`], onlyU).events, [["call", "u", '{"y":"a"}'], ["full"]])
  })

  it("tells of a block that names no tool, whichever tool is wanted", () => {
    const onlyU = toolset([t, u], { choice: { name: "u" } })
    assert.deepStrictEqual(scan([invalid], onlyU).events, [["invalid", "unparsable", invalid]])
  })

  it("shows a block of several calls, none of which can be taken, as it was written", () => {
    const array = '<tool_call>[{"name":"no","arguments":{"x":  1}},\n{"name":"t","arguments":"?"}] </tool_call>'
    const functions = "<tool_call>\n<function=no>\n</function>\n\n<function=nor></function>\n</tool_call>"
    for (const text of [array, functions]) {
      const { events } = scan([`a\n${text}\nb`], tools)
      const shown = events.map((event) => (event[0] === "text" ? event[1] : event[0] === "invalid" ? event[2] : "call"))
      assert.strictEqual(shown.join(""), `a\n${text}\nb`)
    }
    const { events } = scan(['<tool_call>[{"name":"no"},{"name":"t","arguments":{"x":1}}]</tool_call>'], tools)
    assert.deepStrictEqual(events, [["invalid", "unknown_tool", '<tool_call>\n{"name":"no"}\n</tool_call>'], x1])
  })

  it("finds a call in the middle of a line, and one after a marker that was prose", () => {
    const inLine = call.replaceAll("\n", "")
    assert.deepStrictEqual(scan([`Sure: ${inLine}`], tools).events, [["text", "Sure: "], x1])
    assert.deepStrictEqual(scan([`${call}\nx ${inLine}`], tools).events, [x1, ["text", "x "], x1])
    assert.deepStrictEqual(scan([`Well <think>${inLine}</think>`], tools).calls, [])
    const prose = "The <tool_call> tag begins one:"
    assert.deepStrictEqual(scan([`${prose}\n${call}`], tools).events, [["text", prose], x1])
  })

  it("takes a block without a call for prose where its marker stood in mid-line", () => {
    const text = `Use ${invalid}`
    assert.deepStrictEqual(scan([text], tools).events, [["text", text]])
  })

  it("takes a call out of a fence of tildes, too", () => {
    assert.deepStrictEqual(scan([fence(call).replaceAll("```", "~~~")], tools).events, [x1])
  })

  it("keeps the fence before a call whole", () => {
    const before = "```sh\nls `x`\n```"
    assert.deepStrictEqual(scan([`${before}\n${call}`], tools).events, [["text", before], x1])
  })

  it("looks for the tag of a function only where a line begins, or right after a call", () => {
    const bare = "<function=t>\n<parameter=x>\n1\n</parameter>\n</function>"
    assert.deepStrictEqual(scan([`${call} ${bare}`], tools).events, [x1, x1])
    for (const before of ["a ", " ", "> ", "a\r"]) {
      assert.deepStrictEqual(scan([before + bare], tools).events, [["text", before + bare]], JSON.stringify(before))
    }
  })

  it("ends the answer where the model makes up what came of its call", () => {
    const made = '<tool_response id="call_1" name="t">\n1\n</tool_response>\nIt is 1.'
    for (let at = 0; at <= made.length; at++) {
      const { events } = scan([`${call}\n${made.slice(0, at)}`, made.slice(at)], tools)
      assert.deepStrictEqual(events, [x1, ["full"]], `cut at ${at}`)
    }
    assert.deepStrictEqual(scan([made], tools).events, [["text", made]])
    assert.deepStrictEqual(scan([`${call}\nSo: ${made}`], tools).events, [x1, ["text", `So: ${made}`]])
    assert.deepStrictEqual(scan([`${invalid}\n${made}`], tools).calls, [])
  })

  it("takes the rest for text once it looked again at four times what a call may be", () => {
    // Each is found at the end only, and what follows its function is read anew.
    const end = "</tool_call>\n"
    const one = `<tool_call><function=t><parameter=x>1\n</function>${end}`
    const count = 60
    let spare = 4 * (1000 + 4096)
    let calls = 0
    while (spare >= 0) spare -= end.length + one.length * (count - ++calls)
    const found = scan([one.repeat(count)], tools, { maxBody: 1000 })
    assert.lengthOf(found.calls, calls)
    assert.deepStrictEqual(found.events.at(-1), ["text", end + one.repeat(count - calls)])
    const last = scan([one.repeat(count)], tools, { maxBody: 1000, maxCalls: calls })
    assert.deepStrictEqual(last.events, [...Array.from({ length: calls }, () => x1), ["full"]])
  })

  it("ends once where a held call is the last that may be, and its result follows", () => {
    const one = toolset([t], { parallel: false })
    const events = scan([`So:\n${call}\n<tool_response>1`], one).events
    assert.deepStrictEqual(events, [["text", "So:"], x1, ["full"]])
  })

  it("takes a result for text behind too many mistakes, also after a call", () => {
    const bad = ' <tool_call>{"name":"v"}</tool_call>'
    const { events } = scan([`${call}\nSo:${bad.repeat(33)}<tool_response>1`], tools)
    assert.deepStrictEqual(events[0], x1)
    assert.notDeepInclude(events, ["full"])
    assert.strictEqual(events.at(-1)![0], "text")
    assert.isTrue(String(events.at(-1)![1]).endsWith("<tool_response>1"))
  })

  it("takes a call of no declared tool for text in the forms that are not its own", () => {
    const text = '<|python_tag|>{"name":"v","parameters":{}}'
    assert.deepStrictEqual(scan([text], tools).events, [["text", text]])
    assert.deepStrictEqual(scan([`${text}\n${call}`], tools).events, [["text", text], x1])
  })

  it("leaves a lone CR out of what a line begins with", () => {
    const bare = "<function=t>\n<parameter=x>\n1\n</parameter>\n</function>"
    assert.deepStrictEqual(scan([`a\n\r${bare}`], tools).calls, [["t", '{"x":1}']])
    assert.deepStrictEqual(scan([`\r${bare}`], tools).calls, [["t", '{"x":1}']])
  })

  it("takes nothing after its end", () => {
    for (const [piece, said] of [
      ["so", "so"],
      ["so <tool_", "so <tool_"],
      ["<think>so </thi", "<think>so </thi"],
      [call, ""]
    ] as const) {
      let out = ""
      let calls = 0
      const scanner = ToolScanner.make(
        { toolset: tools },
        {
          text: (text) => {
            out += text
          },
          call: () => {
            calls++
          },
          invalid: () => assert.fail("nothing of the kind was written"),
          full: () => assert.fail("nothing of the kind was written")
        }
      )
      scanner.push(piece)
      scanner.end(false)
      scanner.push(`late ${call}`)
      scanner.end(false)
      assert.deepStrictEqual([out, calls], [said, piece === call ? 1 : 0])
    }
  })
})
