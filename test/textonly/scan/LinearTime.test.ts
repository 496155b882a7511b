/** The scanner's time on text that is made to be slow; in a file of its own, for it takes the longest. */
import { assert, describe, it } from "@effect/vitest"
import { scan, tool, toolset } from "./Scan.ts"

const tools = toolset([
  tool("t", { x: { type: "integer" }, s: { type: "string" } }),
  tool("Other", { a: {} }),
  tool("need", { k: { type: "string" } }, { parameters: { type: "object", required: ["k"] } })
])
const call = '<tool_call>\n{"name":"t","arguments":{"x":1}}\n</tool_call>'
const bare = "<function=t>\n<parameter=s>\ny\n</parameter>\n</function>"

describe("ToolScanner", () => {
  it("takes linear time on text made to be slow", () => {
    const slow: ReadonlyArray<readonly [part: string, prefix?: string]> = [
      ...[
        "<",
        "\n<",
        "`",
        "\n`",
        "\n```\n",
        "```",
        "\n~~~",
        "\n",
        " ",
        "<tool_call>",
        "\n<tool_call>\n",
        "<tool_call>{"
      ].map((part) => [part] as const),
      ...[
        '<tool_call>{"',
        "\n<function=t>",
        "\n<function=t> ",
        "\n<function=",
        "<think>",
        "</think>",
        "\n```\n<tool_call>{"
      ].map((part) => [part] as const),
      [" ", call],
      ["\n", call],
      ["</tool_call>", call],
      ["{", "<tool_call>{"],
      ["[", "<tool_call><function=Other><parameter=a>"],
      ["}", `<tool_call><function=Other><parameter=a>${"[".repeat(500)}`],
      [" ", "<tool_call>{'a':1} "],
      [" ", "<tool_call><function=t><parameter=x>```\n"],
      ["</parameter>", "<tool_call><function=t><parameter=s>"],
      ["</parameter>\n</tool_call>\n", "<tool_call><function=t><parameter=s>"],
      ['\n```\n<tool_call>{"name":"t"}</tool_call>\n', ""],
      ['\n```\n<tool_call>{"name":"t"}</tool_call>\n```\nx', ""],
      ["]]>", "<tool_call><function=t><parameter=s><![CDATA["],
      ["<![CDATA[", "<tool_call><function=t><parameter=s>"],
      [" \r", "<tool_call><function=t><parameter=s>"],
      [`${bare}\n`, "So:\n"],
      [`So:\n<tool_call>\n${bare}\n</tool_call>\n`, ""]
    ]
    const time = (part: string, prefix: string, size: number) => {
      const text = prefix + part.repeat(size / part.length)
      const began = performance.now()
      scan(text.match(/[\s\S]{1,50}/g) ?? [], tools)
      return performance.now() - began
    }
    for (const [part, prefix = ""] of slow) {
      const small = time(part, prefix, 50_000)
      // Eight times the text; quadratic work would take many seconds more.
      assert.isBelow(time(part, prefix, 400_000), 24 * small + 2000, JSON.stringify([prefix, part]))
    }
  }, 60_000)
})
