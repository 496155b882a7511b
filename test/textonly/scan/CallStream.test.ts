/** Calls that go out while they are written: what the pieces say together is what the whole form says. */
import { assert, describe, it } from "@effect/vitest"
import { FastCheck } from "effect"
import type { Toolset } from "../../../src/domain/Chat.ts"
import { type Event, type Scan, scan, split, streaming, tool, toolset } from "./Scan.ts"

const string = { type: "string" }
const write = tool("write", {
  path: string,
  content: string,
  mode: { type: "integer" },
  force: { type: "boolean" },
  list: { type: "array", items: { type: "integer" } },
  either: { type: ["string", "null"] },
  any: {},
  choice: { type: "string", enum: ["a", "b"] },
  number: { anyOf: [{ type: "string" }, { type: "number" }] },
  "7": string
})
const other = tool("other", { a: string })
const patch = tool("patch", {}, { kind: "custom" })
const tools = toolset([write, other, patch])

type Parameters = ReadonlyArray<readonly [key: string, value: string]>
const body = (parameters: Parameters) =>
  parameters.map(([key, value]) => `<parameter=${key}>\n${value}\n</parameter>\n`).join("")
const call = (parameters: Parameters, name = "write") =>
  `<tool_call>\n<function=${name}>\n${body(parameters)}</function>\n</tool_call>`

const { every, live, same } = streaming(tools)

/** How many characters of the text were read when each piece came. */
const places = (text: string, declared: Toolset = tools) => {
  const sent: Array<string> = []
  for (let at = 0; at < text.length; at++)
    sent.push(live([...text.slice(0, at + 1)], { cut: true }, declared).live[0]?.pieces.join("") ?? "-")
  return sent
}

