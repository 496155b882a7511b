/**
 * Responses over a WebSocket: the parts of its messages that differ from payload and events over HTTP.
 */
import { Either } from "effect"
import type { Message } from "../../../server/MessageRequest.ts"
import * as Errors from "../../openai/OpenAiErrors.ts"

const CREATE = "response.create"

/** Sent by Codex when it has processed a response. It would take an answer for that of its next request. */
const SILENT = "response.processed"
const LONGEST_SILENT = 1024

/** Has another status over a socket than over HTTP. */
const GONE = "previous_response_not_found"

/** Headers of a failure that are part of the error message. */
const told = /^(?:retry-after|retry-after-ms|x-should-retry|x-request-id|x-ratelimit-.*)$/

/** Headers that are part of the first event of a stream. */
const toldOfStream = /^x-(?:lingma-(?:ignored-params|instance|emulated)|ratelimit-.*)$/

const PLAIN = /^[\w.]{1,64}$/
const LONGEST_LABEL = 128

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value)

const parsed = (text: string): Readonly<Record<string, unknown>> => {
  try {
    const value: unknown = JSON.parse(text)
    return isObject(value) ? value : {}
  } catch {
    return {}
  }
}

const warmUps = new WeakSet<Message>()

/** Whether a message has `generate: false`: a response without output, to be continued. */
export const isWarmUp = (message: Message | undefined): boolean => message !== undefined && warmUps.has(message)

const wrongType = (type: unknown): Errors.Failure =>
  Errors.invalid(
    "type",
    `${typeof type === "string" && PLAIN.test(type) ? `Messages of type '${type}' are` : "This message is"} not known here: '${CREATE}' is.`
  )

/** The payload of a message; its other fields are recorded on the message. */
export const fromMessage = (sent: unknown, message: Message): Either.Either<unknown, Errors.Failure> => {
  const { generate, stream_id: label, type, ...payload } = isObject(sent) ? sent : {}
  if (label !== undefined && label !== null) {
    if (typeof label !== "string" || label === "" || label.length > LONGEST_LABEL) {
      return Either.left(Errors.invalid("stream_id", `'stream_id' must have 1 to ${LONGEST_LABEL} characters.`))
    }
    message.label = label
  }
  if (type !== CREATE) return Either.left(wrongType(type))
  if (generate !== undefined && generate !== null && typeof generate !== "boolean") {
    return Either.left(Errors.invalid("generate", "'generate' must be true or false."))
  }
  if (generate === false) warmUps.add(message)
  return Either.right({ ...payload, stream: true })
}

export interface Answer {
  readonly status: number
  readonly body: string
  readonly headers: Readonly<Record<string, string>>
}

const pick = (headers: Answer["headers"], names: RegExp): Answer["headers"] =>
  Object.fromEntries(Object.entries(headers).filter(([name]) => names.test(name)))

const some = (headers: Answer["headers"]) => (Object.keys(headers).length > 0 ? { headers } : {})

/** Adds a field to an event without parsing it. */
const spliced = (event: string, name: string, value: unknown): string =>
  `${event.slice(0, -1)},"${name}":${JSON.stringify(value)}}`

const noHeaders: Answer["headers"] = {}

/**
 * Its headers are in the error, where the contract has them, and beside it, where Codex reads them. Over a socket each
 * failure has a code; one that has none over HTTP is told by its type.
 */
const event = (status: number, error: Readonly<Record<string, unknown>>, headers = noHeaders) => {
  const code = error["code"] ?? error["type"]
  return JSON.stringify({ type: "error", status, error: { ...error, code, ...some(headers) }, ...some(headers) })
}

const invalid = (code: string, message: string) => ({ type: "invalid_request_error", code, message, param: null })

const internal = { type: "server_error", code: null, message: "Internal error", param: null }

export const protocol = {
  isSilent: (bytes: Uint8Array): boolean =>
    bytes.length <= LONGEST_SILENT && parsed(Buffer.from(bytes).toString())["type"] === SILENT,
  fromAnswer: ({ body, headers, status }: Answer): string => {
    const { error } = parsed(body)
    const failure = isObject(error) ? error : internal
    return event(failure["code"] === GONE ? 400 : status, failure, pick(headers, told))
  },
  headed: (message: string, headers: Answer["headers"]): string => {
    const picked = pick(headers, toldOfStream)
    return Object.keys(picked).length > 0 ? spliced(message, "headers", picked) : message
  },
  labelled: (message: string, label: string): string => spliced(message, "stream_id", label),
  tooMany: (most: number): string =>
    event(429, {
      ...invalid("websocket_queue_limit_reached", `No more than ${most} messages may wait on a connection.`),
      type: "rate_limit_error"
    }),
  tooOld: (minutes: number): string =>
    event(
      400,
      invalid(
        "websocket_connection_limit_reached",
        `Responses websocket connection limit reached (${minutes} minutes). Create a new websocket connection to continue.`
      )
    )
}
