/**
 * Attributes and events of a chat's span, by OpenTelemetry's semantic conventions for GenAI.
 */
import type { Tracer } from "effect"
import type { ChatEvent, ChatRequest } from "../domain/Chat.ts"
import type { Turn } from "../domain/Turn.ts"
import type { ChatRecord } from "./Metrics.ts"

/** Max characters of a prompt or an answer in a span. */
const MOST_CONTENT = 64 * 1024
/** Max characters of a model's name that a client sent. */
const LONGEST_NAME = 128

/** A name from outside in characters that are safe everywhere. */
export const plain = (text: string): string => text.slice(0, LONGEST_NAME).replace(/[^\w .:/@+-]/g, "_")

/** Attributes at the start. */
export const asked = ({ model, origin }: ChatRequest): Record<string, unknown> => ({
  "gen_ai.operation.name": "chat",
  "gen_ai.request.model": plain(model),
  "lingma.dialect": origin.dialect,
  "lingma.stream": origin.stream
})

/** For each attempt: of several, the last provider stays. */
export const attempted = (span: Tracer.Span, provider: string): void =>
  span.attribute("gen_ai.provider.name", provider.toLowerCase())

/** At the upstream's first event. */
export const begun = (span: Tracer.Span, time: bigint): void => span.event("gen_ai.first_token", time)

/** Attributes at the end. */
export const ended = (span: Tracer.Span, { answer, caller, client, outcome }: ChatRecord): void => {
  span.attribute("lingma.outcome", outcome)
  span.attribute("lingma.key", caller.name)
  span.attribute("lingma.client", client)
  if (outcome === "failed" || outcome === "rejected") span.attribute("error.type", outcome)
  if (answer === undefined) return
  span.attribute("gen_ai.response.model", answer.model)
  span.attribute("gen_ai.usage.input_tokens", answer.promptTokens)
  span.attribute("gen_ai.usage.output_tokens", answer.completionTokens)
  span.attribute("lingma.instance", answer.instance)
  span.attribute("lingma.ask_mode", answer.mode)
}

/** Wraps a turn so that prompt and answer are recorded in the span as well. */
export const withContent = (span: Tracer.Span, request: ChatRequest, turn: Turn): Turn => {
  const input = request.messages.map(({ role, text }) => ({ role, parts: [{ type: "text", content: text }] }))
  span.attribute("gen_ai.input.messages", JSON.stringify(input).slice(0, MOST_CONTENT))
  let said = ""
  const note = (event: ChatEvent) => {
    if (event._tag === "TextDelta" && said.length < MOST_CONTENT) said += event.text
    if (event._tag !== "Finish") return
    const output = [{ role: "assistant", parts: [{ type: "text", content: said }], finish_reason: event.reason }]
    span.attribute("gen_ai.output.messages", JSON.stringify(output).slice(0, MOST_CONTENT))
  }
  return {
    ...turn,
    read: (reader) =>
      turn.read({
        onFailure: reader.onFailure,
        onEvent: (event) => {
          note(event)
          reader.onEvent(event)
        }
      })
  }
}
