/** The forms that models were trained on, and common slips: calls of declared tools, however the text was cut. */
import { afterEach, assert, describe, it } from "@effect/vitest"
import * as Forms from "../../../src/textonly/forms/Forms.ts"
import { type Event, scan, tool, toolset } from "../scan/Scan.ts"

const bash = tool("Bash", { command: { type: "string" } })
const read = tool("Read", { file: { type: "string" }, lines: { type: "integer" } })
const tools = toolset([bash, read])
const args = '{"command":"ls -l"}'
const ls: Event = ["call", "Bash", args]
const lines: Event = ["call", "Read", '{"file":"a.txt","lines":3}']

const every = (text: string, events: ReadonlyArray<Event>) => {
  for (let at = 0; at <= text.length; at++) {
    assert.deepStrictEqual(scan([text.slice(0, at), text.slice(at)], tools).events, events, `cut at ${at}`)
  }
  assert.deepStrictEqual(scan([...text], tools).events, events)
}

interface Written {
  readonly says: string
  readonly one: string
  readonly two?: string
  /** The same of a tool that was not declared. */
  readonly other: string
  /** The native frame: what is wrong in it is told. */
  readonly told?: boolean
}

const invoke = (name: string, ...parameters: ReadonlyArray<readonly [string, string]>) =>
  `<invoke name="${name}">\n${parameters.map(([key, value]) => `<parameter name="${key}">${value}</parameter>\n`).join("")}</invoke>\n`
const kimi = (name: string, index: number, json: string) =>
  `<|tool_call_begin|>functions.${name}:${index}<|tool_call_argument_begin|>${json}<|tool_call_end|>`
const kimis = (...calls: ReadonlyArray<string>) =>
  `<|tool_calls_section_begin|>${calls.join("")}<|tool_calls_section_end|>`
const glm = (name: string, ...parameters: ReadonlyArray<readonly [string, string]>) =>
  `<tool_call>${name}\n${parameters.map(([key, value]) => `<arg_key>${key}</arg_key>\n<arg_value>${value}</arg_value>\n`).join("")}</tool_call>`
const deepseeks = (...calls: ReadonlyArray<string>) => `<｜tool▁calls▁begin｜>${calls.join("")}<｜tool▁calls▁end｜>`
const deepseek3 = (name: string, json: string) =>
  `<｜tool▁call▁begin｜>function<｜tool▁sep｜>${name}\n\`\`\`json\n${json}\n\`\`\`<｜tool▁call▁end｜>`
const deepseek31 = (name: string, json: string) =>
  `<｜tool▁call▁begin｜>${name}<｜tool▁sep｜>${json}<｜tool▁call▁end｜>`

const command = ["command", "ls -l"] as const
const file = ["file", "a.txt"] as const
const three = ["lines", "3"] as const
const inRead = '{"file": "a.txt", "lines": 3}'
const named = (name: string, json: string) => `{"name": "${name}", "parameters": ${json}}`

