/**
 * One conversation asked in each of the HTTP dialects, whole and streamed; the answers in one shape.
 */
import type { ResponseObject } from "../../src/http/dialects/responses/Resource.ts"
import * as MessagesGrammar from "../http/dialects/messages/Grammar.ts"
import * as ResponsesGrammar from "./ResponsesGrammar.ts"

export type Call = readonly [name: string, args: unknown]

export interface Said {
  readonly role: "user" | "assistant" | "tool"
  readonly text?: string
  readonly calls?: ReadonlyArray<Call>
  /** Base64 of a PNG, behind the text. */
  readonly image?: string
}

/** A conversation, in no dialect yet. A result answers the last call before it. */
export interface Asked {
  readonly model?: string
  readonly messages: ReadonlyArray<Said>
  readonly tools?: ReadonlyArray<{ readonly name: string; readonly parameters: object }>
  readonly maxTokens?: number
  readonly stop?: ReadonlyArray<string>
  /** In the dialect's words: fields that only one of them has. */
  readonly more?: object
}

export interface Got {
  readonly status: number
  readonly text: string
  readonly calls: ReadonlyArray<Call>
  /** In the words of `FinishReason`; undefined beside an error. */
  readonly finish: string | undefined
  /** Its text. */
  readonly error: string | undefined
}

export interface Dialect {
  readonly name: "chat" | "messages" | "responses" | "completions"
  readonly path: string
  readonly body: (asked: Asked) => object
  readonly whole: (json: unknown) => Omit<Got, "status">
  readonly streamed: (text: string) => Omit<Got, "status">
}

interface Loose {
  readonly [field: string]: Loose
}

/** Answers are looked into as they come: what is not there fails the test that looks. */
const loose = (value: unknown): Loose => value as Loose
const list = (value: unknown): ReadonlyArray<Loose> => (value ?? []) as ReadonlyArray<Loose>
const string = (value: unknown): string => (typeof value === "string" ? value : "")
const failed = (error: Loose) => ({ text: "", calls: [], finish: undefined, error: string(error["message"]) })
const idOf = (at: number) => `call_${at}`
const url = (image: string) => `data:image/png;base64,${image}`
/** The call that a result at this place answers. */
const answered = (messages: ReadonlyArray<Said>, at: number) =>
  idOf(messages.slice(0, at).flatMap(({ calls = [] }) => calls).length - 1)

const chatBody = ({ maxTokens, messages, model = "auto", more, stop, tools }: Asked) => {
  let calls = 0
  return {
    model,
    messages: messages.map(({ calls: made = [], image, role, text = "" }, at) => ({
      role,
      ...(role === "tool" ? { tool_call_id: answered(messages, at) } : {}),
      content:
        image === undefined
          ? text
          : [
              { type: "text", text },
              { type: "image_url", image_url: { url: url(image) } }
            ],
      ...(made.length === 0
        ? {}
        : {
            tool_calls: made.map(([name, args]) => ({
              id: idOf(calls++),
              type: "function",
              function: { name, arguments: JSON.stringify(args) }
            }))
          })
    })),
    ...(tools === undefined ? {} : { tools: tools.map((one) => ({ type: "function", function: one })) }),
    ...(maxTokens === undefined ? {} : { max_completion_tokens: maxTokens }),
    ...(stop === undefined ? {} : { stop }),
    ...more
  }
}

const chat: Dialect = {
  name: "chat",
  path: "/v1/chat/completions",
  body: chatBody,
  whole: (json) => {
    if (loose(json)["error"] !== undefined) return failed(loose(json)["error"]!)
    const [choice] = list(loose(json)["choices"])
    const { content, tool_calls: calls } = loose(choice!["message"])
    return {
      text: string(content),
      calls: list(calls).map(({ function: f }) => [string(f!["name"]), JSON.parse(string(f!["arguments"]))] as const),
      finish: string(choice!["finish_reason"]),
      error: undefined
    }
  },
  streamed: (stream) => {
    const frames = stream.split("\n\n").filter((frame) => frame.startsWith("data: {"))
    const calls: Array<{ name: string; args: string }> = []
    let text = ""
    let finish: string | undefined
    for (const frame of frames.map((one) => loose(JSON.parse(one.slice("data: ".length))))) {
      if (frame["error"] !== undefined) return { ...failed(frame["error"]), text }
      const [choice] = list(frame["choices"])
      if (choice === undefined) continue
      text += string(choice["delta"]?.["content"])
      finish = string(choice["finish_reason"]) || finish
      for (const { function: f, index } of list(choice["delta"]?.["tool_calls"])) {
        const before = calls[Number(index)] ?? { name: "", args: "" }
        calls[Number(index)] = {
          name: before.name + string(f?.["name"]),
          args: before.args + string(f?.["arguments"])
        }
      }
    }
    return { text, calls: calls.map(({ args, name }) => [name, JSON.parse(args)]), finish, error: undefined }
  }
}

