import { assert, describe, it } from "@effect/vitest"
import { FastCheck } from "effect"
import type { Toolset } from "../../../src/domain/Chat.ts"
import { type Event, scan, split, tool, toolset } from "./Scan.ts"

const integer = { type: "integer" }
const string = { type: "string" }
const t = tool("t", {
  x: integer,
  s: string,
  b: { type: "boolean" },
  list: { type: "array", items: integer },
  s2: string
})
const u = tool("u", { y: string })
const both = toolset([t, u])

const json = (name: string, args: string) => `<tool_call>\n{"name":"${name}","arguments":${args}}\n</tool_call>`
const func = (name: string, ...parameters: ReadonlyArray<readonly [string, string]>) =>
  `<function=${name}>\n${parameters.map(([key, value]) => `<parameter=${key}>\n${value}\n</parameter>\n`).join("")}</function>`
const xml = (name: string, ...parameters: ReadonlyArray<readonly [string, string]>) =>
  `<tool_call>\n${func(name, ...parameters)}\n</tool_call>`

interface Vector {
  readonly says: string
  readonly text: string
  readonly gives: ReadonlyArray<Event>
  readonly tools?: Toolset
  readonly cut?: boolean
}

const same = (text: string): ReadonlyArray<Event> => [["text", text]]
const x1: Event = ["call", "t", '{"x":1}']
const nasty = '</tool_call>"quoted" { [ 中文 🎉\ttab\n`tick` </parameter> \\n <function=u>\n'
const quotes = '{"a": "</tool_call> \\"} {"}'

