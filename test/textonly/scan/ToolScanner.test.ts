import { assert, describe, it } from "@effect/vitest"
import { FastCheck } from "effect"
import * as ToolScanner from "../../../src/textonly/scan/ToolScanner.ts"
import * as ToolCalls from "../../../src/textonly/tools/ToolCalls.ts"
import { type Event, scan, split, tool, toolset } from "./Scan.ts"

const tools = toolset([
  tool("t", { x: { type: "integer" }, s: { type: "string" } }),
  tool("Other", { a: {} }),
  tool("need", { k: { type: "string" } }, { parameters: { type: "object", required: ["k"] } })
])
const call = '<tool_call>\n{"name":"t","arguments":{"x":1}}\n</tool_call>'
const x1: Event = ["call", "t", '{"x":1}']

// Made of what the scanner looks at.
const piece = FastCheck.constantFrom(
  ...["<", "<tool_call>", "</tool_call>", "<function=", "<function=t>", "</function>", "<parameter=s>", "</parameter>"],
  ...[
    "<think>",
    "</think>",
    "<tool_",
    "`",
    "``",
    "```",
    "```xml\n",
    "\n```\n",
    "~~~",
    "~",
    "\n",
    "\r\n",
    "\r",
    " ",
    "\t"
  ],
  ...[
    '{"name":"t","arguments":{"x":1}}',
    '{"name":"need"}',
    '{"name":"v"}',
    '{"',
    '"',
    "'",
    "{",
    "}",
    "[",
    "]",
    ",",
    "\\"
  ],
  ...["<|python_tag|>", "<minimax:tool_call>", "</minimax:tool_call>", '<invoke name="t">', "</invoke>"],
  ...["[TOOL_CALLS]", "[ARGS]", "<tool_call>t\n", "<arg_key>s</arg_key>", "<arg_value>", "</arg_value>", ";"],
  ...["<｜tool▁calls▁begin｜>", "<｜tool▁sep｜>", '<parameter name="s">', "<parameter=x>", "<tool_response"],
  ...["word", "t", ">", "OTHER", "中", "🎉", call, "<function=t>\n<parameter=x>\n1\n</parameter>\n</function>"]
)
const markup = FastCheck.array(piece, { maxLength: 14 }).map((pieces) => pieces.join(""))
const places = FastCheck.array(FastCheck.nat(1000), { maxLength: 8 })

const unexpected = () => assert.fail("nothing of the kind was written")