const messagesBody = ({ maxTokens = 4096, messages, model = "auto", more, stop, tools }: Asked) => {
  let calls = 0
  const content = ({ image, text = "" }: Said) => [
    ...(text === "" ? [] : [{ type: "text", text }]),
    ...(image === undefined
      ? []
      : [{ type: "image", source: { type: "base64", media_type: "image/png", data: image } }])
  ]
  return {
    model,
    max_tokens: maxTokens,
    messages: messages.map((one, at) => ({
      role: one.role === "tool" ? "user" : one.role,
      content:
        one.role === "tool"
          ? [{ type: "tool_result", tool_use_id: answered(messages, at), content: content(one) }]
          : [
              ...content(one),
              ...(one.calls ?? []).map(([name, input]) => ({ type: "tool_use", id: idOf(calls++), name, input }))
            ]
    })),
    ...(tools === undefined
      ? {}
      : { tools: tools.map(({ name, parameters }) => ({ name, input_schema: parameters })) }),
    ...(stop === undefined ? {} : { stop_sequences: stop }),
    ...more
  }
}

const ENDS = new Map([
  ["end_turn", "stop"],
  ["stop_sequence", "stop"],
  ["tool_use", "tool_calls"],
  ["max_tokens", "length"]
])

const fromBlocks = (content: unknown, reason: unknown): Omit<Got, "status"> => ({
  text: list(content)
    .map(({ text, type }) => (string(type) === "text" ? string(text) : ""))
    .join(""),
  calls: list(content).flatMap((block) =>
    string(block["type"]) === "tool_use" ? [[string(block["name"]), block["input"]] as const] : []
  ),
  finish: ENDS.get(string(reason)) ?? string(reason),
  error: undefined
})

const messages: Dialect = {
  name: "messages",
  path: "/v1/messages",
  body: messagesBody,
  whole: (json) => {
    const { content, error, stop_reason: reason } = loose(json)
    return error === undefined ? fromBlocks(content, reason) : failed(error)
  },
  streamed: (stream) => {
    const { content, error, stopReason } = MessagesGrammar.read(stream)
    const got = fromBlocks(content, stopReason)
    return error === undefined ? got : { ...got, finish: undefined, error: string(loose(error)["message"]) }
  }
}

const responsesBody = ({ maxTokens, messages, model = "auto", more, tools }: Asked) => {
  let calls = 0
  return {
    model,
    input: messages.flatMap(({ calls: made = [], image, role, text = "" }, at): ReadonlyArray<object> => {
      const picture = image === undefined ? [] : [{ type: "input_image", image_url: url(image) }]
      if (role === "tool") {
        const output = image === undefined ? text : [{ type: "input_text", text }, ...picture]
        return [{ type: "function_call_output", call_id: answered(messages, at), output }]
      }
      const type = role === "user" ? "input_text" : "output_text"
      return [
        ...(text === "" ? [] : [{ type: "message", role, content: [{ type, text }, ...picture] }]),
        ...made.map(([name, args]) => ({
          type: "function_call",
          call_id: idOf(calls++),
          name,
          arguments: JSON.stringify(args)
        }))
      ]
    }),
    ...(tools === undefined ? {} : { tools: tools.map((one) => ({ type: "function", ...one })) }),
    ...(maxTokens === undefined ? {} : { max_output_tokens: maxTokens }),
    ...more
  }
}

const fromResponse = ({ error, incomplete_details: cut, output }: ResponseObject): Omit<Got, "status"> => {
  const calls = output.flatMap((item) =>
    item.type === "function_call" ? [[item.name, JSON.parse(item.arguments)] as const] : []
  )
  const finish = cut !== null ? "length" : calls.length > 0 ? "tool_calls" : "stop"
  return {
    text: output.map((item) => (item.type === "message" ? ResponsesGrammar.textOf(item) : "")).join(""),
    calls,
    finish: error === null ? finish : undefined,
    error: error?.message
  }
}

const responses: Dialect = {
  name: "responses",
  path: "/v1/responses",
  body: responsesBody,
  whole: (json) => ("output" in loose(json) ? fromResponse(json as ResponseObject) : failed(loose(json)["error"]!)),
  streamed: (stream) => fromResponse(ResponsesGrammar.read(ResponsesGrammar.frames(stream)))
}

/** Text alone: roles, tools and pictures are left out. */
export const completions: Dialect = {
  name: "completions",
  path: "/v1/completions",
  body: ({ maxTokens, messages, model = "auto", more, stop }) => ({
    model,
    prompt: messages.map(({ text = "" }) => text).join("\n"),
    ...(maxTokens === undefined ? {} : { max_tokens: maxTokens }),
    ...(stop === undefined ? {} : { stop }),
    ...more
  }),
  whole: (json) => {
    const { choices, error } = loose(json)
    if (error !== undefined) return failed(error)
    const [choice] = list(choices)
    return { text: string(choice!["text"]), calls: [], finish: string(choice!["finish_reason"]), error: undefined }
  },
  streamed: (stream) => {
    const frames = stream.split("\n\n").filter((frame) => frame.startsWith("data: {"))
    let text = ""
    let finish: string | undefined
    for (const { choices, error } of frames.map((one) => loose(JSON.parse(one.slice("data: ".length))))) {
      if (error !== undefined) return { ...failed(error), text }
      const [choice] = list(choices)
      text += string(choice?.["text"])
      finish = string(choice?.["finish_reason"]) || finish
    }
    return { text, calls: [], finish, error: undefined }
  }
}

/** Those of conversations. */
export const all: ReadonlyArray<Dialect> = [chat, responses, messages]

/** What a server said, whatever the dialect. */
export const read = (
  dialect: Dialect,
  { json, status, text }: { status: number; json: unknown; text: string }
): Got => ({
  status,
  ...(/^(?:event:|data:|:)/.test(text) ? dialect.streamed(text) : dialect.whole(json))
})
