/**
 * Decides which tools are offered: deferred tools only once the conversation names them.
 */
import type { CountTokensRequest, Tool } from "./Payload.ts"
import * as ServerResults from "./ServerResults.ts"

/** Tools by which the hosted service searches the deferred tools. */
const isSearch = (tool: Tool) => tool.type === "hosted" && tool.kind.startsWith("tool_search_tool_")

const isDeferred = (tool: Tool) => tool.type !== "hosted" && tool.defer_loading === true

/** Whether each named tool is offered, by the conversation's last mention of it. */
const changes = (messages: CountTokensRequest["messages"]): ReadonlyMap<string, boolean> => {
  const offered = new Map<string, boolean>()
  for (const { content } of messages) {
    if (typeof content === "string") continue
    for (const block of content) {
      if (block.type === "tool_reference") offered.set(block.tool_name, true)
      else if (block.type === "tool_result" && typeof block.content !== "string") {
        for (const part of block.content ?? []) if (part.type === "tool_reference") offered.set(part.tool_name, true)
      } else if (block.type === "tool_search_tool_result") {
        for (const name of ServerResults.references(block.content)) offered.set(name, true)
      } else if ((block.type === "tool_addition" || block.type === "tool_removal") && block.tool.type !== "other")
        offered.set(block.tool.name, block.type === "tool_addition")
    }
  }
  return offered
}

/**
 * Whether a tool is offered. All are offered if only the hosted service could search the deferred ones, because the
 * gateway does not; a tool that must be called is always offered.
 */
export const offer = ({ messages, tool_choice: choice, tools }: CountTokensRequest): ((tool: Tool) => boolean) => {
  const all = tools ?? []
  const named = changes(messages)
  const areAllLoaded = all.some(isSearch)
  const forced = choice?.type === "tool" ? choice.name : undefined
  return (tool) => {
    if (tool.type === "hosted" || tool.name === forced) return true
    return named.get(tool.name) ?? (areAllLoaded || !isDeferred(tool))
  }
}

/** Whether all tools are deferred, which the API refuses. */
export const isAllDeferred = ({ tools }: CountTokensRequest): boolean =>
  tools !== null && tools !== undefined && tools.length > 0 && tools.every(isDeferred)