describe("ToolScanner", () => {
  it.prop(
    "gives the same events however the text was cut",
    [markup, places, FastCheck.boolean()],
    ([text, places, cut]) => {
      const { events } = scan([text], tools, { cut })
      assert.deepStrictEqual(scan(split(text, places), tools, { cut }).events, events)
      assert.deepStrictEqual(scan([...text], tools, { cut }).events, events)
    },
    { fastCheck: { numRuns: 3000 } }
  )

  it.prop(
    "loses nothing but blanks and calls: text, and what was no call, are pieces of the text in its order",
    [markup, FastCheck.boolean()],
    ([text, cut]) => {
      const { calls, events } = scan([text], tools, { cut })
      let at = 0
      for (const event of events) {
        const part = event[0] === "text" ? event[1] : event[0] === "invalid" ? event[2] : ""
        // Of several calls in one block each is told with markers of its own.
        for (const word of part.split(/[\s<>]+|\/?tool_call/)) {
          const found = text.indexOf(word, at)
          assert.isAtLeast(found, 0, word)
          at = found + word.length
        }
      }
      if (calls.length === 0 && !events.some(([kind]) => kind === "invalid")) {
        assert.strictEqual(events.map((event) => event[1]).join(""), text)
      }
    },
    { fastCheck: { numRuns: 3000 } }
  )

  it.prop(
    "lets a text without markers through at once, but for the line ends at its end",
    [FastCheck.array(FastCheck.string({ unit: "binary" }).map((text) => text.replaceAll(/[<`~]/g, "\n")))],
    ([pieces]) => {
      let out = ""
      let said = ""
      const scanner = ToolScanner.make(
        { toolset: tools },
        {
          text: (text) => {
            out += text
          },
          call: unexpected,
          invalid: unexpected,
          full: unexpected
        }
      )
      for (const piece of pieces) {
        said += piece
        scanner.push(piece)
        assert.isTrue(said.startsWith(out))
        assert.match(said.slice(out.length), /^[\r\n]{0,4}$/)
      }
      scanner.end(false)
      assert.strictEqual(out, said)
    }
  )

  it("holds at most eleven characters of text that may become a marker", () => {
    for (const text of [
      "a <tool_call",
      "a\n<function",
      "a <think",
      "a</tool_call",
      "x <tool_call<tool_call<tool_call",
      "<".repeat(50)
    ]) {
      assert.isAtMost(scan([...text], tools).held, 11, text)
    }
  })

  it("lets go of what is no marker with the character that tells", () => {
    const out: Array<string> = []
    const scanner = ToolScanner.make(
      { toolset: tools },
      { text: (text) => out.push(text), call: () => {}, invalid: () => false, full: () => {} }
    )
    for (const char of "a <b\n<tool_x") scanner.push(char)
    assert.deepStrictEqual(out, ["a", " ", "<b", "\n<tool_x"])
  })

  it("shows nothing of a call, and all of what follows it", () => {
    const { events } = scan([`One.\n\n${call}\n\nTwo.\n${call}\n \n${call}`], tools)
    assert.deepStrictEqual(events, [["text", "One."], x1, ["text", "\n\nTwo."], x1, x1])
    assert.strictEqual(scan([`\n${call}\n\nafter`], tools).text, "after")
  })

  it("takes a marker in prose for prose", () => {
    for (const text of ["The <tool_call> tag begins one.", "<tool_call> is a tag\n", "<tool_call>x</tool_call>"]) {
      assert.deepStrictEqual(scan([text], tools).events, [["text", text]])
    }
  })

  it("tells of a block that is no call", () => {
    for (const text of [
      "<tool_call>\nls -l\n</tool_call>",
      "<tool_call></tool_call>",
      '<tool_call>{"nme":1}</tool_call>',
      "<tool_call>{a}</tool_call>",
      "<tool_call>[]</tool_call>"
    ]) {
      assert.deepStrictEqual(scan([`${text}\nbye`], tools).events, [
        ["invalid", "unparsable", text],
        ["text", "\nbye"]
      ])
    }
  })

  it("takes calls whose last marker is missing at the very end", () => {
    const open = '<tool_call>{"name":"t","arguments":{"x":1}}'
    const xml = "<tool_call><function=t><parameter=x>1"
    for (const text of [
      open,
      `${open}</tool_`,
      xml,
      `${xml}</para`,
      `${xml}</parameter>`,
      `${xml}</parameter>\n</function>`
    ]) {
      assert.deepStrictEqual(scan([text], tools).events, [x1], text)
    }
    const half = "<tool_call><function=t><parameter=s>\nhalf of"
    assert.deepStrictEqual(scan([half], tools).events, [["invalid", "unclosed", half]])
    assert.deepStrictEqual(scan([`${half}\n`], tools).events, [["call", "t", '{"s":"half of"}']])
    assert.deepStrictEqual(scan(["<tool_call><function=t>"], tools).invalid, ["unclosed"])
  })

  it("does not let a missing end swallow the next call", () => {
    for (const first of [
      '<tool_call>{"name":"t","arguments":{"x":1}}',
      '<tool_call>{"name":"t","arguments":{"x":1}',
      "<tool_call><function=t><parameter=x>1</parameter></tool_call>"
    ]) {
      assert.deepStrictEqual(scan([`${first}\n${call}`], tools).events, [x1, x1], first)
    }
  })

  it("mends brackets that are too few or too many", () => {
    for (const args of ['{"x":1}', '{"x":1,}}}', '{"x":1']) {
      assert.deepStrictEqual(
        scan([`<tool_call>{"name":"t","arguments":${args}}</tool_call>`], tools).events,
        [x1],
        args
      )
    }
  })

  it("ends a value where only a parameter or the function's end follows", () => {
    const value = (text: string) => `<tool_call><function=t><parameter=s>${text}</parameter></function></tool_call>`
    for (const text of [
      "a</parameter>",
      "a</parameter>\n",
      "a <",
      "</param<",
      "</parameter><",
      "</parameter></func<",
      "</parameter> </tool_call> x"
    ]) {
      const expected = text.replace(/\n$/, "")
      assert.deepStrictEqual(scan([value(text)], tools).events, [["call", "t", JSON.stringify({ s: expected })]], text)
    }
  })

  const inValue = FastCheck.array(
    FastCheck.constantFrom(
      ...[
        "<",
        "</",
        "</parameter>",
        "<parameter=s>",
        "<parameter",
        "</function",
        "</tool_call>",
        "<tool_call>",
        "\n",
        " ",
        "a",
        ">",
        "`",
        "```\n"
      ]
    ),
    { maxLength: 12 }
  ).map((parts) => parts.join(""))
  const ends = /<\/parameter>\s*(?:<parameter=|<\/function>|<\/tool_call>\s*<tool_call>)/

  it.prop(
    "keeps a value whatever it holds but its own end",
    [inValue, places],
    ([value, places]) => {
      const body = `<parameter=s>\n${value}\n</parameter>\n</function>`
      FastCheck.pre(ends.exec(body)?.index === body.lastIndexOf("</parameter>"))
      const text = `<tool_call>\n<function=t>\n${body}\n</tool_call>`
      assert.deepStrictEqual(scan(split(text, places), tools).events, [["call", "t", JSON.stringify({ s: value })]])
    },
    { fastCheck: { numRuns: 1000 } }
  )

  it.prop(
    "keeps a JSON argument whatever it holds",
    [FastCheck.jsonValue(), inValue, places],
    ([a, b, places]) => {
      const args = JSON.stringify({ a, b })
      const text = `<tool_call>\n{"name":"Other","arguments":${args}}\n</tool_call>`
      assert.deepStrictEqual(scan(split(text, places), tools).events, [["call", "Other", args]])
    },
    { fastCheck: { numRuns: 500 } }
  )

  it("takes a fence inside the markers", () => {
    assert.deepStrictEqual(
      scan(['<tool_call>\n```json\n{"name":"t","arguments":{"x":1}}\n```\n</tool_call>'], tools).events,
      [x1]
    )
  })

  it("ends inline code with its line, and long runs of backticks only by themselves", () => {
    assert.lengthOf(scan([`it\`s\n${call}`], tools).calls, 1)
    assert.lengthOf(scan([`Say \`\`a \` ${call.replaceAll("\n", "")}\`\`.`], tools).calls, 0)
    assert.lengthOf(scan([`Look: \`\`\`\n${call}\n`], tools).calls, 0)
    assert.lengthOf(scan([`- a\n  - \`\`\`xml\n    ${call}\n    \`\`\`\nok`], tools).calls, 0)
    assert.lengthOf(scan([`\`\`\`sh\nls \`x\`\n\`\`\`\n${call}`], tools).calls, 1)
  })

  it("takes no example for a call: of an unknown tool, with prose, or cut", () => {
    const fence = (body: string) => `\`\`\`\n${body}\n\`\`\``
    for (const text of [
      fence('<tool_call>{"name":"v"}</tool_call>'),
      fence(`${call}\nor so`),
      fence("x"),
      `${fence(call)}\n${fence("x")}`
    ]) {
      assert.deepStrictEqual(scan([text], tools).events, [["text", text]], text)
    }
    assert.deepStrictEqual(scan([fence(call)], tools, { cut: true }).events, [["text", fence(call)]])
    assert.deepStrictEqual(scan([`\`\`\`\n${call}`], tools).events, [x1])
    assert.deepStrictEqual(scan([`${fence(call)}\n\n${fence(call)}\n`], tools).events, [x1, x1])
  })

  it("finds the call behind a fence that never became one", () => {
    const text = `\`\`\`\n<tool_call>\n{"name": "t\n\`\`\`\nso:\n${call}`
    assert.deepStrictEqual(scan([text], tools).calls, [["t", '{"x":1}']])
  })

  it("stops after enough calls", () => {
    const { calls, events } = scan([call.repeat(40)], tools)
    assert.lengthOf(calls, 32)
    assert.deepStrictEqual(events.at(-1), ["full"])
  })

  it("counts a call that breaks its schema where it is passed on", () => {
    const one = toolset([tool("t", { x: { type: "integer" } })], { parallel: false })
    const bad = '<tool_call>{"name":"t","arguments":{"x":"many"}}</tool_call>'
    assert.deepStrictEqual(scan([bad + call], one, { passOn: true }).events, [
      ["invalid", "invalid_arguments", bad],
      ["full"]
    ])
    assert.deepStrictEqual(scan([bad + call], one).events, [["invalid", "invalid_arguments", bad], x1, ["full"]])
  })

  it("takes a call that is too long for text, up to its end, in whatever pieces and also in a fence", () => {
    const long = `<tool_call>{"name":"t","arguments":{"s":"${"a".repeat(9000)}"}}</tool_call>`
    const fenced = `\`\`\`\n${long}\n\`\`\``
    for (const text of [long, fenced]) {
      for (const size of [1, 7, 1000, 5095, 5096, 5097, 20_000]) {
        const whole = `${text}\n${call}`
        const pieces = Array.from({ length: Math.ceil(whole.length / size) }, (_, at) =>
          whole.slice(at * size, (at + 1) * size)
        )
        assert.deepStrictEqual(scan(pieces, tools, { maxBody: 1000 }).events, [["text", text], x1], String(size))
      }
    }
  })

  it("passes a call that breaks its schema on, unless its tool is strict", () => {
    const problem = (strict: boolean) => {
      const found: Array<ToolCalls.Problem> = []
      const required = { type: "object", properties: { x: { type: "integer" } }, required: ["x"] }
      const scanner = ToolScanner.make(
        { toolset: toolset([tool("t", {}, { parameters: required, strict })]), newId: () => "id" },
        {
          text: unexpected,
          call: unexpected,
          invalid: (one) => {
            found.push(one)
            return false
          },
          full: unexpected
        }
      )
      scanner.push('<tool_call>{"name":"t","arguments":{"x":"many"}}</tool_call>')
      scanner.end(false)
      assert.lengthOf(found, 1)
      return found[0]!
    }
    const { call, detail, name, reason } = problem(false)
    assert.strictEqual(reason, "invalid_arguments")
    assert.strictEqual(name, "t")
    assert.include(detail, "/x")
    assert.notInclude(detail, "many")
    assert.deepStrictEqual(call, { id: "id", name: "t", arguments: '{"x":"many"}' })
    assert.isUndefined(problem(true).call)
  })

  it("gives a custom tool its text", () => {
    const custom = toolset([tool("patch", {}, { kind: "custom" })])
    const input = "*** Begin\n{</tool_call>}"
    for (const text of [
      `<tool_call>\n<function=patch>\n<parameter=input>\n${input}\n</parameter>\n</function>\n</tool_call>`,
      `<tool_call>${JSON.stringify({ name: "patch", arguments: { input } })}</tool_call>`,
      `<tool_call>${JSON.stringify({ name: "patch", arguments: input })}</tool_call>`,
      `<tool_call>${JSON.stringify({ name: "patch", arguments: JSON.stringify({ input }) })}</tool_call>`
    ]) {
      assert.deepStrictEqual(scan([text], custom).events, [["call", "patch", input]])
    }
  })

  it("makes ids of 24 random letters and digits", () => {
    const ids = new Set(Array.from({ length: 1000 }, ToolCalls.newId))
    assert.strictEqual(ids.size, 1000)
    for (const id of ids) assert.match(id, /^call_[A-Za-z0-9]{24}$/)
  })
})
