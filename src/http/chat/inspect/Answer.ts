/**
 * The answer on its way to the client: copied as it is written, without a step of a fiber; and cleaned once it has ended.
 */
import * as HttpBody from "@effect/platform/HttpBody"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as Masked from "../../../domain/inspect/Masked.ts"
import { type Source, SseBody } from "../../server/Sse.ts"
import type { Cleaner } from "./Cleaner.ts"

type Response = HttpServerResponse.HttpServerResponse

const tapped =
  (source: Source, write: (text: string) => void): Source =>
  (sink) =>
    source({
      ...sink,
      write: (text) => {
        write(text)
        sink.write(text)
      },
      crash: (defect, last) => {
        if (last !== undefined) write(last)
        sink.crash(defect, last)
      }
    })

/** The same answer, of which `write` is told. */
export const copied = (response: Response, write: (text: string) => void): Response => {
  const { body } = response
  if (body._tag === "Uint8Array") write(Buffer.from(body.body).toString("utf8"))
  if (body._tag !== "Raw" || !(body.body instanceof SseBody)) return response
  const { contentType } = body
  const copy = HttpBody.raw(
    new SseBody(tapped(body.body.source, write)),
    contentType === undefined ? {} : { contentType }
  )
  return HttpServerResponse.setBody(response, copy)
}

/** Names under which a stream tells a text in pieces. */
const PIECES = new Set(
  "content text delta thinking reasoning reasoning_content partial_json arguments input refusal".split(" ")
)

interface Piece {
  readonly holder: Record<string, unknown>
  readonly name: string
  readonly text: string
}

const gather = (value: unknown, into: Array<Piece>, depth = 0): void => {
  if (typeof value !== "object" || value === null || depth > 16) return
  if (Array.isArray(value)) {
    for (const one of value) gather(one, into, depth + 1)
    return
  }
  const holder = value as Record<string, unknown>
  for (const [name, one] of Object.entries(holder)) {
    if (typeof one !== "string") gather(one, into, depth + 1)
    else if (PIECES.has(name)) into.push({ holder, name, text: one })
  }
}

const parsed = (json: string): unknown => {
  try {
    return JSON.parse(json)
  } catch {
    return undefined
  }
}

const DATA = "data: "

/** Frames in which nothing is masked stay as they were, byte by byte. */
const frames = (stream: string, cleaner: Cleaner, known: ReadonlyArray<string>): string => {
  const lines = stream.split("\n")
  const objects = lines.map((line) => (line.startsWith(`${DATA}{`) ? parsed(line.slice(DATA.length)) : undefined))
  const found: Array<Piece> = []
  for (const one of objects) gather(one, found)
  const masked = Masked.pieces(
    found.map(({ text }) => text),
    known
  )
  const changed = new Set<unknown>()
  if (masked.secrets > 0) {
    cleaner.secrets += masked.secrets
    found.forEach(({ holder, name, text }, i) => {
      const now = masked.value[i] ?? ""
      if (now === text) return
      holder[name] = now
      changed.add(holder)
    })
  }
  const isChanged = (value: unknown, depth = 0): boolean =>
    typeof value === "object" &&
    value !== null &&
    depth <= 16 &&
    (changed.has(value) || Object.values(value).some((one) => isChanged(one, depth + 1)))
  if (changed.size === 0) return cleaner.text(stream)
  const now = lines.map((line, i) => (isChanged(objects[i]) ? DATA + JSON.stringify(objects[i]) : line))
  return cleaner.text(now.join("\n"))
}

/** `isCut`: its end is not there. */
export const cleaned = (raw: string, isCut: boolean, cleaner: Cleaner, known: ReadonlyArray<string>): string => {
  if (!/^\s*[{[]/.test(raw)) return frames(isCut ? raw.slice(0, raw.lastIndexOf("\n\n") + 1) : raw, cleaner, known)
  const whole = isCut ? undefined : parsed(raw)
  return whole === undefined ? cleaner.text(raw) : JSON.stringify(cleaner.value(whole))
}
