/**
 * The pipeline of one upstream answer:
 *
 *     reasoning → token limit → tool calls → format → stop sequences
 *
 * Stages that a request does not need are left out.
 */
import { Either } from "effect"
import {
  type ChatEvent,
  type ChatRequest,
  type FinishReason,
  finish,
  type ToolCall,
  textDelta,
  thoughtDelta,
  toolCall,
  toolCallBegin,
  toolCallDelta,
  toolCallEnd
} from "../domain/Chat.ts"
import {
  EmptyAnswer,
  InvalidJsonOutput,
  ToolCallBroken,
  ToolCallNotProduced,
  type TurnError
} from "../domain/ChatError.ts"
import type * as TokenEstimate from "../tokens/TokenEstimate.ts"
import * as JsonOutput from "./JsonOutput.ts"
import * as Reasoning from "./Reasoning.ts"
import * as StopSequences from "./StopSequences.ts"
import type { LiveReceiver } from "./scan/CallOutput.ts"
import * as ThoughtCalls from "./scan/ThoughtCalls.ts"
import * as ToolScanner from "./scan/ToolScanner.ts"
import * as TokenLimit from "./TokenLimit.ts"
import type { Problem } from "./tools/ToolCalls.ts"
import * as ToolPrompt from "./tools/ToolPrompt.ts"

/** Fields of a request that limit and shape its answer. */
export type Limited = "toolset" | "format" | "stop" | "maxTokens" | "hidesThoughts"

export interface ReplyTextOptions extends Pick<ChatRequest, Limited> {
  readonly whole: boolean
  readonly grammar: ToolPrompt.Grammar
  readonly newCounter: () => TokenEstimate.Counter
}

/** An error that a retry may correct. */
export interface Fault {
  readonly reason: Problem["reason"] | "no_call" | "invalid_json" | "empty_answer"
  readonly said: string
  readonly hint: string
}

export interface ReplyTextOut {
  readonly event: (event: ChatEvent) => void
  /** There is a valid call: withheld events may be sent. */
  readonly certain: () => void
  /** True if a retry was requested, which ends this answer. */
  readonly fault: (fault: Fault) => boolean
  readonly fail: (error: TurnError) => void
  /** The last event. */
  readonly finish: (event: ChatEvent) => void
}

export interface ReplyText {
  readonly push: (event: ChatEvent) => void
}

type Asked = Pick<ChatRequest, "toolset" | "format">

const isCallable = ({ toolset: { choice, tools } }: Asked) => choice !== "none" && tools.length > 0
const mustCall = (asked: Asked) => isCallable(asked) && asked.toolset.choice !== "auto"
const isFormatted = ({ format }: Asked) => format.type !== "text"

/** Whether the answer can be invalid other than by being empty. */
const isMendable = (asked: Asked): boolean => isCallable(asked) || isFormatted(asked)

/** Whether text is withheld, because a later call or check may invalidate it. */
export const isWithheld = (asked: Asked & Pick<ReplyTextOptions, "whole">): boolean =>
  mustCall(asked) || (asked.whole && isMendable(asked))

const noAnswer =
  "There was no answer: thoughts at most, which nobody sees, and no text. Answer what was asked before, in words or by a call of a tool if there are any."

/** Max characters of an invalid answer that are repeated to the model. */
const MOST_SAID = 16 * 1024
/** Max characters of reasoning held until a call ends. */
const MOST_LATER = 1 << 20

