/**
 * `web_search`, by the search service that the operator named.
 */
import { Effect } from "effect"
import * as WebSearch from "../../../chat/sources/WebSearch.ts"
import * as ServerResults from "../request/ServerResults.ts"
import { DIRECT, type ResultBlock, searchFailed } from "./ResultBlock.ts"
import * as ServedTool from "./ServedTool.ts"

const LONGEST_QUERY = 2000

export const offered = ServedTool.described(
  "web_search",
  "Searches the web and gives back titles, addresses and short texts of pages. Use it for what is newer than what you know or must be looked up.",
  "query",
  "What to search for."
)

const found = (id: string, pages: ReadonlyArray<WebSearch.Found>): ResultBlock => ({
  type: "web_search_tool_result",
  caller: DIRECT,
  tool_use_id: id,
  content: pages.map(({ age, text, title, url }) => ({
    type: "web_search_result" as const,
    title,
    url,
    page_age: age,
    encrypted_content: ServerResults.seal(text)
  }))
})

/** `endpoint` is undefined where there is no service. */
export const make = (tool: ServedTool.Hosted, endpoint: string | undefined): ServedTool.ServedTool => {
  const domains = { allowed: tool.allowed_domains ?? [], blocked: tool.blocked_domains ?? [] }
  return {
    name: "web_search",
    works: endpoint !== undefined,
    most: ServedTool.mostOf(tool),
    read: ServedTool.argument("query"),
    input: (query) => ({ query }),
    run: (id, query) => {
      if (query === "") return Effect.succeed(searchFailed(id, "invalid_tool_input"))
      if (query.length > LONGEST_QUERY) return Effect.succeed(searchFailed(id, "query_too_long"))
      if (endpoint === undefined) return Effect.succeed(searchFailed(id, "unavailable"))
      return Effect.match(WebSearch.search(endpoint, query, domains), {
        onFailure: () => searchFailed(id, "unavailable"),
        onSuccess: (pages) => found(id, pages)
      })
    }
  }
}
