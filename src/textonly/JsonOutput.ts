/**
 * Turns an answer into the requested JSON: strips the text around it, repairs it, and validates it against the schema.
 */
import { Either } from "effect"
import type { OutputFormat } from "../domain/Chat.ts"
import * as JsonBounds from "../json/JsonBounds.ts"
import * as JsonRepair from "../json/JsonRepair.ts"
import * as JsonSchemas from "../json/JsonSchemas.ts"
import * as JsonSpan from "../json/JsonSpan.ts"

export interface JsonOutputOptions {
  /** Streams the text unchecked; else nothing is sent before the end. */
  readonly live: boolean
}

export interface JsonOutputOut {
  readonly text: (text: string) => void
}

export interface JsonOutput {
  readonly push: (text: string) => void
  /** Left: the errors, for `hint`; nothing was sent in that case. */
  readonly end: () => Either.Either<void, ReadonlyArray<string>>
  /** Sends the held text unchanged. */
  readonly release: () => void
}

type Errors = ReadonlyArray<string>

const MAX_HELD = 4 * 1024 * 1024
/** Max text before the JSON; with more, the answer is prose. */
const MAX_PROSE = 64 * 1024
const MAX_TRIES = 8

const isStrict = (format: OutputFormat) => format.type === "json_schema" && format.strict

export const make = (format: OutputFormat, { live }: JsonOutputOptions, out: JsonOutputOut): JsonOutput =>
  live ? makeLive(out) : makeHeld(format, out)

const makeLive = (out: JsonOutputOut): JsonOutput => {
  let mode: "before" | "body" | "behind" | "prose" = "before"
  let held: Array<string> = []
  let length = 0
  const opens = JsonBounds.opener()
  const closes = JsonBounds.closer()

  const send = (text: string) => {
    if (text !== "") out.text(text)
  }
  const release = () => {
    const text = held.join("")
    held = []
    send(text)
  }
  const body = (text: string) => {
    const end = closes(text)
    if (end !== undefined) mode = "behind"
    send(end === undefined ? text : text.slice(0, end))
  }
  const before = (text: string) => {
    const room = MAX_PROSE - length
    const opening = opens(text.slice(0, room))
    if (opening !== undefined) {
      mode = "body"
      held = []
      return body(opening.before + text.slice(opening.at))
    }
    held.push(text)
    length += text.length
    if (length < MAX_PROSE) return
    mode = "prose"
    release()
  }
  return {
    push: (text) => {
      if (mode === "before") before(text)
      else if (mode === "body") body(text)
      else if (mode === "prose") send(text)
    },
    end: () => Either.right(release()),
    release
  }
}

const makeHeld = (format: OutputFormat, out: JsonOutputOut): JsonOutput => {
  let held: Array<string> = []
  let length = 0
  let isTooLong = false
  const passes = () => isTooLong && !isStrict(format)

  const release = () => {
    const text = held.join("")
    held = []
    if (text !== "") out.text(text)
  }
  return {
    push: (text) => {
      if (isTooLong && !passes()) return
      held.push(text)
      length += text.length
      if (length > MAX_HELD) isTooLong = true
      if (passes()) release()
    },
    end: () => {
      if (passes()) return Either.right(undefined)
      if (isTooLong) return Either.left(["the answer is too long"])
      return Either.map(read(held.join(""), format), (json) => {
        held = []
        out.text(json)
      })
    },
    release
  }
}

const parse = (text: string): Either.Either<unknown, Errors> =>
  Either.try({
    try: (): unknown => JSON.parse(text),
    catch: (error) => {
      // The parser's message may quote the text.
      const place = /at position (\d+)/.exec(String(error))
      return [place === null ? "the answer is not JSON" : `the JSON is wrong at character ${place[1]}`]
    }
  })