const forms: ReadonlyArray<Written> = [
  {
    says: "MiniMax's",
    one: `<minimax:tool_call>\n${invoke("Bash", command)}</minimax:tool_call>`,
    two: `<minimax:tool_call>\n${invoke("Bash", command)}${invoke("Read", file, three)}</minimax:tool_call>`,
    other: `<minimax:tool_call>\n${invoke("Dash", command)}</minimax:tool_call>`
  },
  {
    says: "that of invocations",
    one: `<function_calls>\n${invoke("Bash", command)}</function_calls>`,
    two: `<function_calls>\n${invoke("Bash", command)}${invoke("Read", file, three)}</function_calls>`,
    other: `<function_calls>\n${invoke("Dash", command)}</function_calls>`
  },
  {
    says: "Kimi's",
    one: kimis(kimi("Bash", 0, args)),
    two: kimis(kimi("Bash", 0, args), kimi("Read", 1, inRead)),
    other: kimis(kimi("Dash", 0, args))
  },
  {
    says: "GLM's",
    one: glm("Bash", command),
    two: `${glm("Bash", command)}\n${glm("Read", file, three)}`,
    other: "The <tool_call>Dash\n tag"
  },
  {
    says: "that of DeepSeek V3 and R1",
    one: deepseeks(deepseek3("Bash", args)),
    two: deepseeks(deepseek3("Bash", args), "\n", deepseek3("Read", inRead)),
    other: deepseeks(deepseek3("Dash", args))
  },
  {
    says: "DeepSeek V3.1's",
    one: deepseeks(deepseek31("Bash", args)),
    two: deepseeks(deepseek31("Bash", args), deepseek31("Read", inRead)),
    other: deepseeks(deepseek31("Dash", args))
  },
  {
    says: "Llama 3's",
    one: `<|python_tag|>${named("Bash", args)}<|eom_id|>`,
    two: `<|python_tag|>${named("Bash", args)}; ${named("Read", inRead)}<|eom_id|>`,
    other: `<|python_tag|>${named("Dash", args)}<|eom_id|>`
  },
  {
    says: "Llama 4's with JSON",
    one: `<|python_start|>${named("Bash", args)}<|python_end|>`,
    two: `<|python_start|>[${named("Bash", args)}, ${named("Read", inRead)}]<|python_end|>`,
    other: `<|python_start|>${named("Dash", args)}<|python_end|>`
  },
  {
    says: "Llama 4's with Python",
    one: '<|python_start|>[Bash(command="ls -l")]<|python_end|>',
    two: `<|python_start|>[Bash(command='ls -l'), Read(file="a.txt", lines=3,)]<|python_end|>`,
    other: '<|python_start|>[Dash(command="ls -l")]<|python_end|>'
  },
  {
    says: "Llama 3's with Python",
    one: '<|python_tag|>Bash.call(command="ls -l")<|eom_id|>',
    two: '<|python_tag|>Bash(command="ls -l"); Read.call( file = "a.txt" , lines = 3 )',
    other: '<|python_tag|>Dash.call(command="ls -l")<|eom_id|>'
  },
  {
    says: "Mistral's array",
    one: `[TOOL_CALLS][{"name": "Bash", "arguments": ${args}}]</s>`,
    two: `[TOOL_CALLS] [{"name": "Bash", "arguments": ${args}}, {"name": "Read", "arguments": ${inRead}}]`,
    other: `[TOOL_CALLS][{"name": "Dash", "arguments": ${args}}]</s>`
  },
  {
    says: "Mistral's newer",
    one: `[TOOL_CALLS]Bash[ARGS]${args}`,
    two: `[TOOL_CALLS]Bash[ARGS]${args}[TOOL_CALLS]Read${inRead}`,
    other: `[TOOL_CALLS]Dash[ARGS]${args}`
  },
  {
    says: "a function with an attribute",
    one: '<function name="Bash">\n<parameter name="command">\nls -l\n</parameter>\n</function>',
    two: `<tool_call>\n<function name="Bash">\n<parameter=command>\nls -l\n</parameter>\n</function>\n${invoke("Read", file, three)}</tool_call>`,
    other: '<function name="Dash">\n<parameter name="command">\nls -l\n</parameter>\n</function>'
  },
  {
    says: "a function with JSON in it",
    one: `<function=Bash>${args}</function>`,
    two: `<tool_call>\n<function=Bash>\n${args}\n</function>\n<function=Read>${inRead}</function>\n</tool_call>`,
    other: `<function=Dash>${args}</function>`
  },
  {
    says: "one with other keys",
    one: `<tool_call>{"tool": "Bash", "args": ${args}}</tool_call>`,
    two: `<tool_call>[{"tool": "Bash", "args": ${args}}, {"type": "function", "function": {"name": "Read", "arguments": ${JSON.stringify(inRead)}}}]</tool_call>`,
    other: `<tool_call>{"tool": "Dash", "args": ${args}}</tool_call>`,
    told: true
  }
]

/** Of this process, for a text of this length. */
const millis = (part: string, length: number) => {
  const pieces = part.repeat(length / part.length).match(/[\s\S]{1,5000}/g) ?? []
  const began = process.cpuUsage()
  scan(pieces, tools)
  const { system, user } = process.cpuUsage(began)
  return (system + user) / 1000
}

// Nothing here waits for anything: without this the runner would hear of no test before the last has ended.
afterEach(() => new Promise<void>((resolve) => setImmediate(resolve)))