export const make = (options: ReplyTextOptions, out: ReplyTextOut): ReplyText => {
  const { format, grammar, hidesThoughts = false, maxTokens, newCounter, stop: sequences, toolset, whole } = options
  const wantsCall = mustCall(options)
  const isNoted = isMendable(options)
  let calls = 0
  /** Visible text has arrived. */
  let isVisible = false
  let isOver = false
  let said = ""
  /** A call is being streamed; reasoning is held until it ends. */
  let isInCall = false
  let later = ""

  const end = (event: ChatEvent) => {
    if (isOver) return
    isOver = true
    out.finish(event)
  }
  const fail = (error: TurnError) => {
    if (isOver) return
    isOver = true
    out.fail(error)
  }
  const fault = (reason: Fault["reason"], hint: () => string): boolean => {
    if (isOver) return true
    isOver = out.fault({ reason, said, hint: hint() })
    return isOver
  }
  const say = (text: string) => {
    if (text !== "" && !isOver) out.event(textDelta(text))
  }
  const inThoughts = isCallable(options) ? ThoughtCalls.make(toolset) : undefined
  const think = (text: string) => {
    if (text === "" || isOver) return
    inThoughts?.thought(text)
    if (!isInCall) out.event(thoughtDelta(text))
    else if (later.length < MOST_LATER) later += text
  }

  const newStop = () =>
    StopSequences.make(sequences, {
      text: say,
      hit: (sequence) => end(finish("stop", sequence))
    })
  let stop = sequences.length === 0 ? undefined : newStop()
  const spoken = (text: string) => (stop === undefined ? say(text) : stop.push(text))

  const newJson = () =>
    JsonOutput.make(format, { live: !(whole || (format.type === "json_schema" && format.strict)) }, { text: spoken })
  /** Undefined once there is a call: the format applies to text answers only. */
  let json = isFormatted(options) ? newJson() : undefined
  const prose = (text: string) => {
    isVisible ||= text.trim() !== ""
    if (json === undefined) spoken(text)
    else json.push(text)
  }

  /** Ends the text before a call. */
  const closeText = () => {
    if (json !== undefined) {
      json.release()
      json = undefined
    }
    if (stop !== undefined) {
      stop.end()
      stop = newStop()
    }
  }
  const call = (made: ToolCall) => {
    if (isOver) return
    closeText()
    if (isOver) return
    calls++
    out.event(toolCall(made))
    if (wantsCall) out.certain()
  }
  const live: LiveReceiver = {
    begin: (begun) => {
      if (isOver) return
      closeText()
      if (isOver) return
      calls++
      isInCall = true
      out.event(toolCallBegin(begun))
      if (wantsCall) out.certain()
    },
    delta: (text) => {
      if (!isOver) out.event(toolCallDelta(text))
    },
    end: (made) => {
      if (isOver) return
      isInCall = false
      out.event(toolCallEnd(made))
      if (later !== "") out.event(thoughtDelta(later))
      later = ""
    },
    broken: (why) => {
      if (why === "long") end(finish("length"))
      else if (why === "unclosed") fail(new ToolCallBroken())
    }
  }
  const scanner = isCallable(options)
    ? ToolScanner.make(
        { toolset },
        {
          text: prose,
          call,
          invalid: (problem) => {
            if (fault(problem.reason, () => ToolPrompt.hint(problem, toolset, grammar))) return false
            if (problem.call === undefined) {
              prose(problem.raw)
              return false
            }
            call(problem.call)
            return true
          },
          full: () => end(finish("tool_calls")),
          live: whole ? undefined : live
        }
      )
    : undefined
  const words = (text: string) => {
    if (scanner === undefined) return prose(text)
    inThoughts?.said(text)
    scanner.push(text)
  }

  const empty = () => {
    // A stop sequence may consist of blanks.
    stop?.end()
    said = ""
    if (!isOver && !fault("empty_answer", () => noAnswer)) fail(new EmptyAnswer())
  }

  const close = (reason: FinishReason) => {
    const isCut = reason === "length" || reason === "content_filter"
    scanner?.end(isCut)
    if (!isOver && !isCut && calls === 0) for (const one of inThoughts?.calls() ?? []) call(one)
    if (isOver) return
    if (wantsCall && calls === 0 && !isCut) {
      if (!fault("no_call", () => ToolPrompt.hint(undefined, toolset, grammar))) fail(new ToolCallNotProduced())
      return
    }
    if (!isVisible && calls === 0 && !isCut) return empty()
    if (json !== undefined) {
      const checked = json.end()
      if (Either.isLeft(checked)) {
        if (!isCut) {
          if (fault("invalid_json", () => JsonOutput.hint(checked.left, format))) return
          if (format.type === "json_schema" && format.strict)
            return fail(new InvalidJsonOutput({ detail: checked.left.join("; ").slice(0, 500) }))
        }
        json.release()
      }
    }
    stop?.end()
    end(finish(isCut || calls === 0 ? reason : "tool_calls"))
  }

  const limited = (most: number) =>
    TokenLimit.make(most, newCounter(), { text: words, thought: think, over: () => close("length") })
  const length = maxTokens === undefined ? undefined : limited(maxTokens)
  const hidden = maxTokens === undefined || !hidesThoughts ? length : limited(TokenLimit.mostHidden(maxTokens))
  const text = length === undefined ? words : length.text
  const thought = hidden === undefined ? think : hidden.thought
  const thoughts = Reasoning.make({ text, thought })

  const push = (event: ChatEvent) => {
    if (isOver) return
    switch (event._tag) {
      case "TextDelta":
        if (isNoted && said.length < MOST_SAID) said += event.text
        return thoughts.push(event.text)
      case "ThoughtDelta":
        return thought(event.text)
      case "ToolCall":
        return call(event.call)
      case "Finish":
        thoughts.end()
        hidden?.end()
        length?.end()
        if (!isOver) close(event.reason)
        return
      case "Usage":
        out.event(event)
    }
  }
  return { push }
}
