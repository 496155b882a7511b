/**
 * The dialects as a client of each sees them: how a chat is asked for, and how its text and its failure look.
 */
import { Effect } from "effect"
import { type Program, text } from "./support.ts"

type Json = Readonly<Record<string, unknown>>

/** A failure as its client reads it; `code` only where the dialect has codes. */
export interface Failure {
  readonly type: string | undefined
  readonly code: string | undefined
  readonly message: string
}

/** What came of a chat that was answered with 200. */
export interface Outcome {
  readonly text: string
  /** How it ended, in the dialect's word. */
  readonly end: string | undefined
  /** Told in a stream that had begun. */
  readonly failure: Failure | undefined
  readonly usage: Json | undefined
  /** Whose figures these are. */
  readonly source: unknown
  /** The last frame, or the whole answer. */
  readonly last: Json
}

export interface Dialect {
  readonly name: "chat completions" | "responses" | "messages" | "completions"
  readonly path: string
  readonly body: (prompt: string) => Json
  readonly failure: (body: Json) => Failure
  readonly whole: (body: Json) => Outcome
  /** Of the frames of a stream, in order; `end` only when it ended as a good one does. */
  readonly streamed: (frames: ReadonlyArray<Json>, isDone: boolean) => Outcome
}

// biome-ignore lint/suspicious/noExplicitAny: answers of three APIs, looked into field by field
type Loose = any

const failureOf = ({ error }: Loose): Failure => ({ type: error?.type, code: error?.code, message: error?.message })

/** The text of a choice, whole or a piece of it, is where the two of OpenAI's older dialects differ. */
const withChoices = (textOf: (choice: Loose) => string): Pick<Dialect, "failure" | "whole" | "streamed"> => ({
  failure: failureOf,
  whole: (body: Loose) => ({
    text: textOf(body.choices[0]),
    end: body.choices[0].finish_reason,
    failure: undefined,
    usage: body.usage,
    source: body.usage_source,
    last: body
  }),
  streamed: (frames: Loose, isDone) => {
    const last = frames.at(-1)
    const choices = frames.flatMap((frame: Loose) => frame.choices ?? [])
    return {
      text: choices.map(textOf).join(""),
      end: isDone ? choices.at(-1)?.finish_reason : undefined,
      failure: last.error === undefined ? undefined : failureOf(last),
      usage: last.usage,
      source: last.usage_source,
      last
    }
  }
})

const chatCompletions: Dialect = {
  name: "chat completions",
  path: "/v1/chat/completions",
  body: (prompt) => ({ model: "auto", messages: [{ role: "user", content: prompt }] }),
  ...withChoices((choice) => (choice.message ?? choice.delta).content ?? "")
}

const completions: Dialect = {
  name: "completions",
  path: "/v1/completions",
  body: (prompt) => ({ model: "auto", prompt }),
  ...withChoices((choice) => choice.text)
}

const said = (output: Loose) =>
  output.flatMap((item: Loose) => (item.content ?? []).map((part: Loose) => part.text ?? "")).join("")

const endOfResponse = ({ incomplete_details: cut, status }: Loose) =>
  status === "incomplete" ? `${status}: ${cut.reason}` : status

const responses: Dialect = {
  name: "responses",
  path: "/v1/responses",
  body: (prompt) => ({ model: "auto", input: prompt }),
  failure: failureOf,
  whole: (body: Loose) => ({
    text: said(body.output),
    end: endOfResponse(body),
    failure: undefined,
    usage: body.usage,
    source: body.usage_source,
    last: body
  }),
  streamed: (frames: Loose) => {
    const last = frames.at(-1)
    const { response } = last
    const isFailed = last.type === "response.failed"
    return {
      text: frames
        .flatMap((frame: Loose) => (frame.type === "response.output_text.delta" ? [frame.delta] : []))
        .join(""),
      end: isFailed ? undefined : endOfResponse(response),
      failure: isFailed ? { type: undefined, ...response.error } : undefined,
      usage: response?.usage,
      source: response?.usage_source,
      last
    }
  }
}

const messages: Dialect = {
  name: "messages",
  path: "/v1/messages",
  body: (prompt) => ({ model: "auto", max_tokens: 4_096, messages: [{ role: "user", content: prompt }] }),
  failure: failureOf,
  whole: (body: Loose) => ({
    text: said([body]),
    end: body.stop_reason,
    failure: undefined,
    usage: body.usage,
    source: body.usage_source,
    last: body
  }),
  streamed: (frames: Loose) => {
    const last = frames.at(-1)
    const ending = frames.find((frame: Loose) => frame.type === "message_delta")
    return {
      text: frames.map((frame: Loose) => frame.delta?.text ?? "").join(""),
      end: last.type === "message_stop" ? ending?.delta.stop_reason : undefined,
      failure: last.type === "error" ? failureOf(last) : undefined,
      usage: ending?.usage,
      source: ending?.usage_source,
      last
    }
  }
}

export const all: ReadonlyArray<Dialect> = [chatCompletions, responses, messages, completions]

export interface Answered {
  readonly status: number
  readonly headers: Headers
  /** Of a status that is none of success. */
  readonly failure: Failure | undefined
  readonly outcome: Outcome | undefined
}

/** The JSON of each `data:` line but the last word of OpenAI's older dialects. */
const framesOf = (body: string): ReadonlyArray<Json> =>
  body
    .split("\n")
    .filter((line) => line.startsWith("data: {"))
    .map((line) => JSON.parse(line.slice(6)) as Json)

/** One chat in a dialect, read to its end. */
export const ask = (
  { base }: Program,
  dialect: Dialect,
  prompt: string,
  more: Json = {},
  headers: Readonly<Record<string, string>> = {}
) =>
  Effect.gen(function* () {
    const response = yield* Effect.promise(() =>
      fetch(base + dialect.path, {
        method: "POST",
        headers: { "content-type": "application/json", ...headers },
        body: JSON.stringify({ ...dialect.body(prompt), ...more })
      })
    )
    const { status } = response
    const body = yield* text(response)
    const isGood = status === 200
    return {
      status,
      headers: response.headers,
      failure: isGood ? undefined : dialect.failure(JSON.parse(body) as Json),
      outcome: !isGood
        ? undefined
        : more["stream"] === true
          ? dialect.streamed(framesOf(body), body.endsWith("data: [DONE]\n\n"))
          : dialect.whole(JSON.parse(body) as Json)
    } satisfies Answered
  })
