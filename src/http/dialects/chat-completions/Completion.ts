/**
 * Encodes events as OpenAI's two responses: a stream of chunks, and a whole completion. Pure.
 */
import type { ChatEvent, FinishReason, ToolCall } from "../../../domain/Chat.ts"
import * as TokenMeter from "../../../tokens/TokenMeter.ts"
import * as WellFormed from "../../chat/WellFormed.ts"
import type { ChatCompletion } from "./Api.ts"
import type { CallShape } from "./Tools.ts"

/** The field for reasoning. */
export type ReasoningField = "reasoning_content" | "reasoning" | "both" | "think-tags" | "none"

export interface AnswerOptions {
  readonly id: string
  /** Unix time in seconds. */
  readonly created: number
  readonly model: string
  readonly tokens: () => TokenMeter.Tokens
  readonly reasoningField: ReasoningField
  readonly shape: CallShape
  readonly servedBy: string
  readonly firstTokenMillis: number
}

const usageObject = ({ completion, prompt, reasoning }: TokenMeter.Tokens) => ({
  prompt_tokens: prompt,
  completion_tokens: completion,
  total_tokens: prompt + completion,
  ...(reasoning > 0 ? { completion_tokens_details: { reasoning_tokens: reasoning } } : {})
})

const callObject = ({ id, name, arguments: args }: ToolCall, { custom }: CallShape) =>
  custom.has(name)
    ? { id, type: "custom" as const, custom: { name, input: WellFormed.repair(args) } }
    : { id, type: "function" as const, function: { name, arguments: WellFormed.repair(args) } }

/** The first delta of a call whose arguments are streamed. */
const begunCall = ({ id, name }: Pick<ToolCall, "id" | "name">, { custom }: CallShape) =>
  custom.has(name)
    ? { id, type: "custom" as const, custom: { name, input: "" } }
    : { id, type: "function" as const, function: { name, arguments: "" } }

const legacyCall = ({ name, arguments: args }: ToolCall) => ({ name, arguments: WellFormed.repair(args) })

const finishReason = (reason: FinishReason, { legacy }: CallShape) =>
  legacy && reason === "tool_calls" ? "function_call" : reason

const extras = ({ firstTokenMillis, servedBy, tokens }: AnswerOptions, totalMillis: number) => ({
  usage_source: TokenMeter.source(tokens()),
  latency: { first_token_ms: Math.round(firstTokenMillis), total_ms: Math.round(totalMillis) },
  served_by: servedBy
})

/** Reasoning as part of the text, between tags. */
const tagger = () => {
  let isOpen = false
  return {
    thought: (text: string) => {
      if (isOpen || text === "") return text
      isOpen = true
      return `<think>\n${text}`
    },
    close: () => {
      if (!isOpen) return ""
      isOpen = false
      return "\n</think>\n\n"
    }
  }
}

type Kind = "content" | "thought"

/** Field name of a delta or message, by kind of text. */
const fieldsOf: Record<ReasoningField, ReadonlyArray<"reasoning_content" | "reasoning">> = {
  reasoning_content: ["reasoning_content"],
  reasoning: ["reasoning"],
  both: ["reasoning_content", "reasoning"],
  "think-tags": [],
  none: []
}

export interface ChunkOptions extends AnswerOptions {
  readonly includeUsage: boolean
  /** Milliseconds since the request arrived. */
  readonly elapsed: () => number
}

