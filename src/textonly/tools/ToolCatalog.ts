/**
 * Looks up the tools that may be called by name.
 */
import type { Tool, Toolset } from "../../domain/Chat.ts"

export interface ToolCatalog {
  /** By exact name, else case-insensitively if that is unique. */
  readonly find: (name: string) => Tool | undefined
  /** Whether some name starts with this, case-insensitively. */
  readonly mayBecome: (name: string) => boolean
  /** Whether the request's tool choice allows the tool. */
  readonly isWanted: (tool: Tool) => boolean
  /** False if there are no tools: markup is plain text. */
  readonly isActive: boolean
}

export const make = ({ choice, tools }: Toolset): ToolCatalog => {
  const exact = new Map(tools.map((tool) => [tool.name, tool]))
  const lower = new Map<string, Tool | undefined>()
  for (const tool of exact.values()) {
    const name = tool.name.toLowerCase()
    lower.set(name, lower.has(name) ? undefined : tool)
  }
  const names = [...lower.keys()]
  return {
    find: (name) => exact.get(name) ?? lower.get(name.toLowerCase()),
    mayBecome: (name) => {
      const begin = name.trimStart().toLowerCase()
      return names.some((one) => one.startsWith(begin))
    },
    isWanted: (tool) => typeof choice === "string" || choice.name === tool.name,
    isActive: choice !== "none" && tools.length > 0
  }
}
