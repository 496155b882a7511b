/**
 * Tools that the hosted service would run: the gateway runs `web_search` where the operator named a search service, and
 * `web_fetch` where the operator allows it. Where not, a request that is for nothing else is told that they are
 * unavailable, in the blocks that its client looks for.
 */
import { randomBytes } from "node:crypto"
import { Option } from "effect"
import type { ChatRun } from "../../../chat/Chat.ts"
import { type ChatRequest, finish, type Tool, textDelta, toolCall } from "../../../domain/Chat.ts"
import * as Turn from "../../../domain/Turn.ts"
import type { ChatContext } from "../../chat/ChatDialect.ts"
import * as FieldSupport from "../../chat/FieldSupport.ts"
import type { CountTokensRequest, Tool as PayloadTool } from "./request/Payload.ts"
import * as FetchTool from "./served/FetchTool.ts"
import * as ResultBlock from "./served/ResultBlock.ts"
import * as SearchTool from "./served/SearchTool.ts"
import type { Hosted, ServedTool } from "./served/ServedTool.ts"

/** What calls of such tools came to, by their ids. */
export type Served = ReadonlyMap<string, ResultBlock.ResultBlock>

/** Which of them come to anything. */
export type Works = Readonly<Record<ResultBlock.Name, boolean>>

export const worksIn = ({ config, page }: Pick<ChatContext<unknown>, "config" | "page">): Works => ({
  web_search: Option.isSome(config.webSearchUrl),
  web_fetch: page !== undefined
})

const names: ReadonlyArray<readonly [ResultBlock.Name, prefix: string]> = [
  ["web_search", "web_search_"],
  ["web_fetch", "web_fetch_"]
]
const offered: Readonly<Record<ResultBlock.Name, Tool>> = {
  web_search: SearchTool.offered,
  web_fetch: FetchTool.offered
}

/** The one of ours that a tool of the request stands for. */
const nameOf = (tool: PayloadTool): ResultBlock.Name | undefined =>
  tool.type === "hosted" ? names.find(([, prefix]) => tool.kind.startsWith(prefix))?.[0] : undefined

const isOurs = (tool: PayloadTool) => nameOf(tool) !== undefined

/** Fields of them that change nothing here. */
const unheard = ["user_location", "citations", "response_inclusion"] as const

/**
 * What the model is offered for a tool of the hosted service, if anything: where it works, or where there is nothing
 * else, and then the model hears that it does not. `skip` is told of what has no effect.
 */
export const offer = (
  payload: CountTokensRequest,
  tool: Hosted,
  works: Works,
  skip: (name: string) => void
): Tool | undefined => {
  const name = nameOf(tool)
  if (name === undefined || !works[name]) skip(FieldSupport.within("tools", tool.kind))
  else for (const field of unheard) if (tool[field]) skip(FieldSupport.within(`tools.${tool.kind}`, field))
  if (name === undefined) return undefined
  return works[name] || (payload.tools ?? []).every(isOurs) ? offered[name] : undefined
}

/** Those that a request offers its model. */
export const servedOf = (
  { tools }: CountTokensRequest,
  { toolset }: ChatRequest,
  { config, documents, page }: Pick<ChatContext<unknown>, "config" | "documents" | "page">
): ReadonlyArray<ServedTool> => {
  const find = (name: ResultBlock.Name) =>
    toolset.tools.includes(offered[name])
      ? tools?.find((tool): tool is Hosted => tool.type === "hosted" && nameOf(tool) === name)
      : undefined
  const [search, fetch] = [find("web_search"), find("web_fetch")]
  return [
    ...(search === undefined ? [] : [SearchTool.make(search, Option.getOrUndefined(config.webSearchUrl))]),
    ...(fetch === undefined ? [] : [FetchTool.make(fetch, { documents, page })])
  ]
}

export const newId = (): string => `srvtoolu_${randomBytes(12).toString("hex")}`

/** The tool that must be used and cannot. */
export const forcedInVain = (payload: CountTokensRequest, works: Works): ResultBlock.Name | undefined => {
  const { tool_choice: choice, tools } = payload
  const isForced = (name: ResultBlock.Name) => {
    const is = (tool: PayloadTool) => nameOf(tool) === name
    return (
      tools?.some(is) === true &&
      ((choice?.type === "tool" && choice.name === name) || (choice?.type === "any" && tools.every(is)))
    )
  }
  return names.map(([name]) => name).find((name) => !works[name] && isForced(name))
}

export interface UnavailableOptions {
  readonly name: ResultBlock.Name
  readonly model: string
  readonly promptTokens: number
  /** Input of the call: the user's question. */
  readonly asked: string
}

/** A response without asking a model: the call and its error result. */
export const unavailable = ({ asked, model, name, promptTokens }: UnavailableOptions) => {
  const id = newId()
  const input = name === "web_search" ? { query: asked } : { url: asked }
  const served: Served = new Map([[id, ResultBlock.failed(name, id, "unavailable")]])
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
