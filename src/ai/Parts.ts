/**
 * Translates a chat's events into the parts of `@effect/ai`, whole and as a stream. Pure.
 */
import type * as Response from "@effect/ai/Response"
import { Option } from "effect"
import type { ChatRun } from "../chat/Chat.ts"
import type { ChatEvent, FinishReason, ToolCall } from "../domain/Chat.ts"

type Run = Pick<ChatRun, "emulated" | "model" | "servedBy" | "tokens">
type Finish = Extract<ChatEvent, { _tag: "Finish" }>

declare module "@effect/ai/Response" {
  interface FinishPartMetadata {
    readonly lingma?:
      | {
          /** The instance that answered. */
          readonly servedBy: string
          readonly emulated: boolean
          /** The stop sequence that ended the answer. */
          readonly stopSequence?: string
        }
      | undefined
  }
}

const reasons: Record<FinishReason, Response.FinishReason> = {
  stop: "stop",
  length: "length",
  tool_calls: "tool-calls",
  content_filter: "content-filter"
}

const parse = Option.liftThrowable((text: string): unknown => JSON.parse(text))

const toolCall = ({ arguments: text, id, name }: ToolCall) =>
  ({ type: "tool-call", id, name, params: Option.getOrUndefined(parse(text)) }) as const

const metadata = (run: Run, millis: number): Response.ResponseMetadataPartEncoded => ({
  type: "response-metadata",
  modelId: run.model,
  timestamp: new Date(millis).toISOString()
})

const finish = (run: Run, { reason, stopSequence }: Finish): Response.FinishPartEncoded => {
  const { completion, prompt, reasoning } = run.tokens()
  return {
    type: "finish",
    reason: reasons[reason],
    usage: {
      inputTokens: prompt,
      outputTokens: completion,
      totalTokens: prompt + completion,
      reasoningTokens: reasoning
    },
    metadata: {
      lingma: {
        servedBy: run.servedBy,
        emulated: run.emulated,
        ...(stopSequence === undefined ? {} : { stopSequence })
      }
    }
  }
}

/** Collects the events in order; `parts` is complete after the last one. */
export const whole = (run: Run, millis: number) => {
  const calls: Array<Response.PartEncoded> = []
  let text = ""
  let thoughts = ""
  let last: Response.FinishPartEncoded | undefined
  return {
    add: (event: ChatEvent): void => {
      if (event._tag === "TextDelta") text += event.text
      else if (event._tag === "ThoughtDelta") thoughts += event.text
      else if (event._tag === "ToolCall" || event._tag === "ToolCallEnd") calls.push(toolCall(event.call))
      else if (event._tag === "Finish") last = finish(run, event)
    },
    parts: (): Array<Response.PartEncoded> => [
      metadata(run, millis),
      ...(thoughts === "" ? [] : [{ type: "reasoning", text: thoughts } as const]),
      ...(text === "" ? [] : [{ type: "text", text } as const]),
      ...calls,
      ...(last === undefined ? [] : [last])
    ]
  }
}

/** Translates events in order: a run of text or reasoning has start, deltas and end with one id. */
export const streamed = (run: Run, millis: number) => {
  let begun = false
  let open: "reasoning" | "text" | undefined
  let id = 0
  /** The call whose arguments are being streamed. */
  let called = ""
  const close = (): ReadonlyArray<Response.StreamPartEncoded> => {
    const kind = open
    open = undefined
    return kind === undefined ? [] : [{ type: `${kind}-end`, id: String(id++) }]
  }
  const delta = (kind: "reasoning" | "text", text: string): ReadonlyArray<Response.StreamPartEncoded> => {
    const next = { type: `${kind}-delta`, id: String(id), delta: text } as const
    if (open === kind) return [next]
    const before = close()
    open = kind
    return [...before, { type: `${kind}-start`, id: String(id) }, { ...next, id: String(id) }]
  }
  const partsOf = (event: ChatEvent): ReadonlyArray<Response.StreamPartEncoded> => {
    switch (event._tag) {
      case "TextDelta":
        return delta("text", event.text)
      case "ThoughtDelta":
        return delta("reasoning", event.text)
      case "ToolCall":
        return [...close(), toolCall(event.call)]
      case "ToolCallBegin":
        called = event.call.id
        return [...close(), { type: "tool-params-start", id: called, name: event.call.name }]
      case "ToolCallDelta":
        return [{ type: "tool-params-delta", id: called, delta: event.text }]
      case "ToolCallEnd":
        return [{ type: "tool-params-end", id: called }, toolCall(event.call)]
      case "Finish":
        return [...close(), finish(run, event)]
      case "Usage":
        return []
    }
  }
  return (event: ChatEvent): ReadonlyArray<Response.StreamPartEncoded> => {
    if (begun) return partsOf(event)
    begun = true
    return [metadata(run, millis), ...partsOf(event)]
  }
}