const vectors: ReadonlyArray<Vector> = [
  {
    says: "1 plain text",
    text: "if a < b && c > d\n\tthen <b>x</b>\n",
    gives: same("if a < b && c > d\n\tthen <b>x</b>\n")
  },
  { says: "2 a JSON call", text: json("t", '{"x":1}'), gives: [x1] },
  { says: "3 an XML call", text: xml("t", ["x", "1"]), gives: [x1] },
  {
    says: "4 text before a JSON call",
    text: `Let me see.\n\n${json("t", '{"x":1}')}`,
    gives: [["text", "Let me see."], x1]
  },
  {
    says: "4 text before an XML call",
    text: `Let me see.\n${xml("t", ["x", "1"])}\n`,
    gives: [["text", "Let me see."], x1]
  },
  {
    says: "5 two calls",
    text: `${json("t", '{"x":1}')}\n\n${xml("u", ["y", "a"])}\n`,
    gives: [x1, ["call", "u", '{"y":"a"}']]
  },
  {
    says: "6 an array of two in one block",
    text: '<tool_call>[{"name":"t","arguments":{"x":1}},{"name":"u","parameters":{"y":"a"}}]</tool_call>',
    gives: [x1, ["call", "u", '{"y":"a"}']]
  },
  {
    says: "6 two functions in one block",
    text: `<tool_call>\n${func("t", ["x", "1"])}\n${func("u", ["y", "a"])}\n</tool_call>`,
    gives: [x1, ["call", "u", '{"y":"a"}']]
  },
  {
    says: "6 two objects in one block",
    text: '<tool_call>\n{"name":"t","arguments":{"x":1}}\n{"name":"u","arguments":{"y":"a"}}\n</tool_call>',
    gives: [x1, ["call", "u", '{"y":"a"}']]
  },
  {
    says: "7 an XML value with everything in it",
    text: xml("t", ["s", nasty]),
    gives: [["call", "t", JSON.stringify({ s: nasty })]]
  },
  {
    says: "8 a JSON string with an end marker and brackets",
    text: json("t", JSON.stringify({ s: quotes })),
    gives: [["call", "t", JSON.stringify({ s: quotes })]]
  },
  { says: "9 a bare function", text: `Now:\n${func("t", ["x", "1"])}`, gives: [["text", "Now:"], x1] },
  { says: "9 a bare function that is not declared", text: func("v", ["x", "1"]), gives: same(func("v", ["x", "1"])) },
  {
    says: "9 a bare function in mid-line",
    text: `See ${func("t", ["x", "1"])}`,
    gives: same(`See ${func("t", ["x", "1"])}`)
  },
  { says: "10 an orphan end after a bare function", text: `${func("t", ["x", "1"])}\n</tool_call>\n`, gives: [x1] },
  {
    says: "11 markers in inline code",
    text: "use `<tool_call>` tags, ``<tool_call>{`` too",
    gives: same("use `<tool_call>` tags, ``<tool_call>{`` too")
  },
  {
    says: "12 a fenced example",
    text: `Like this:\n\`\`\`xml\n${json("t", '{"x":1}')}\n\`\`\`\nThat is all.`,
    gives: same(`Like this:\n\`\`\`xml\n${json("t", '{"x":1}')}\n\`\`\`\nThat is all.`)
  },
  {
    says: "12 a fenced example among other code",
    text: `~~~\nfirst\n${json("t", '{"x":1}')}\n~~~\n`,
    gives: same(`~~~\nfirst\n${json("t", '{"x":1}')}\n~~~\n`)
  },
  {
    says: "13 a fence with only a call",
    text: `Now:\n\`\`\`json\n${json("t", '{"x":1}')}\n\`\`\`\n`,
    gives: [["text", "Now:"], x1]
  },
  {
    says: "13 a fence with only calls",
    text: `\`\`\`\n${xml("t", ["x", "1"])}\n${func("u", ["y", "```\na"])}\n\`\`\``,
    gives: [x1, ["call", "u", '{"y":"```\\na"}']]
  },
  { says: "14 half a marker at the end", text: "so <tool_cal", gives: same("so <tool_cal") },
  {
    says: "15 a marker and nothing more",
    text: "so\n<tool_call>",
    gives: [
      ["text", "so\n"],
      ["invalid", "unclosed", "<tool_call>"]
    ]
  },
  { says: "15 a marker, cut", text: "so\n<tool_call>", cut: true, gives: same("so\n<tool_call>") },
  {
    says: "15 half a call, cut",
    text: 'so\n<tool_call>{"name":"t","arguments":{}}',
    cut: true,
    gives: same('so\n<tool_call>{"name":"t","arguments":{}}')
  },
  {
    says: "15 half a call",
    text: '<tool_call>{"name":"t","arguments":{"s":"half',
    gives: [["invalid", "unclosed", '<tool_call>{"name":"t","arguments":{"s":"half']]
  },
  { says: "16 arguments in a string", text: json("t", JSON.stringify('{"x":1}')), gives: [x1] },
  { says: "17 no arguments", text: '<tool_call>{"name":"t"}</tool_call>', gives: [["call", "t", "{}"]] },
  {
    says: "18 texts of other kinds",
    text: json("t", '{"x":"3","b":"true","s":"3","list":"[1,2]"}'),
    gives: [["call", "t", '{"x":3,"b":true,"s":"3","list":[1,2]}']]
  },
  {
    says: "18 XML values by type",
    text: xml("t", ["x", "3"], ["b", "true"], ["s", "3"], ["list", "[1,2]"], ["s2", "true"]),
    gives: [["call", "t", '{"x":3,"b":true,"s":"3","list":[1,2],"s2":"true"}']]
  },
  { says: "19 an unknown tool", text: json("v", "{}"), gives: [["invalid", "unknown_tool", json("v", "{}")]] },
  {
    says: "20 no calls wanted",
    text: `a\n${json("t", '{"x":1}')}`,
    tools: toolset([t], { choice: "none" }),
    gives: same(`a\n${json("t", '{"x":1}')}`)
  },
  {
    says: "21 another tool than the named one",
    text: `${json("t", '{"x":1}')}\n${json("u", '{"y":"a"}')}`,
    tools: toolset([t, u], { choice: { name: "u" } }),
    gives: [["call", "u", '{"y":"a"}']]
  },
  {
    says: "22 one call at most",
    text: `Hm.\n${json("t", '{"x":1}')}\n${json("u", '{"y":"a"}')}\nmore`,
    tools: toolset([t, u], { parallel: false }),
    gives: [["text", "Hm."], x1, ["full"]]
  },
  {
    says: "23 a call in thoughts",
    text: `<think>\n${json("t", '{"x":1}')}\n</think>\nDone.`,
    gives: same(`<think>\n${json("t", '{"x":1}')}\n</think>\nDone.`)
  },
  {
    says: "23 a call after thoughts",
    text: `<think>\nhm\n</think>\n${json("t", '{"x":1}')}`,
    gives: [["text", "<think>\nhm\n</think>"], x1]
  },
  { says: "25 many <", text: "<".repeat(10_000), gives: same("<".repeat(10_000)) },
  {
    says: "27 CRLF in JSON",
    text: `Hm.\r\n\r\n${json("t", '{"x":1}').replaceAll("\n", "\r\n")}\r\n`,
    gives: [["text", "Hm."], x1]
  },
  {
    says: "27 CRLF in XML",
    text: `Hm.\r\n${xml("t", ["s", "a\nb\n"], ["x", "1"])}\n`.replaceAll(/\r?\n/g, "\r\n"),
    gives: [
      ["text", "Hm."],
      ["call", "t", '{"s":"a\\nb\\n","x":1}']
    ]
  },
  {
    says: "27 CRLF within a value only",
    text: xml("t", ["s", "a\r\nb"]),
    gives: [["call", "t", '{"s":"a\\r\\nb"}']]
  },
  { says: "27 CRLF in a fence", text: `\`\`\`\r\n${json("t", '{"x":1}')}\r\n\`\`\`\r\n`, gives: [x1] },
  { says: "28 a name in another case", text: json("T", '{"x":1}'), gives: [x1] },
  { says: "28 a bare name in another case", text: func("T", ["x", "1"]), gives: [x1] },
  {
    says: "29 Python",
    text: "<tool_call>{'name': 't', 'arguments': {'b': True, 's': 'it\\'s \"}\"',}}</tool_call>",
    gives: [["call", "t", '{"b":true,"s":"it\'s \\"}\\""}']]
  },
  {
    says: "30 brackets in a string",
    text: json("t", '{"s":"mkdir -p test/{a,b"}'),
    gives: [["call", "t", '{"s":"mkdir -p test/{a,b"}']]
  }
]

