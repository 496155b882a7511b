/**
 * A request as it is kept: cleaned and bounded, its head for lists, and the whole as JSON.
 */
import * as AnswerText from "../../../domain/inspect/AnswerText.ts"
import * as Masked from "../../../domain/inspect/Masked.ts"
import { redact } from "../../../domain/Redact.ts"
import type { ChatOutcome } from "../../../observe/Metrics.ts"
import * as Answer from "./Answer.ts"
import { Cleaner } from "./Cleaner.ts"
import type { Asked, Push, Tap } from "./Tap.ts"

/** Most bytes of a body, and of a request's prompts. */
const MOST_BODY = 2 << 20
const MOST_PROMPTS = 2 << 20
const MOST_HEADERS = 16 << 10
const LONGEST_NAME = 256
const LONGEST_ERROR = 500

export interface Head {
  readonly id: string
  readonly chat_ids: ReadonlyArray<string>
  readonly started_at: string
  readonly key: string
  readonly method: string
  readonly path: string
  readonly model_asked: string | null
  readonly model: string | null
  readonly instance: string | null
  readonly outcome: ChatOutcome
  readonly status: number | null
  readonly error_code: string | null
  readonly error: string | null
  readonly first_token_ms: number | null
  readonly total_ms: number
  readonly prompt_tokens: number | null
  readonly completion_tokens: number | null
}

export interface Kept {
  readonly head: Head
  /** What `whole` gives, as JSON. */
  readonly json: Buffer
}

const REJECTED = new Set([429, 529])

/** Of what was refused before there was a chat, by its status. */
const outcomeOf = ({ chats, status }: Tap, isInterrupted: boolean): ChatOutcome => {
  for (const outcome of ["failed", "rejected"] as const)
    if (chats.some((chat) => chat.outcome === outcome)) return outcome
  if (status !== undefined && status >= 400) return REJECTED.has(status) ? "rejected" : "failed"
  if (chats.some(({ outcome }) => outcome === "cancelled") || isInterrupted) return "cancelled"
  return status === undefined ? "failed" : "completed"
}

const modelOf = (body: unknown): string | null =>
  typeof body === "object" && body !== null && "model" in body && typeof body.model === "string" ? body.model : null

const short = (name: string) => redact(name, LONGEST_NAME)

/** A query may hold a key. */
const pathOf = (url: string, cleaner: Cleaner) => {
  const at = url.indexOf("?")
  const pathname = at < 0 ? url : url.slice(0, at)
  const query = [...new URLSearchParams(at < 0 ? "" : url.slice(at))].map(([name, value]) => {
    const shown = Masked.isSecretName(name) || /^(?:key|token|code)$/i.test(name) ? Masked.SIGN : value
    return `${encodeURIComponent(name)}=${encodeURIComponent(shown)}`
  })
  return cleaner.text(query.length === 0 ? pathname : `${pathname}?${query.join("&")}`)
}

export const head = (tap: Tap, isInterrupted: boolean): Head => {
  const { arrived, body, chats, status } = tap
  const last = chats.at(-1)
  const asked = last?.modelAsked ?? modelOf(body)
  const sum = (of: "promptTokens" | "completionTokens") =>
    chats.some(({ answer }) => answer !== undefined)
      ? chats.reduce((all, { answer }) => all + (answer?.[of] ?? 0), 0)
      : null
  return {
    id: arrived.id,
    chat_ids: chats.slice(-16).map(({ id }) => id),
    started_at: new Date(arrived.startedAt).toISOString(),
    key: arrived.key,
    method: arrived.method,
    path: short(pathOf(arrived.url, new Cleaner(LONGEST_NAME * 4, arrived.secrets))),
    model_asked: asked === null ? null : short(asked),
    model: last?.answer?.model ?? null,
    instance: last?.instance ?? null,
    outcome: outcomeOf(tap, isInterrupted),
    status: status ?? null,
    error_code: last?.errorCode ?? null,
    error: last?.error === undefined ? null : redact(last.error, LONGEST_ERROR),
    first_token_ms: last?.answer === undefined ? null : Math.round(last.answer.firstTokenMillis),
    total_ms: tap.millis(),
    prompt_tokens: sum("promptTokens"),
    completion_tokens: sum("completionTokens")
  }
}

const pushOf = (push: Push, cleaner: Cleaner) => ({
  at_ms: push.millis,
  kind: push.kind.slice(0, LONGEST_NAME),
  pieces: push.pieces,
  text: cleaner.text(push.text.toString()) + (push.text.dropped > 0 ? `… (${push.text.dropped} bytes more)` : "")
})

const questionOf = (
  { dropped, images, instance, millis, mode, model, prompt, pushes }: Asked,
  prompts: Cleaner,
  rest: Cleaner
) => ({
  at_ms: millis,
  instance,
  model,
  mode,
  images,
  prompt: prompts.text(prompt),
  pushes: pushes.map((push) => pushOf(push, rest)),
  pushes_left_out: dropped
})

/** What is told of one record. */
export const whole = (tap: Tap, head: Head) => {
  const { arrived, body } = tap
  const known = arrived.secrets
  const cleaners = {
    headers: new Cleaner(MOST_HEADERS, known),
    body: new Cleaner(MOST_BODY, known),
    prompts: new Cleaner(MOST_PROMPTS, known),
    rest: new Cleaner(Number.MAX_SAFE_INTEGER, known)
  }
  const request = {
    headers: cleaners.headers.value({ ...arrived.headers }),
    body: body === undefined ? null : cleaners.body.value(body)
  }
  const answer = Answer.cleaned(tap.answer.toString(), tap.answer.dropped > 0, cleaners.rest, known)
  const isComplete = body !== undefined && !cleaners.body.isCut && cleaners.body.pictures === 0
  return {
    ...head,
    request: {
      ...request,
      truncated: cleaners.body.isCut,
      media_left_out: cleaners.body.pictures,
      secrets_masked: cleaners.body.secrets,
      runnable: isComplete
    },
    questions: tap.questions.map((asked) => questionOf(asked, cleaners.prompts, cleaners.rest)),
    answer: {
      status: tap.status ?? null,
      content_type: tap.contentType ?? null,
      body: answer,
      truncated: tap.answer.dropped > 0,
      text: AnswerText.of(answer)
    }
  }
}
export type Whole = ReturnType<typeof whole>

export const kept = (tap: Tap, head: Head): Kept => ({ head, json: Buffer.from(JSON.stringify(whole(tap, head))) })
