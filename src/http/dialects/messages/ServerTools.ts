/**
 * Tools that the hosted service would run: `web_search` is run by the gateway where the operator named a search service.
 * Where not, a request that is for nothing else is told that it is unavailable, in the blocks that its client looks for.
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
/** What calls of such tools came to, by their ids. */
export type Served = ReadonlyMap<string, ResultBlock>

/** Searches of one request where it says nothing; no request gets more than the second. */
export const limits = { usual: 5, most: 10 } as const

export const SEARCH = "web_search"
const FETCH = "web_fetch"

export const isSearch = (tool: PayloadTool): tool is Hosted =>
  tool.type === "hosted" && tool.kind.startsWith("web_search_")

const isFetch = (tool: PayloadTool): tool is Hosted => tool.type === "hosted" && tool.kind.startsWith("web_fetch_")

export const searchOf = ({ tools }: CountTokensRequest): Hosted | undefined => tools?.find(isSearch)

/** Offered where it works, or where there is nothing else: then the model hears that it does not. */
export const isSearchOffered = (payload: CountTokensRequest, works: boolean): boolean =>
  searchOf(payload) !== undefined && (works || (payload.tools ?? []).every((tool) => isSearch(tool) || isFetch(tool)))

export const newId = (): string => `srvtoolu_${randomBytes(12).toString("hex")}`

/** How the model is told of it. */
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

/** The model called it, not a program of its. */
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

/** The tool that must be used and cannot. */
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
  /** What was asked, as the call's input. */
  readonly asked: string
}

/** An answer that no model was asked for: the call, and that it failed. */
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