describe("Forms", () => {
  for (const { one, other, says, told, two } of forms) {
    it(`takes a call in ${says} form, whatever stands before it`, () => {
      every(one, [ls])
      every(`I look.\n\n${one}`, [["text", "I look."], ls])
    })

    it(`takes several calls in ${says} form`, () => {
      if (two !== undefined) every(two, [ls, lines])
    })

    it(`leaves ${says} form alone where its tool is not declared`, () => {
      every(
        `a\n${other}`,
        told
          ? [
              ["text", "a\n"],
              ["invalid", "unknown_tool", other]
            ]
          : [["text", `a\n${other}`]]
      )
    })

    it(`leaves ${says} form alone in code`, () => {
      for (const text of [`So: \`${one.replaceAll(/[\n`]/g, " ")}\`.`, `~~~xml\n${one}\n~~~\nThat is it.`]) {
        every(text, [["text", text]])
      }
    })
  }

  it("keeps what a value holds to its last character in every form", () => {
    const value = 'a </parameter> b </arg_value> "c" <|tool_call_end|> <｜tool▁call▁end｜> } ] `\n'
    const json = JSON.stringify({ command: value })
    for (const text of [
      `<minimax:tool_call>\n${invoke("Bash", ["command", `\n${value}\n`])}</minimax:tool_call>`,
      kimis(kimi("Bash", 0, json)),
      glm("Bash", ["command", `\n${value}\n`]),
      deepseeks(deepseek31("Bash", json)),
      `[TOOL_CALLS]Bash[ARGS]${json}`,
      `<function=Bash>${json}</function>`
    ]) {
      every(text, [["call", "Bash", json]])
    }
  })

  it("reads the values that Python writes", () => {
    const any = tool("any", {})
    const read = (values: string) => scan([`<|python_start|>[any(${values})]<|python_end|>`], toolset([any])).events
    for (const [values, json] of [
      ["", "{}"],
      ["a=True, b=False, c=None", '{"a":true,"b":false,"c":null}'],
      ["a=-1.5e3, b=[1, 'two', {'k': [True]}], c={}", '{"a":-1500,"b":[1,"two",{"k":[true]}],"c":{}}'],
      [`a="it's (a, b=c) ]", b='say "hi"', c='it\\'s'`, `{"a":"it's (a, b=c) ]","b":"say \\"hi\\"","c":"it's"}`],
      [
        'a="<|python_end|>", b="line\\n", c="C:\\Projects"',
        '{"a":"<|python_end|>","b":"line\\n","c":"C:\\\\Projects"}'
      ],
      ["__proto__={'a': 1}", '{"__proto__":{"a":1}}']
    ] as const) {
      assert.deepStrictEqual(read(values), [["call", "any", json]], values)
    }
    for (const wrong of ['"Paris"', "a=(1, 2)", "a=f(x)", "a=]", "a=", "a=1 b=2", `a=${"[".repeat(300)}`]) {
      const [first, ...rest] = read(wrong)
      assert.deepStrictEqual(first?.slice(0, 2), ["invalid", "unparsable"], wrong)
      assert.isTrue(
        rest.every(([kind]) => kind === "text"),
        wrong
      )
    }
  })

  it("takes calls in Python's syntax between its marks only, and of declared tools only", () => {
    for (const text of [
      '[Bash(command="ls -l")]',
      'Bash(command="ls -l")',
      '<|python_start|>print("hi")<|python_end|>'
    ]) {
      every(text, [["text", text]])
    }
    const second = scan(['<|python_start|>[Bash(command="ls -l"), Dash(x=1)]<|python_end|>'], tools).events
    assert.deepStrictEqual(
      second.map(([kind]) => kind),
      ["call", "invalid"]
    )
    every('<|python_start|>[Bash(command="ls', [["invalid", "unclosed", '<|python_start|>[Bash(command="ls']])
    every('<|python_start|>[Bash(command="ls -l")', [ls])
    // Half a name is none, and nothing that follows it is waited for.
    every('<|python_start|>[Bas(command="ls', [["text", '<|python_start|>[Bas(command="ls']])
    every('<|python_start|>[Bash(command="ls -l")]\nDone.', [ls, ["text", "Done."]])
  })

  it("lets text go on behind a call in another form", () => {
    every(`${kimis(kimi("Bash", 0, args))}\nDone.`, [ls, ["text", "Done."]])
    every(`${glm("Bash", command)}\nDone.`, [ls, ["text", "Done."]])
  })

  it("tells of a call that breaks off in another form, and lets a lone mark through", () => {
    for (const text of [kimis(kimi("Bash", 0, args)).slice(0, 104), glm("Bash", command).slice(0, 54)]) {
      every(text, [["invalid", "unclosed", text]])
    }
    for (const { opener } of [
      { opener: "[TOOL_CALLS]" },
      { opener: "<|python_tag|>" },
      { opener: "<minimax:tool_call>" }
    ]) {
      every(opener, [["text", opener]])
      every(`${opener} is a mark`, [["text", `${opener} is a mark`]])
    }
  })

  for (const opener of Forms.openers) {
    it(`takes linear time where an answer repeats ${JSON.stringify(opener)}`, () => {
      for (const part of [
        opener,
        `\n${opener}`,
        `${opener}Bash`,
        `\n${opener}{"`,
        `${opener}[`,
        `${opener}Bash(command=\\"`,
        `${opener}Bash(),Bash(command=\\"`,
        `\n${opener}Bash>{"`
      ]) {
        // Eight times the text may take sixteen times as long, but not sixty-four; what took long once may be the machine.
        const isLinear = () => millis(part, 1 << 18) < 16 * millis(part, 1 << 15) + 200
        assert.isTrue(isLinear() || isLinear() || isLinear(), JSON.stringify(part))
      }
    })
  }
})
