/**
 * A chat in which the gateway runs the model's web searches: each result goes to the model in a further chat, and the
 * client gets all answers as one message. Each chat releases its resources before the next one opens.
 */
import { Effect, ExecutionStrategy, Exit, Scope } from "effect"
import type { ChatRun } from "../../../chat/Chat.ts"
import { type ChatEvent, type ChatRequest, finish, message, type ToolCall, toolCall } from "../../../domain/Chat.ts"
import { BackendFailure, type ChatError, type TurnError } from "../../../domain/ChatError.ts"
import * as Turn from "../../../domain/Turn.ts"
import * as Scoped from "../../../runtime/Scoped.ts"
import type * as TokenMeter from "../../../tokens/TokenMeter.ts"
import type { Open } from "../../chat/ChatResponse.ts"
import * as WebSearch from "../../chat/sources/WebSearch.ts"
import * as ServerResults from "./request/ServerResults.ts"
import * as ServerTools from "./ServerTools.ts"

export interface SearchOptions {
  readonly request: ChatRequest
  readonly tool: ServerTools.Hosted
  /** URL of the search service; undefined if none is configured. */
  readonly endpoint: string | undefined
  readonly open: (request: ChatRequest) => Open
  /** Results by call id, added as searches complete. */
  readonly served: Map<string, ServerTools.ResultBlock>
}

/** The answer of one chat: its text and the searches it requests. */
interface Said {
  readonly text: string
  readonly searches: ReadonlyArray<ToolCall>
  /** It also called tools of the client. */
  readonly calls: boolean
  readonly end: Extract<ChatEvent, { readonly _tag: "Finish" }>
}

const LONGEST_QUERY = 2000

const queryOf = (call: ToolCall): string => {
  try {
    const input: unknown = JSON.parse(call.arguments)
    return typeof input === "object" && input !== null && "query" in input ? String(input.query).trim() : ""
  } catch {
    return ""
  }
}

/** Passes on all events except searches and the finish. */
const listen = (run: ChatRun, turn: Turn.Turn): Effect.Effect<Said, TurnError> =>
  Effect.async((resume) => {
    const searches: Array<ToolCall> = []
    let text = ""
    let isSearching = false
    let calls = false
    const onEvent = (event: ChatEvent) => {
      switch (event._tag) {
        case "Finish":
          return resume(Effect.succeed({ text, searches, calls, end: event }))
        case "ToolCall":
        case "ToolCallEnd": {
          const wasSearching = event._tag === "ToolCall" ? event.call.name === ServerTools.SEARCH : isSearching
          isSearching = false
          if (wasSearching) return void searches.push(event.call)
          calls = true
          break
        }
        case "ToolCallBegin":
          isSearching = event.call.name === ServerTools.SEARCH
          if (isSearching) return
          break
        case "ToolCallDelta":
          if (isSearching) return
          break
        case "TextDelta":
          text += event.text
      }
      turn.emit(event)
    }
    run.turn.read({ onEvent, onFailure: (error) => resume(Effect.fail(error)) })
  })

const add = (a: TokenMeter.Tokens, b: TokenMeter.Tokens): TokenMeter.Tokens => ({
  prompt: a.prompt + b.prompt,
  completion: a.completion + b.completion,
  reasoning: a.reasoning + b.reasoning,
  isReported: a.isReported && b.isReported
})

/** After the first answer no tool is forced, and the search tool is not offered once its limit is reached. */
const followUp = (request: ChatRequest, said: Said, results: ReadonlyArray<string>, mayMore: boolean): ChatRequest => {
  const { choice, parallel, tools } = request.toolset
  const left = mayMore ? tools : tools.filter(({ name }) => name !== ServerTools.SEARCH)
  const toolset = { tools: left, choice: left.length === 0 || choice === "none" ? "none" : "auto", parallel } as const
  const told = said.searches.map(({ id }, i) => message("tool", results[i] ?? "", { toolCallId: id }))
  const messages = [
    ...request.messages,
    message("assistant", said.text, { toolCalls: said.searches }),
    ...told
  ] as const
  return { ...request, toolset, messages: messages as unknown as ChatRequest["messages"] }
}