/** Encodes each event as SSE frames, often none. The last event's frames end with `[DONE]`. */
export const chunks = (options: ChunkOptions): ((event: ChatEvent) => string) => {
  const join = WellFormed.joiner<Kind>()
  const tags = tagger()
  const { created, id, model, reasoningField, shape } = options
  const base = JSON.stringify({ id, object: "chat.completion.chunk", created, model }).slice(0, -1)
  // Built once per response, so that a token costs one JSON.stringify of a string.
  const head = `data: ${base},"choices":[{"index":0,"delta":`
  const unused = options.includeUsage ? `,"usage":null` : ""
  const tail = `,"logprobs":null,"finish_reason":null}]${unused}}\n\n`
  const thoughtFields = fieldsOf[reasoningField]
  let calls = 0
  let began = false
  /** The constant parts of an arguments delta's frame, before and after the text. */
  let open: readonly [head: string, tail: string] = ["", ""]

  const begin = (content: "" | null) => {
    if (began) return ""
    began = true
    return `${head}{"role":"assistant","content":${JSON.stringify(content)}}${tail}`
  }
  const delta = (kind: Kind, text: string) => {
    if (text === "") return ""
    if (kind === "content") return `${head}{"content":${JSON.stringify(text)}}${tail}`
    const value = JSON.stringify(text)
    return `${head}{${thoughtFields.map((field) => `"${field}":${value}`).join(",")}}${tail}`
  }
  const rest = () => {
    const held = join.rest()
    return held === undefined ? "" : delta(held.kind, held.text)
  }
  const text = (kind: Kind, piece: string) => {
    const joined = join.add(kind, piece)
    return (
      begin("") +
      (joined.before === undefined ? "" : delta(joined.before.kind, joined.before.text)) +
      delta(kind, joined.text)
    )
  }
  const thought = (piece: string) => {
    if (reasoningField === "none") return ""
    return reasoningField === "think-tags" ? text("content", tags.thought(piece)) : text("thought", piece)
  }
  const closed = () => {
    const owed = tags.close()
    return (owed === "" ? "" : text("content", owed)) + rest()
  }
  const call = (made: ToolCall) => {
    const index = calls++
    if (!shape.legacy) return `${head}${JSON.stringify({ tool_calls: [{ index, ...callObject(made, shape) }] })}${tail}`
    // The deprecated shape holds one call.
    return index > 0 ? "" : `${head}${JSON.stringify({ function_call: legacyCall(made) })}${tail}`
  }
  const beginCall = (made: Pick<ToolCall, "id" | "name">) => {
    const index = calls++
    const isLeftOut = shape.legacy && index > 0
    const [kind, field] = shape.custom.has(made.name) ? ["custom", "input"] : ["function", "arguments"]
    const [front, back] = shape.legacy
      ? ['{"function_call":{"arguments":', "}}"]
      : [`{"tool_calls":[{"index":${index},"${kind}":{"${field}":`, "}}]}"]
    open = isLeftOut ? ["", ""] : [head + front, back + tail]
    if (isLeftOut) return ""
    const delta = shape.legacy
      ? { function_call: { name: made.name, arguments: "" } }
      : { tool_calls: [{ index, ...begunCall(made, shape) }] }
    return head + JSON.stringify(delta) + tail
  }
  const last = (reason: FinishReason) => {
    const more = JSON.stringify(extras(options, options.elapsed())).slice(1)
    const end = `${head}{},"logprobs":null,"finish_reason":"${finishReason(reason, shape)}"}]${unused}`
    return options.includeUsage
      ? `${end}}\n\ndata: ${base},"choices":[],"usage":${JSON.stringify(usageObject(options.tokens()))},${more}\n\n`
      : `${end},${more}\n\n`
  }

  return (event) => {
    switch (event._tag) {
      case "TextDelta": {
        const owed = tags.close()
        return text("content", owed === "" ? event.text : owed + event.text)
      }
      case "ThoughtDelta":
        return thought(event.text)
      case "ToolCall":
        return closed() + begin(null) + call(event.call)
      case "ToolCallBegin":
        return closed() + begin(null) + beginCall(event.call)
      case "ToolCallDelta":
        return open[0] === "" ? "" : open[0] + JSON.stringify(WellFormed.repair(event.text)) + open[1]
      case "ToolCallEnd":
      case "Usage":
        return ""
      case "Finish":
        return `${closed()}${begin("")}${last(event.reason)}data: [DONE]\n\n`
    }
  }
}

export interface Fold {
  readonly add: (event: ChatEvent) => void
  readonly result: (totalMillis: number) => typeof ChatCompletion.Encoded
}

/** Folds the events as they arrive; keeps one copy of the text. */
export const fold = (options: AnswerOptions): Fold => {
  const { reasoningField, shape } = options
  const tags = tagger()
  const calls: Array<ToolCall> = []
  let content = ""
  let thought = ""
  let reason: FinishReason = "stop"

  const called = () => {
    const [first] = calls
    if (first === undefined) return {}
    return shape.legacy
      ? { function_call: legacyCall(first) }
      : { tool_calls: calls.map((call) => callObject(call, shape)) }
  }
  const thoughts = () => {
    const text = WellFormed.repair(thought)
    return text === "" ? {} : Object.fromEntries(fieldsOf[reasoningField].map((field) => [field, text]))
  }

  return {
    add: (event) => {
      if (event._tag === "TextDelta") content += tags.close() + event.text
      else if (event._tag === "ThoughtDelta") {
        if (reasoningField === "think-tags") content += tags.thought(event.text)
        else thought += event.text
      } else if (event._tag === "ToolCall" || event._tag === "ToolCallEnd") {
        content += tags.close()
        calls.push(event.call)
      } else if (event._tag === "Finish") {
        content += tags.close()
        reason = event.reason
      }
    },
    result: (totalMillis) => ({
      id: options.id,
      object: "chat.completion",
      created: options.created,
      model: options.model,
      choices: [
        {
          index: 0,
          message: {
            role: "assistant",
            content: content === "" && calls.length > 0 ? null : WellFormed.repair(content),
            refusal: null,
            ...thoughts(),
            ...called()
          },
          logprobs: null,
          finish_reason: finishReason(reason, shape)
        }
      ],
      usage: usageObject(options.tokens()),
      ...extras(options, totalMillis)
    })
  }
}