describe("A call that goes out while it is written", () => {
  it("is begun with its first key, and its texts come character by character", () => {
    const text = call([
      ["path", "a.txt"],
      ["content", "one\ntwo"]
    ])
    const found = same(text)
    assert.lengthOf(found.live, 1)
    const [one] = found.live
    assert.deepStrictEqual(one!.pieces.slice(0, 7), ['{"path":"', "a", ".", "t", "x", "t", '"'])
    const sent = places(text)
    const key = text.indexOf("path>") + 4
    assert.strictEqual(sent[key - 1], "-")
    assert.strictEqual(sent[key], "")
    assert.strictEqual(sent[text.indexOf("a.txt") + 2], '{"path":"a.t')
    assert.strictEqual(sent[text.indexOf("two") + 1], '{"path":"a.txt","content":"one\\ntw')
  })

  it("holds what may be the end of a text until it is known", () => {
    for (const value of [
      "a\n\n",
      "a</parameter>b",
      "a</parameter>\n<parameter",
      "a</parameter>\n<parameter=x\ny",
      "a</function>",
      "a\n</function>\nb",
      "a </parameter></parameter>",
      "a <function=b>\n<parameter=c>\nd\n</parameter>\n</function> e",
      "a\n<parameter=nothing>\nb",
      "a </parameter> </tool_call> x",
      "<",
      "",
      "\n",
      " \n ",
      "\r",
      "a\r\nb",
      "\ud83d\ude00 \ud83d x",
      '"\\\u0000\u2028'
    ]) {
      const text = call([
        ["path", value],
        ["content", value]
      ])
      assert.deepStrictEqual(
        scan([text], tools).calls,
        [["write", JSON.stringify({ path: value, content: value })]],
        value
      )
      same(text)
      same(call([["input", value]], "patch"))
    }
  })

  it("goes on at once behind what was no end", () => {
    const text = call([["content", "a </parameter> b </function> c"]])
    const sent = places(text)
    assert.strictEqual(sent[text.indexOf(" b ") + 1], '{"content":"a </parameter> b')
    assert.strictEqual(sent[text.indexOf(" c\n") + 1], '{"content":"a </parameter> b </function> c')
  })

  it("ends a value whose mark is missing as the whole form does", () => {
    same("<tool_call>\n<function=write>\n<parameter=path>\na.txt\n<parameter=content>\nfoo\n</function>\n</tool_call>")
    same(
      "<tool_call>\n<function=write>\n<parameter=content>\na <function=b>\n<parameter=c>\nd\n</parameter>\n</function>\n</tool_call>"
    )
    same("<tool_call>\n<function=write>\n<parameter=path>\na.txt\n")
    same("<tool_call>\n<function=write>\n<parameter=mode>\n7")
  })

  it("brings values that are no texts whole, as they are meant", () => {
    const found = same(
      call([
        ["mode", "7"],
        ["force", "True"],
        ["list", '[1, "2", 3]'],
        ["number", "1.5"],
        ["any", '{"a": 1}'],
        ["content", "text"]
      ])
    )
    const { pieces } = found.live[0]!
    assert.deepStrictEqual(pieces.slice(0, 5), [
      '{"mode":7',
      ',"force":true',
      ',"list":[1,2,3]',
      ',"number":1.5',
      ',"any":{"a":1}'
    ])
    every(
      call([
        ["mode", "many"],
        ["content", "text"]
      ]),
      [["call", "write", '{"mode":"many","content":"text"}']]
    )
    same(
      call([
        ["either", "null"],
        ["content", "x"]
      ])
    )
    same(
      call([
        ["either", " null x"],
        ["content", "x"]
      ])
    )
    same(
      call([
        ["either", "nul"],
        ["choice", "b"]
      ])
    )
    assert.isAbove(same(call([["either", "a text"]])).live[0]!.pieces.length, 5)
    same(call([["content", "<![CDATA[a < b]]>"]]))
    same(call([["content", " <![CDATA a"]]))
    same(
      call([
        ["content", `${" ".repeat(1100)}x`],
        ["path", "y"]
      ])
    )
  })

  it("waits for the end where the others decide: long numbers, keys like an index, keys that are not declared", () => {
    same(
      call([
        ["mode", "12345678901234567890"],
        ["content", "text"]
      ])
    )
    same(
      call([
        ["content", "1234567890123456 is long"],
        ["list", "[1, 2]"]
      ])
    )
    every(
      call([
        ["content", "text"],
        ["7", "first"],
        ["path", "x"]
      ]),
      [["call", "write", '{"content":"text","7":"first","path":"x"}']]
    )
    same(
      call([
        ["content", "text"],
        ["unknown", "x"],
        ["path", "y"]
      ])
    )
    const closed = toolset([
      tool(
        "write",
        {},
        { parameters: { type: "object", properties: { content: string }, additionalProperties: false } }
      )
    ])
    same(
      call([
        ["content", "text"],
        ["unknown", "x"]
      ]),
      closed
    )
    const found = same(
      call([
        ["unknown", "x"],
        ["content", "text"]
      ]),
      closed
    )
    assert.deepStrictEqual(found.live, [])
    const joint = toolset([
      tool("write", {}, { parameters: { type: "object", properties: { content: string }, anyOf: [{}] } })
    ])
    assert.deepStrictEqual(same(call([["content", "text"]]), joint).live, [])
  })

  it("is sent as it was written where that would be mended otherwise", () => {
    const text = call([
      ["content", "a"],
      ["path", "b"],
      ["content", "c"]
    ])
    every(text, [["call", "write", '{"content":"a","path":"b","content":"c"}']])
  })

  it("is not asked for again where it breaks its schema", () => {
    const need = toolset([
      tool("write", {}, { parameters: { type: "object", properties: { content: string, k: string }, required: ["k"] } })
    ])
    every(call([["content", "a"]]), [["call", "write", '{"content":"a"}']], {}, need)
  })

  it("comes whole where its tool is strict, or not wanted, or in another form", () => {
    const strict = toolset([tool("write", { content: string }, { strict: true })])
    assert.deepStrictEqual(same(call([["content", "a"]]), strict).live, [])
    const wanted = toolset([write, other], { choice: { name: "other" } })
    assert.deepStrictEqual(same(call([["content", "a"]]), wanted).live, [])
    for (const text of [
      '<tool_call>\n<function=write>\n{"content":"a"}\n</function>\n</tool_call>',
      `<function=write>\n${body([["content", "a"]])}</function>`,
      `So:\n${call([["content", "a"]])}`,
      `So ${call([["content", "a"]])}`,
      `\`\`\`\n${call([["content", "a"]])}\n\`\`\``,
      "<tool_call>write\n<arg_key>content</arg_key>\n<arg_value>a</arg_value>\n</tool_call>",
      "<tool_call>\n<function=write>\n</function>\n</tool_call>"
    ]) {
      assert.deepStrictEqual(same(text).live, [], text)
    }
  })

  it("comes with CRLF where every line ends so as with LF", () => {
    const text = call([
      ["path", "a.txt"],
      ["content", "one\ntwo\n"],
      ["mode", "1"]
    ]).replaceAll("\n", "\r\n")
    const { calls } = same(text)
    assert.deepStrictEqual(calls, [["write", '{"path":"a.txt","content":"one\\ntwo\\n","mode":1}']])
    same(text.replace("two\r\n", "two\n"))
    same(text.replace(/\r\n<\/tool_call>$/, "\n</tool_call>"))
    same(`${text.slice(0, text.indexOf("</tool_call>") - 2)}\nand text`)
    same(call([["content", "one\r\ntwo"]]).replaceAll(/(?<!\r)\n/g, ""))
  })

  it("has its end with its function's, and the next of its frame comes as it is written, too", () => {
    const first = call([["content", "a"]])
    const second = `<function=other>\n<parameter=a>\nbcd\n</parameter>\n</function>\n`
    const text = first.replace("</tool_call>", `${second}${second}</tool_call>\nDone.`)
    const found = same(text)
    assert.lengthOf(found.live, 3)
    assert.deepStrictEqual(found.live[2]!.pieces, ['{"a":"', "b", "c", "d", '"}'])
    assert.deepStrictEqual(scan([...text.slice(0, text.indexOf("</function>") + 11)], tools, { live: true }).calls, [
      ["write", '{"content":"a"}']
    ])
    const one = toolset([write, other], { parallel: false })
    every(
      first.replace("</tool_call>", `${second}</tool_call>`),
      [["call", "write", '{"content":"a"}'], ["full"]],
      {},
      one
    )
    const row = same(`I look.\n\n${first}\n${first} ${first}\nDone.\n`)
    assert.lengthOf(row.live, 3)
  })

  it("is followed by what its frame holds otherwise, whole at the frame's end", () => {
    const first = call([["content", "a"]])
    const next = "<function=other>\n<parameter=a>\nb\n</parameter>\n</function>\n"
    const frame = (...more: ReadonlyArray<string>) => first.replace("</tool_call>", `${more.join("")}</tool_call>\n.`)
    const strict = toolset([write, tool("other", { a: string }, { strict: true })])
    for (const [more, streamed, declared = tools] of [
      [['{"name":"other","arguments":{"a":"b"}}\n', next], 3],
      [['[{"name":"other","arguments":{"a":"b"}},{"name":"other"}]'], 1],
      [[next, '{"name":"other","arguments":{"a":"b"}}\n', next], 4],
      [['<function=other>{"a":"b"}</function>', next], 1],
      [["<function=other></function>", next], 1],
      [[next, next], 1, strict],
      [[next, "<function=none>\n<parameter=a>\nb\n</parameter>\n</function>\n", next], 2]
    ] as const) {
      const text = frame(...more)
      assert.lengthOf(same(text, declared).live, streamed, text)
    }
  })

  it("waits for the frame's end where line ends decide what it is", () => {
    const frame = call([["content", "a\nb"]]).replace(
      "</tool_call>",
      "<function=other>\n<parameter=a>\nb\n</parameter>\n</function>\n</tool_call>"
    )
    const wire = frame.replaceAll("\n", "\r\n")
    assert.deepStrictEqual(same(wire).calls, [
      ["write", '{"content":"a\\nb"}'],
      ["other", '{"a":"b"}']
    ])
    assert.deepStrictEqual(
      same(wire.replace("b\r\n</parameter>\r\n</function>\r\n</tool", "b\n</parameter>\n</function>\n</tool")).calls[0],
      ["write", '{"content":"a\\r\\nb"}']
    )
    const mixed = same(
      frame.replace("\nb\n</parameter>\n</function>\n</tool", "\nb\r\nc\n</parameter>\n</function>\n</tool")
    )
    assert.lengthOf(mixed.live, 2)
    assert.deepStrictEqual(mixed.live[1]!.pieces.slice(0, 3), ['{"a":"', "b", "\\r\\nc"])
    same(frame.replaceAll("\n", ""))
    same(frame.replaceAll("\n", "").replace("<parameter=a>b", "<parameter=a>b\r\nc\r\n"))
  })

  it("keeps its end where the next of its frame has none", () => {
    const whole: Event = ["call", "write", '{"content":"a"}']
    const begun = call([["content", "a"]]).replace("</tool_call>", "<function=other>\n<parameter=a>\nhalf")
    every(begun, [whole, ["broken", "unclosed", '{"a":"half']])
    every(begun, [whole, ["broken", "cut", '{"a":"half']], { cut: true })
    const named = begun.slice(0, begun.lastIndexOf("<parameter"))
    every(named, [whole, ["broken", "unclosed", ""]])
    every(named, [whole, ["broken", "cut", ""]], { cut: true })
    const long = `${begun}${"x".repeat(6000)}`
    for (const size of [1, 7, 10_000]) {
      const pieces = long.match(new RegExp(`[\\s\\S]{1,${size}}`, "g")) ?? []
      const { events } = live(pieces, { maxBody: 1000 })
      assert.deepStrictEqual(events[0], whole)
      assert.deepStrictEqual(events[1]!.slice(0, 2), ["broken", "long"])
    }
  })

  it("makes calls of what was held before it", () => {
    const bare = `<function=other>\n<parameter=a>\nb\n</parameter>\n</function>`
    same(`${bare}\n${call([["content", "a"]])}\nDone.`)
  })

  it("breaks where the answer ends in it, by a limit or without its end", () => {
    const text = "<tool_call>\n<function=write>\n<parameter=content>\nhalf of"
    every(text, [["broken", "unclosed", '{"content":"half of']])
    every(text, [["broken", "cut", '{"content":"half of']], { cut: true })
    every(`${text}</parameter>\n<parameter=pa`, [["broken", "unclosed", '{"content":"half of']])
    every(call([["content", "a"]]).slice(0, -12), [["call", "write", '{"content":"a"}']])
  })

  it("breaks where it is longer than a call may be", () => {
    const text = call([["content", "x".repeat(6000)]])
    for (const size of [1, 7, 10_000]) {
      const pieces = text.match(new RegExp(`[\\s\\S]{1,${size}}`, "g")) ?? []
      const { events } = live([...pieces, "more"], { maxBody: 1000 })
      assert.lengthOf(events, 1)
      assert.deepStrictEqual(events[0]!.slice(0, 2), ["broken", "long"])
    }
  })

  const functions = FastCheck.array(
    FastCheck.tuple(
      FastCheck.constantFrom("write", "other", "none"),
      FastCheck.array(FastCheck.constantFrom("x", "\n", "\r\n", "</parameter>", "</function>", "<"), { maxLength: 5 })
    ).map(
      ([name, parts]) =>
        `<function=${name}>\n<parameter=${name === "write" ? "path" : "a"}>\n${parts.join("")}\n</parameter>\n</function>\n`
    ),
    { minLength: 1, maxLength: 4 }
  )
  it.prop(
    "is what the whole form has, and so are all of its frame, however the text was cut",
    [
      FastCheck.array(functions, { minLength: 1, maxLength: 3 }),
      FastCheck.boolean(),
      FastCheck.array(FastCheck.nat(1000), { maxLength: 8 })
    ],
    ([frames, isWire, places]) => {
      const written = frames.map((all) => `<tool_call>\n${all.join("")}</tool_call>\n`).join("")
      const text = isWire ? written.replaceAll(/\r?\n/g, "\r\n") : written
      const { events } = scan([text], tools)
      assert.deepStrictEqual(live([text]).events, events)
      assert.deepStrictEqual(live(split(text, places)).events, events)
      assert.deepStrictEqual(live([...text]).events, events)
    },
    { fastCheck: { numRuns: 500 } }
  )

  const piece = FastCheck.constantFrom(
    ...["<", "</parameter>", "<parameter=path>", "<parameter=content>", "<parameter=no>", "</function>", "\n", "\r\n"],
    ...[
      "\r",
      " ",
      "a",
      "</tool_call>",
      "<function=b>",
      "\ud83d",
      "\ude00",
      '"',
      "\\",
      "<tool_call>",
      "null",
      "<![CDATA["
    ]
  )
  it.prop(
    "says together what the whole form says, however the text was cut",
    [
      FastCheck.array(
        FastCheck.tuple(
          FastCheck.constantFrom("path", "content", "either", "mode", "any", "no"),
          FastCheck.array(piece, { maxLength: 8 })
        ),
        { minLength: 1, maxLength: 4 }
      ),
      FastCheck.boolean(),
      FastCheck.array(FastCheck.nat(2000), { maxLength: 8 })
    ],
    ([parts, isWire, places]) => {
      const keys = parts.map(([key]) => key)
      FastCheck.pre(new Set(keys).size === keys.length)
      const written = call(parts.map(([key, value]) => [key, value.join("")] as const))
      const text = isWire ? written.replaceAll(/\r?\n/g, "\r\n") : written
      const whole = scan([text], tools)
      const one = live([text])
      const sums = (found: Scan) => found.events.map((event) => (event[0] === "broken" ? event.slice(0, 2) : event))
      assert.deepStrictEqual(sums(live(split(text, places))), sums(one))
      assert.deepStrictEqual(sums(live([...text])), sums(one))
      const isTwice = one.calls.some(([, args], index) => args !== whole.calls[index]?.[1])
      if (!isTwice && whole.invalid.length === 0) assert.deepStrictEqual(one.calls, whole.calls)
    },
    { fastCheck: { numRuns: 1500 } }
  )

  it("keeps what it has sent where the whole call is too long to be converted", () => {
    const numbers = { type: "array", items: { type: "integer" } }
    const declared = toolset([tool("write", { first: numbers, second: numbers })])
    const long = JSON.stringify(Array.from({ length: 12_000 }, () => "no"))
    const text = call([
      ["first", '["1"]'],
      ["second", long]
    ])
    const found = live(text.match(/[\s\S]{1,40}/g) ?? [], {}, declared)
    assert.deepStrictEqual(
      found.calls.map(([name]) => name),
      ["write"]
    )
    assert.strictEqual(found.calls[0]?.[1], `{"first":[1],"second":${long}}`)
  })

  it("takes linear time, also where all of it must wait", () => {
    const open = "<tool_call>\n<function=write>\n<parameter=content>\n"
    const wire = open.replaceAll("\n", "\r\n")
    for (const [prefix, part] of [
      [open, "text "],
      [open, " "],
      [open, "\n"],
      [open, "</parameter>"],
      [open, "\n</function>\n"],
      [open, "</parameter>\n<parameter=x"],
      [open, "<function=b><parameter=c>d</parameter></function>"],
      [`${open}x</parameter></function>\n<function=other><parameter=a>`, "line\n"],
      [`${wire}x</parameter></function>\r\n<function=other><parameter=a>`, "line\r\n"],
      [`${open}x</parameter></function>\n`, "<function=other><parameter=a>b</parameter></function>"],
      ["<tool_call>", "<function=strict><parameter=a>b</parameter></function>"],
      [wire, "line\r\n"],
      [wire, "\r"],
      [`${open}x</parameter>\n<parameter=list>\n[`, "1,"],
      [`${open}x</parameter>\n`, "<parameter=k>1</parameter>"],
      ["<tool_call>\n<function=write>\n<parameter=either>\nnull", " "],
      [`${open}\n</function>\n`, "after "]
    ] as const) {
      const time = (size: number) => {
        const text = prefix + part.repeat(size / part.length)
        const began = performance.now()
        scan(text.match(/[\s\S]{1,7}/g) ?? [], tools, { live: true })
        return performance.now() - began
      }
      const small = time(50_000)
      assert.isBelow(time(400_000), 24 * small + 1500, JSON.stringify(part))
    }
  }, 60_000)
})
