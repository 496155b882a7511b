/** Calls in JSON that go out while they are written: what the pieces say together is what the whole form says. */
import { assert, describe, it } from "@effect/vitest"
import { FastCheck } from "effect"
import { scan, split, streaming, tool, toolset } from "./Scan.ts"

const string = { type: "string" }
const write = tool("write", {
  path: string,
  content: string,
  mode: { type: "integer" },
  list: { type: "array", items: { type: "integer" } },
  either: { type: ["string", "null"] },
  any: {},
  "7": string
})
const other = tool("other", { a: string })
const tools = toolset([write, other, tool("patch", {}, { kind: "custom" })])

const frame = (json: string) => `<tool_call>\n${json}\n</tool_call>`
const call = (args: string, name = "write") => frame(`{"name": "${name}", "arguments": ${args}}`)

const { every, live, same } = streaming(tools)

/** What had been sent after this much of the text. */
const sent = (text: string, behind: string) =>
  live([...text.slice(0, text.indexOf(behind) + behind.length)], { cut: true }).live[0]?.pieces.join("")

describe("A call in JSON that goes out while it is written", () => {
  it("is begun with its first argument, and its texts come character by character", () => {
    const text = call('{"path": "a.txt", "content": "one\\ntwo"}')
    const found = same(text)
    assert.lengthOf(found.live, 1)
    assert.deepStrictEqual(found.live[0]!.pieces.slice(0, 7), ['{"path":"', "a", ".", "t", "x", "t", '"'])
    assert.isUndefined(sent(text, '"path'))
    assert.strictEqual(sent(text, '"path"'), "")
    assert.strictEqual(sent(text, "a.t"), '{"path":"a.t')
    assert.strictEqual(sent(text, "tw"), '{"path":"a.txt","content":"one\\ntw')
  })

  it("comes so with any of the keys of its arguments", () => {
    for (const key of ["arguments", "parameters", "args"]) {
      const found = same(frame(`{"name":"write","${key}":{"content":"a"}}`))
      assert.lengthOf(found.live, 1)
      assert.deepStrictEqual(found.calls, [["write", '{"content":"a"}']])
    }
    assert.lengthOf(same(call(' { "content" : "a" } ')).live, 1)
    assert.lengthOf(same(frame('```json\n{"name":"write","arguments":{"content":"a"}}\n```')).live, 1)
  })

  it("keeps every escape, and what only looks like one", () => {
    for (const [written, value] of [
      ['\\"\\\\\\/\\b\\f\\n\\r\\t', '"\\/\b\f\n\r\t'],
      ["\\u0041\\u00e9\\u2028", "A\u00e9\u2028"],
      ["\\ud83d\\ude00 \\ud83d x \\ude00", "\ud83d\ude00 \ud83d x \ude00"],
      ["\ud83d\ude00", "\ud83d\ude00"],
      ["C:\\Projects\\d+\\u12 \\u12", "C:\\Projects\\d+\\u12 \\u12"],
      ["\\'it\\' \\\\'", "'it' \\'"],
      ["a\nb\r\n\tc", "a\nb\r\n\tc"],
      ["\\u\\n", "\\u\n"]
    ] as const) {
      const text = call(`{"content": "${written}", "path": "p"}`)
      assert.deepStrictEqual(scan([text], tools).calls, [["write", JSON.stringify({ content: value, path: "p" })]])
      assert.lengthOf(same(text).live, 1)
    }
  })

  it("brings values that are no texts whole, as they are meant", () => {
    const found = same(
      call('{"mode": "7", "list": [1, "2"], "either": null, "any": {"a": [1.0, "]}"]}, "content": "text"}')
    )
    assert.deepStrictEqual(found.live[0]!.pieces.slice(0, 4), [
      '{"mode":7',
      ',"list":[1,2]',
      ',"either":null',
      ',"any":{"a":[1,"]}"]}'
    ])
    assert.isAbove(same(call('{"either": "null and"}')).live[0]!.pieces.length, 5)
    same(call('{"any": "a \\n text", "mode": 3, "content": "x"}'))
    same(call('{"mode":1,"content":"x"}'))
  })

  it("waits for the end where it is no sound JSON, or where others decide", () => {
    for (const args of [
      `{"path": "a", 'content': "b"}`,
      `{"path": "a", "content": 'b'}`,
      '{"path": "a", "any": True, "content": "b",}',
      '{"path": "a",}',
      '{"path": "a", "mode": 12345678901234567890, "content": "x"}',
      '{"path": "1234567890123456 is long", "list": [1, 2]}',
      '{"path": "a", "list": [1], "any": 1234567890123456789012}',
      '{"path": "a", "unknown": 1, "content": "b"}',
      '{"path": "a", "any": [1}',
      '{"path": "a"]'
    ]) {
      const found = same(call(args))
      assert.strictEqual(found.live[0]?.pieces[0], '{"path":"', args)
    }
    every(call('{"content": "a", "7": "b", "path": "c"}'), [["call", "write", '{"content":"a","7":"b","path":"c"}']])
    every(call('{"content": "a", "path": "b", "content": "c"}'), [
      ["call", "write", '{"content":"a","path":"b","content":"c"}']
    ])
  })

  it("comes whole where its name is not known before its arguments, or its tool is none of those that stream", () => {
    const strict = toolset([tool("write", { content: string }, { strict: true })])
    assert.deepStrictEqual(same(call('{"content":"a"}'), strict).live, [])
    const wanted = toolset([write, other], { choice: { name: "other" } })
    assert.deepStrictEqual(same(call('{"content":"a"}'), wanted).live, [])
    assert.deepStrictEqual(same(call('{"input":"a"}', "patch")).live, [])
    for (const json of [
      '{"arguments":{"content":"a"},"name":"write"}',
      '{"tool":"write","args":{"content":"a"}}',
      '{"type":"function","function":{"name":"write","arguments":{"content":"a"}}}',
      '{"name":"write","arguments":"{\\"content\\":\\"a\\"}"}',
      '{"name":"write","id":1,"arguments":{"content":"a"}}',
      '{"name":"none","arguments":{"content":"a"}}',
      '{"name":"","name":"write","arguments":{"content":"a"}}',
      '{"name":"write"}',
      '{"name":"write","arguments":{}}',
      '{"name":"write","arguments":{"unknown":"a","content":"b"}}',
      '[{"name":"write","arguments":{"content":"a"}}]',
      '{"name":1}'
    ]) {
      assert.deepStrictEqual(same(frame(json)).live, [], json)
    }
  })

  it("has its end with its JSON's, and the next of its frame comes as it is written, too", () => {
    const one = '{"name":"other","arguments":{"a":"bc"}}'
    const xml = "<function=other>\n<parameter=a>\nb\n</parameter>\n</function>"
    assert.lengthOf(same(frame(`${one}\n${one}\n${xml}\n${one}`)).live, 4)
    assert.lengthOf(same(frame(`${one},\n${one}}`)).live, 2)
    assert.lengthOf(same(`${frame(one)}\n${frame(one)}\nDone.`).live, 2)
    every(
      `${frame(one)}\n${frame(one)}`,
      [["call", "other", '{"a":"bc"}'], ["full"]],
      {},
      {
        ...tools,
        parallel: false
      }
    )
    same(frame(`${one}\n${one}`).replaceAll("\n", "\r\n"))
  })

  it("may be an example as long as it is short", () => {
    const long = call(`{"content": "${"x".repeat(2000)}"}`)
    for (const size of [1, 7, 1023, 10_000]) {
      const pieces = `So:\n${long}\nDone.`.match(new RegExp(`[\\s\\S]{1,${size}}`, "g")) ?? []
      const found = live(pieces)
      assert.lengthOf(found.live, 1)
      assert.deepStrictEqual(found.events, [
        ["text", "So:"],
        ["call", "write", JSON.stringify({ content: "x".repeat(2000) })],
        ["text", "\nDone."]
      ])
    }
    const short = `So:\n${call('{"content": "a"}')}\nis one.`
    every(short, [["text", short]])
  })

  it("breaks where the answer ends in it, or where it is too long", () => {
    const text = '<tool_call>{"name":"write","arguments":{"content":"half of'
    every(text, [["broken", "unclosed", '{"content":"half of']])
    every(text, [["broken", "cut", '{"content":"half of']], { cut: true })
    every(`${text}", "path": "x"`, [["broken", "unclosed", '{"content":"half of","path":"x"']])
    same(`${text}"}}`)
    same(`${text}"}</tool_call>`)
    same(`${text}"</tool_call>`)
    const long = `${text}${"x".repeat(6000)}`
    assert.deepStrictEqual(live([...long], { maxBody: 1000 }).events[0]!.slice(0, 2), ["broken", "long"])
  })

  it("breaks where what follows is no JSON, or takes back what was sent", () => {
    every(call('{"path": "a" "content": "b"}'), [["broken", "unclosed", '{"path":"a"']])
    every(call(`{"path": "a", "any": ${"[".repeat(220)}${"]".repeat(220)}}`), [["broken", "unclosed", '{"path":"a"']])
    const long = `So: ${call(`{"path": "${"x".repeat(2000)}", "any": ${"[".repeat(220)}`)}`
    const sizes = [1, 7, 5000].map((size) => live(long.match(new RegExp(`[\\s\\S]{1,${size}}`, "g")) ?? []).events)
    assert.deepStrictEqual(sizes[0]![1]!.slice(0, 2), ["broken", "unclosed"])
    assert.deepStrictEqual(sizes, [sizes[0], sizes[0], sizes[0]])
    const text = frame('{"name":"write","arguments":{"content":"a"},"name":"other"}')
    every(text, [["broken", "unclosed", '{"content":"a"']])
  })

  const chunk = FastCheck.constantFrom(
    ...["a", " ", "\\n", "\\", '\\"', "\\u0041", "\\u00", "\\ud83d", "\\ude00", "\ud83d", "\ude00", "'", "{", "}", "["],
    ...["]", ",", ":", "\n", "\r\n", "</tool_call>", "<tool_call>", "1234567890123456", "\\d", "\\'", "/", "<"]
  )
  const text = FastCheck.array(chunk, { maxLength: 8 }).map((parts) => `"${parts.join("")}"`)
  const value = FastCheck.oneof(
    { weight: 4, arbitrary: text },
    FastCheck.jsonValue({ maxDepth: 2 }).map((one) => JSON.stringify(one, null, 1)),
    FastCheck.constantFrom("True", "1.50", "-0", "12345678901234567", "[1,]", "{'a': 'b'}", "'x'", "nul", "1e400", "")
  )
  const member = FastCheck.tuple(
    FastCheck.constantFrom("path", "content", "either", "mode", "list", "any", "unknown", "7", "p\\u0061th"),
    value,
    FastCheck.constantFrom(":", " : ", ": ")
  ).map(([key, value, colon]) => `"${key}"${colon}${value}`)
  const written = FastCheck.tuple(
    FastCheck.array(member, { maxLength: 4 }),
    FastCheck.constantFrom(",", ", ", ",\n", " ", ",,"),
    FastCheck.constantFrom("}}", "}", "} }", ",}}", "]}", "}}}", '},"id":1}')
  ).map(([members, comma, end]) => frame(`{"name":"write","arguments":{${members.join(comma)}${end}`))
  it.prop(
    "says together what the whole form says, however the text was cut",
    [FastCheck.array(written, { minLength: 1, maxLength: 2 }), FastCheck.array(FastCheck.nat(800), { maxLength: 8 })],
    ([frames, places]) => {
      const text = frames.join("\n")
      const whole = scan([text], tools)
      const one = live([text])
      assert.deepStrictEqual(live(split(text, places)).events, one.events)
      assert.deepStrictEqual(live([...text]).events, one.events)
      // What was sent is not taken back: keys that are there twice stay so, and what breaks is not asked for again.
      const isOwn = whole.invalid.length > 0 || one.events.some(([kind]) => kind === "broken") || text.includes('"7"')
      const keys = frames.map((all) => all.replaceAll("\\u0061th", "ath").match(/"\w+"(?= ?:)/g) ?? [])
      const isTwice = keys.some((all) => new Set(all).size < all.length)
      if (!isOwn && !isTwice) assert.deepStrictEqual(one.events, whole.events)
    },
    { fastCheck: { numRuns: 2000 } }
  )

  it("takes linear time, also where all of it must wait", () => {
    const open = '<tool_call>{"name":"write","arguments":{'
    for (const [prefix, part] of [
      [`${open}"content":"`, "text "],
      [`${open}"content":"`, "\\n"],
      [`${open}"content":"`, "\\"],
      [`${open}"content":"`, "\\u00"],
      [`${open}"any":"`, "text "],
      [`${open}"list":[`, "1,"],
      [`${open}"mode":`, "1"],
      [open, '"any":{},'],
      [open, " "],
      ["<tool_call>", " "],
      ['<tool_call>{"', "name"],
      ["<tool_call>", '{"name":"other","arguments":{"a":"b"}}\n'],
      ["<tool_call>", '{"name":"none","arguments":{"a":"b"}}\n']
    ] as const) {
      const time = (size: number) => {
        const text = prefix + part.repeat(size / part.length)
        const began = process.cpuUsage()
        scan(text.match(/[\s\S]{1,7}/g) ?? [], tools, { live: true })
        const { system, user } = process.cpuUsage(began)
        return (system + user) / 1000
      }
      const small = time(50_000)
      assert.isBelow(time(400_000), 24 * small + 1500, JSON.stringify([prefix, part]))
    }
  }, 60_000)
})
