/**
 * Tools of the hosted service. The gateway runs `web_search` if a search service is configured. If not, a request that
 * can only be answered by a search gets an error result in the blocks that its client expects.
 */
import { randomBytes } from "node:crypto"
import type { ChatRun } from "../../../chat/Chat.ts"
import { finish, type Tool, textDelta, toolCall } from "../../../domain/Chat.ts"
import * as Turn from "../../../domain/Turn.ts"
import type * as WebSearch from "../../chat/sources/WebSearch.ts"
import type { ServerResultBlock } from "./Api.ts"
import type { CountTokensRequest, Tool as PayloadTool } from "./request/Payload.ts"
import * as ServerResults from "./request/ServerResults.ts"

export type Hosted = Extract<PayloadTool, { readonly type: "hosted" }>
export type ResultBlock = typeof ServerResultBlock.Encoded
/** Result blocks of such calls, by call id. */
export type Served = ReadonlyMap<string, ResultBlock>

/** Searches per request: the default, and the maximum. */
export const limits = { usual: 5, most: 10 } as const

export const SEARCH = "web_search"
const FETCH = "web_fetch"

export const isSearch = (tool: PayloadTool): tool is Hosted =>
  tool.type === "hosted" && tool.kind.startsWith("web_search_")

const isFetch = (tool: PayloadTool): tool is Hosted => tool.type === "hosted" && tool.kind.startsWith("web_fetch_")

export const searchOf = ({ tools }: CountTokensRequest): Hosted | undefined => tools?.find(isSearch)

/** Offered if it works, or if there is no other tool: then the model is told that it is unavailable. */
export const isSearchOffered = (payload: CountTokensRequest, works: boolean): boolean =>
  searchOf(payload) !== undefined && (works || (payload.tools ?? []).every((tool) => isSearch(tool) || isFetch(tool)))

export const newId = (): string => `srvtoolu_${randomBytes(12).toString("hex")}`

/** The tool as the model sees it. */
export const searchTool: Tool = {
  kind: "function",
  name: SEARCH,
  description:
    "Searches the web and gives back titles, addresses and short texts of pages. Use it for what is newer than what you know or must be looked up.",
  parameters: {
    type: "object",
    properties: { query: { type: "string", description: "What to search for." } },
    required: ["query"]
  },
  strict: false
}

/** Called by the model directly, not by code that it wrote. */
export const DIRECT = { type: "direct" } as const

export const domainsOf = (tool: Hosted): WebSearch.Domains => ({
  allowed: tool.allowed_domains ?? [],
  blocked: tool.blocked_domains ?? []
})

export const found = (id: string, pages: ReadonlyArray<WebSearch.Found>): ResultBlock => ({
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

export type ErrorCode = "unavailable" | "invalid_tool_input" | "max_uses_exceeded" | "query_too_long"

export const searchFailed = (id: string, code: ErrorCode): ResultBlock => ({
  type: "web_search_tool_result",
  caller: DIRECT,
  tool_use_id: id,
  content: { type: "web_search_tool_result_error", error_code: code }
})

const fetchFailed = (id: string): ResultBlock => ({
  type: "web_fetch_tool_result",
  caller: DIRECT,
  tool_use_id: id,
  content: { type: "web_fetch_tool_result_error", error_code: "unavailable" }
})

/** The forced tool, if it is not available. */
export const forcedInVain = (payload: CountTokensRequest, works: boolean): "web_search" | "web_fetch" | undefined => {
  const { tool_choice: choice, tools } = payload
  const isForced = (is: (tool: PayloadTool) => boolean, name: string) =>
    tools?.some(is) === true &&
    ((choice?.type === "tool" && choice.name === name) || (choice?.type === "any" && tools.every(is)))
  if (!works && isForced(isSearch, SEARCH)) return SEARCH
  return isForced(isFetch, FETCH) ? FETCH : undefined
}

export interface UnavailableOptions {
  readonly name: "web_search" | "web_fetch"
  readonly model: string
  readonly promptTokens: number
  /** Input of the call: the user's question. */
  readonly asked: string
}

/** A response without asking a model: the call and its error result. */
export const unavailable = ({ asked, model, name, promptTokens }: UnavailableOptions) => {
  const id = newId()
  const input = name === SEARCH ? { query: asked } : { url: asked }
  const served: Served = new Map([[id, name === SEARCH ? searchFailed(id, "unavailable") : fetchFailed(id)]])
  const turn = Turn.make({ instance: "gateway" })
  turn.emit(toolCall({ id, name, arguments: JSON.stringify(input) }))
  turn.emit(textDelta(`The tool ${name} is not available on this server.`))
  turn.emit(finish("stop"))
  const tokens = { prompt: promptTokens, completion: 0, reasoning: 0, isReported: false }
  const run: ChatRun = {
    servedBy: "gateway",
    emulated: false,
    model,
    tokens: () => tokens,
    firstTokenMillis: 0,
    turn,
    events: Turn.toStream(turn)
  }
  return { run, served }
}
