/**
 * A chat whose model uses tools that the gateway runs: each call is run, its result told to the model in a chat that
 * follows, and the answers are one to the client. Each chat gives back what it holds before the next one is opened.
 */
import { Effect, ExecutionStrategy, Exit, Scope } from "effect"
import type { ChatRun } from "../../../../chat/Chat.ts"
import { type ChatEvent, type ChatRequest, finish, message, type ToolCall, toolCall } from "../../../../domain/Chat.ts"
import { BackendFailure, type ChatError, type TurnError } from "../../../../domain/ChatError.ts"
import * as Turn from "../../../../domain/Turn.ts"
import * as Scoped from "../../../../runtime/Scoped.ts"
import type * as TokenMeter from "../../../../tokens/TokenMeter.ts"
import type { Open } from "../../../chat/ChatResponse.ts"
import * as ServerResults from "../request/ServerResults.ts"
import * as ResultBlock from "./ResultBlock.ts"
import type { ServedTool } from "./ServedTool.ts"

export interface ServedOptions {
  readonly request: ChatRequest
  readonly tools: ReadonlyArray<ServedTool>
  /** A new id for a call. */
  readonly newId: () => string
  readonly open: (request: ChatRequest) => Open
  /** Filled as calls are run. */
  readonly served: Map<string, ResultBlock.ResultBlock>
}

/** What one chat said: its text, and the calls that are run here. */
interface Said {
  readonly text: string
  readonly ours: ReadonlyArray<ToolCall>
  /** It called tools of the client too. */
  readonly calls: boolean
  readonly end: Extract<ChatEvent, { readonly _tag: "Finish" }>
}

/** Passes all on but our calls and the end. */
const listen = (run: ChatRun, turn: Turn.Turn, isOurs: (name: string) => boolean): Effect.Effect<Said, TurnError> =>
  Effect.async((resume) => {
    const ours: Array<ToolCall> = []
    let text = ""
    let isCalling = false
    let calls = false
    const onEvent = (event: ChatEvent) => {
      switch (event._tag) {
        case "Finish":
          return resume(Effect.succeed({ text, ours, calls, end: event }))
        case "ToolCall":
        case "ToolCallEnd": {
          const wasOurs = event._tag === "ToolCall" ? isOurs(event.call.name) : isCalling
          isCalling = false
          if (wasOurs) return void ours.push(event.call)
          calls = true
          break
        }
        case "ToolCallBegin":
          isCalling = isOurs(event.call.name)
          if (isCalling) return
          break
        case "ToolCallDelta":
          if (isCalling) return
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

/** After the first answer nothing is forced any more, and what is used up is not offered. */
const followUp = (
  request: ChatRequest,
  said: Said,
  results: ReadonlyArray<string>,
  isOver: (name: string) => boolean
): ChatRequest => {
  const { choice, parallel, tools } = request.toolset
  const left = tools.filter(({ name }) => !isOver(name))
  const toolset = { tools: left, choice: left.length === 0 || choice === "none" ? "none" : "auto", parallel } as const
  const told = said.ours.map(({ id }, i) => message("tool", results[i] ?? "", { toolCallId: id }))
  const messages = [...request.messages, message("assistant", said.text, { toolCalls: said.ours }), ...told] as const
  return { ...request, toolset, messages: messages as unknown as ChatRequest["messages"] }
}

const turnErrors: Readonly<Record<TurnError["_tag"], true>> = {
  BackendFailure: true,
  QuotaExhausted: true,
  NotLoggedIn: true,
  BackendUnavailable: true,
  UpstreamTimeout: true,
  Throttled: true,
  ContextLengthExceeded: true,
  ContentFiltered: true,
  TooManyImages: true,
  ToolCallBroken: true,
  ToolCallNotProduced: true,
  EmptyAnswer: true,
  InvalidJsonOutput: true,
  ChatStopped: true
}
const isTurnError = (error: ChatError | TurnError): error is TurnError => Object.hasOwn(turnErrors, error._tag)

/** Characters of a result that are kept where the whole of it is too long for the model. */
const SHORT = 8192
const shortened = (result: string) =>
  result.length > SHORT ? `${result.slice(0, SHORT).toWellFormed()}\n\n(the rest is too long for this model)` : result

/** In place of the chat itself. */
export const open = Effect.fnUntraced(function* (
  first: Open,
  { newId, open, request, served, tools }: ServedOptions
): Effect.fn.Return<ChatRun, ChatError, Scope.Scope> {
  const outer = yield* Effect.scope
  const byName = new Map<string, ServedTool>(tools.map((tool) => [tool.name, tool]))
  const uses = new Map<string, number>()
  const isOver = (name: string): boolean => {
    const tool = byName.get(name)
    return tool !== undefined && (!tool.works || (uses.get(name) ?? 0) >= tool.most)
  }

  const begin = Effect.fnUntraced(function* (one: Open) {
    const scope = yield* Scope.fork(outer, ExecutionStrategy.sequential)
    return { scope, run: yield* Scoped.extend(one, scope) }
  })

  /** What it comes to, in the model's words. */
  const ran = Effect.fnUntraced(function* (tool: ServedTool, call: ToolCall, asked: ChatRequest) {
    const { most, name } = tool
    const id = newId()
    const argument = tool.read(call)
    const used = uses.get(name) ?? 0
    uses.set(name, used + 1)
    const result =
      used >= most ? ResultBlock.failed(name, id, "max_uses_exceeded") : yield* tool.run(id, argument, asked)
    served.set(id, result)
    turn.emit(toolCall({ id, name, arguments: JSON.stringify(tool.input(argument)) }))
    return ServerResults.read(result.type, result.content)
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
      const said = yield* listen(current, turn, (name) => byName.has(name))
      if (said.ours.length === 0) return turn.emit(said.end)
      // The service is another's: nothing of the pool is held while a tool runs.
      yield* Scoped.close(scope, Exit.void)
      const results: Array<string> = []
      for (const call of said.ours) {
        const tool = byName.get(call.name)
        if (tool !== undefined) results.push(yield* ran(tool, call, asked))
      }
      // Calls beside ours are the client's to run: what ours came to is in the history then.
      if (said.calls || said.end.reason !== "tool_calls") return turn.emit(said.end)
      // Nor is a model asked again that calls what it was not offered.
      const { tools: offered } = asked.toolset
      if (!said.ours.some(({ name }) => offered.some((tool) => tool.name === name))) return turn.emit(finish("stop"))
      const before = asked
      asked = followUp(before, said, results, isOver)
      const next = yield* Effect.catchTag(begin(open(asked)), "ContextLengthExceeded", () => {
        asked = followUp(before, said, results.map(shortened), isOver)
        return begin(open(asked))
      })
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
            : new BackendFailure({ instance: servedBy, started: true, detail: `after a tool: ${error._tag}` })
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