/** Removes a code fence around the whole text. */
const unfenced = (text: string): string => {
  const whole = text.trim()
  if (!whole.startsWith("```") || !whole.endsWith("```") || whole.length < 6) return whole
  const lineEnd = whole.indexOf("\n")
  return whole.slice(lineEnd < 0 ? 3 : lineEnd + 1, -3).trim()
}

/** The single JSON value in the text, verbatim; else repaired like tool arguments. */
const extract = (text: string): Either.Either<readonly [json: string, value: unknown], Errors> =>
  Either.orElse(written(text), (errors) => Either.mapLeft(mended(unfenced(text)), () => errors))

/** Repairs a value with both of its brackets; a truncated one is not completed. */
const mended = (text: string): Either.Either<readonly [json: string, value: unknown], Errors> => {
  const span = isWhole(text) ? { start: 0, end: text.length } : JsonBounds.find(text, 0)
  if (span?.end === undefined || JsonBounds.find(text, span.end)?.end !== undefined) return Either.left([])
  const json = JsonRepair.repair(text.slice(span.start, span.end))
  return json === undefined ? Either.left([]) : Either.map(parse(json), (value) => [json, value] as const)
}

/** Whether the text starts with a bracket and ends with the matching one. */
const isWhole = (text: string): boolean => {
  if (!text.startsWith("{") && !text.startsWith("[")) return false
  const span = JsonSpan.make()
  for (let at = 0; at < text.length; at++) if (span.step(text.charCodeAt(at)) !== "more") return at === text.length - 1
  return false
}

const written = (text: string): Either.Either<readonly [json: string, value: unknown], Errors> => {
  const whole = unfenced(text)
  const all = parse(whole)
  if (Either.isRight(all)) return Either.right([whole, all.right])
  let errors = all.left
  let place = 0
  for (let i = 0; i < MAX_TRIES; i++) {
    const span = JsonBounds.find(whole, place)
    if (span === undefined) break
    if (span.end === undefined) return Either.left(["the JSON breaks off before its end"])
    const json = whole.slice(span.start, span.end)
    const value = parse(json)
    if (Either.isRight(value)) {
      const more = JsonBounds.find(whole, span.end)
      const isMore = more?.end !== undefined && Either.isRight(parse(whole.slice(more.start, more.end)))
      return isMore ? Either.left(["there is more than one JSON value"]) : Either.right([json, value.right])
    }
    if (i === 0) errors = value.left
    place = span.start + 1
  }
  return Either.left(errors)
}

const complaints = (value: unknown, format: OutputFormat): Errors => {
  if (format.type === "json_schema") {
    // Invalid schemas are rejected with the request; here they accept everything.
    return Either.match(JsonSchemas.validator(format.schema), {
      onLeft: () => [],
      onRight: (validate) => validate(value)
    })
  }
  const isObject = typeof value === "object" && value !== null && !Array.isArray(value)
  return format.type === "text" || isObject ? [] : ["the answer must be a JSON object"]
}

const read = (text: string, format: OutputFormat): Either.Either<string, Errors> =>
  Either.flatMap(extract(text), ([json, value]) => {
    const errors = complaints(value, format)
    return errors.length > 0 ? Either.left(errors) : Either.right(json)
  })

/** Prompt text that describes the format; empty for plain text. */
export const instructions = (format: OutputFormat): string => {
  if (format.type === "text") return ""
  const alone = "Write nothing before it and nothing after it, and put no code fence around it."
  if (format.type === "json_object") return `Your answer must be one JSON object. ${alone}`
  const name = JSON.stringify(format.name)
  return `Your answer must be one JSON value that is valid against the JSON Schema ${name} below. ${alone}\n${JSON.stringify(format.schema)}`
}

/** Prompt text for a retry after an invalid answer. */
export const hint = (errors: ReadonlyArray<string>, format: OutputFormat): string =>
  ["Your last answer was not what was asked for:", ...errors.map((error) => `- ${error}`), instructions(format)].join(
    "\n"
  )
