/**
 * Looks up the tools that may be called by name.
 */
import type { Tool, Toolset } from "../../domain/Chat.ts"

export interface ToolCatalog {
  /** By exact name, else case-insensitively, else by another name that models write for it; these if they are unique. */
  readonly find: (name: string) => Tool | undefined
  /** Whether some name starts with this, case-insensitively. */
  readonly mayBecome: (name: string) => boolean
  /** Whether the request's tool choice allows the tool. */
  readonly isWanted: (tool: Tool) => boolean
  /** False if there are no tools: markup is plain text. */
  readonly isActive: boolean
}

/** A tool of an MCP server, as agents name it: `mcp__server__tool`. */
const OF_SERVER = /^mcp__(.+?)__(.+)$/

/** Its other names: the given ones, and for a server's tool `server.tool`, `server__tool` and `tool`. */
const aliasesOf = ({ aliases = [], name }: Tool): ReadonlyArray<string> => {
  const [, server, bare] = OF_SERVER.exec(name) ?? []
  return server === undefined || bare === undefined
    ? aliases
    : [...aliases, `${server}.${bare}`, `${server}__${bare}`, bare]
}

export const make = ({ choice, tools }: Toolset): ToolCatalog => {
  const exact = new Map(tools.map((tool) => [tool.name, tool]))
  const lower = new Map<string, Tool | undefined>()
  for (const tool of exact.values()) {
    const name = tool.name.toLowerCase()
    lower.set(name, lower.has(name) ? undefined : tool)
  }
  const others = new Map<string, Tool | undefined>()
  for (const tool of exact.values()) {
    for (const alias of new Set(aliasesOf(tool).map((one) => one.toLowerCase()))) {
      if (!lower.has(alias)) others.set(alias, others.has(alias) ? undefined : tool)
    }
  }
  const names = [...lower.keys(), ...others.keys()]
  return {
    find: (name) => exact.get(name) ?? lower.get(name.toLowerCase()) ?? others.get(name.toLowerCase()),
    mayBecome: (name) => {
      const begin = name.trimStart().toLowerCase()
      return names.some((one) => one.startsWith(begin))
    },
    isWanted: (tool) => typeof choice === "string" || choice.name === tool.name,
    isActive: choice !== "none" && tools.length > 0
  }
}