describe("the vectors of the contract", () => {
  for (const { cut = false, gives, says, text, tools = both } of vectors) {
    it(says, () => {
      const run = (pieces: ReadonlyArray<string>) => scan(pieces, tools, { cut }).events
      assert.deepStrictEqual(run([text]), gives)
      if (text.length > 1000) return
      for (let at = 0; at <= text.length; at++) {
        assert.deepStrictEqual(run([text.slice(0, at), text.slice(at)]), gives, `cut at ${at}`)
      }
      assert.deepStrictEqual(run([...text]), gives)
    })
    it.prop(
      `${says}, in any pieces`,
      [FastCheck.array(FastCheck.nat(text.length), { maxLength: 12 })],
      ([places]) => {
        assert.deepStrictEqual(scan(split(text, places), tools, { cut }).events, gives)
      },
      { fastCheck: { numRuns: 50 } }
    )
  }

  it("26 an argument of a mebibyte passes, as JSON and as XML, in small pieces", () => {
    const long = "line of text\n".repeat(80_660).slice(0, 1 << 20)
    for (const text of [json("t", JSON.stringify({ s: "a".repeat(1 << 20) })), xml("t", ["s", long])]) {
      const pieces = text.match(/[\s\S]{1,7}/g) ?? []
      const { calls, text: rest } = scan(pieces, both)
      assert.lengthOf(calls, 1)
      assert.strictEqual(rest, "")
      assert.lengthOf(JSON.parse(calls[0]![1]).s, 1 << 20)
    }
  })
})
