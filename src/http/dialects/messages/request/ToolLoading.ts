/**
 * Which of a request's tools are offered: those whose loading was put off are, once the conversation names them.
 */
import type { CountTokensRequest, Tool } from "./Payload.ts"
import * as ServerResults from "./ServerResults.ts"

/** Tools that the service itself would search among the deferred ones with. */
const isSearch = (tool: Tool) => tool.type === "hosted" && tool.kind.startsWith("tool_search_tool_")

const isDeferred = (tool: Tool) => tool.type !== "hosted" && tool.defer_loading === true

/** What the conversation says of tools by name, in its order: true from where one is offered. */
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
 * Whether a tool is offered. Where only the service could search among deferred tools, which is not done here, all of
 * them are offered; and one that must be called is always.
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

/** Nothing could ever be called: the API takes no such request. */
export const isAllDeferred = ({ tools }: CountTokensRequest): boolean =>
  tools !== null && tools !== undefined && tools.length > 0 && tools.every(isDeferred)
