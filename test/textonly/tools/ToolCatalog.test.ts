import { assert, describe, it } from "@effect/vitest"
import type { Tool } from "../../../src/domain/Chat.ts"
import * as ToolCatalog from "../../../src/textonly/tools/ToolCatalog.ts"

const tool = (name: string, ...aliases: ReadonlyArray<string>): Tool => ({
  kind: "function",
  name,
  aliases,
  description: undefined,
  parameters: { type: "object" },
  strict: false
})

const finder = (...tools: ReadonlyArray<Tool>) => {
  const catalog = ToolCatalog.make({ tools, choice: "auto", parallel: true })
  return { mayBecome: catalog.mayBecome, find: (name: string) => catalog.find(name)?.name }
}

describe("a tool's other names", () => {
  it("lead to it, in any case, unless two tools have them", () => {
    const { find, mayBecome } = finder(
      tool("send", "mail.send"),
      tool("list", "cal.list", "both"),
      tool("look", "both")
    )
    assert.deepStrictEqual([find("mail.send"), find("Cal.List"), find("both")], ["send", "list", undefined])
    assert.deepStrictEqual([mayBecome("mail."), mayBecome("post.")], [true, false])
  })

  it("are no match for a tool's own name", () => {
    const { find } = finder(tool("mcp__cal__list"), tool("list"), tool("send", "LIST"))
    assert.deepStrictEqual([find("list"), find("List"), find("cal.list")], ["list", "list", "mcp__cal__list"])
  })

  it("are those of an MCP server's tool: with the server before it, and without where that is unique", () => {
    const { find } = finder(tool("mcp__cal__list_all"), tool("mcp__cal__send"), tool("mcp__mail__send"))
    assert.deepStrictEqual(["list_all", "cal__list_all", "cal.send", "mail.send", "send"].map(find), [
      "mcp__cal__list_all",
      "mcp__cal__list_all",
      "mcp__cal__send",
      "mcp__mail__send",
      undefined
    ])
  })
})