const isTurnError = (error: ChatError | TurnError): error is TurnError =>
  ["BackendFailure", "QuotaExhausted", "BackendUnavailable", "UpstreamTimeout", "Throttled"].includes(error._tag)

/** Replaces the chat's own `open`. */
export const open = Effect.fnUntraced(function* (
  first: Open,
  { endpoint, open, request, served, tool }: SearchOptions
): Effect.fn.Return<ChatRun, ChatError, Scope.Scope> {
  const outer = yield* Effect.scope
  const most = Math.min(tool.max_uses ?? ServerTools.limits.usual, ServerTools.limits.most)
  const domains = ServerTools.domainsOf(tool)
  let uses = 0

  const begin = Effect.fnUntraced(function* (one: Open) {
    const scope = yield* Scope.fork(outer, ExecutionStrategy.sequential)
    return { scope, run: yield* Scoped.extend(one, scope) }
  })

  const searched = Effect.fnUntraced(function* (id: string, call: ToolCall) {
    if (uses >= most) return ServerTools.searchFailed(id, "max_uses_exceeded")
    uses++
    const query = queryOf(call)
    if (query === "") return ServerTools.searchFailed(id, "invalid_tool_input")
    if (query.length > LONGEST_QUERY) return ServerTools.searchFailed(id, "query_too_long")
    if (endpoint === undefined) return ServerTools.searchFailed(id, "unavailable")
    return yield* Effect.match(WebSearch.search(endpoint, query, domains), {
      onFailure: () => ServerTools.searchFailed(id, "unavailable"),
      onSuccess: (pages) => ServerTools.found(id, pages)
    })
  })

  const begun = yield* begin(first)
  const { emulated, firstTokenMillis, model, servedBy } = begun.run
  const turn = Turn.make({ instance: servedBy })
  let spent: TokenMeter.Tokens = { prompt: 0, completion: 0, reasoning: 0, isReported: true }
  let current = begun.run

  const serve = Effect.fnUntraced(function* () {
    let { scope } = begun
    let asked = request
    while (true) {
      const said = yield* listen(current, turn)
      if (said.searches.length === 0) return turn.emit(said.end)
      // The search service may be slow: no slot and no lease is held meanwhile.
      yield* Scoped.close(scope, Exit.void)
      const results: Array<string> = []
      for (const call of said.searches) {
        const id = ServerTools.newId()
        const result = yield* searched(id, call)
        served.set(id, result)
        turn.emit(toolCall({ id, name: ServerTools.SEARCH, arguments: JSON.stringify({ query: queryOf(call) }) }))
        results.push(ServerResults.read(result.type, result.content))
      }
      // The client has to run its own calls first; the history then contains the search results.
      if (said.calls || said.end.reason !== "tool_calls") return turn.emit(said.end)
      // A model that calls a tool it was not offered is not asked again, either.
      if (!asked.toolset.tools.includes(ServerTools.searchTool)) return turn.emit(finish("stop"))
      asked = followUp(asked, said, results, endpoint !== undefined && uses < most)
      const next = yield* begin(open(asked))
      spent = add(spent, current.tokens())
      scope = next.scope
      current = next.run
    }
  })

  yield* serve().pipe(
    Effect.catchAll((error) =>
      Effect.sync(() =>
        turn.fail(
          isTurnError(error)
            ? error
            : new BackendFailure({ instance: servedBy, started: true, detail: `after a search: ${error._tag}` })
        )
      )
    ),
    Effect.catchAllDefect((defect) =>
      Effect.sync(() => turn.fail(new BackendFailure({ instance: servedBy, started: true, detail: String(defect) })))
    ),
    Effect.forkIn(outer)
  )
  yield* turn.started
  const tokens = () => add(spent, current.tokens())
  return { servedBy, emulated, model, tokens, firstTokenMillis, turn, events: Turn.toStream(turn) }
})
