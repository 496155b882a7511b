/**
 * What a failure of Lingma's means: its code decides where it is known, else its words.
 *
 * One table for the ends of turns (`chat_finish`, `chat/finish`) and for refused calls. Sources and confidence per code:
 * the wire's documentation; words in Chinese are as Lingma and DashScope write them.
 */
import {
  BackendFailure,
  ContentFiltered,
  ContextLengthExceeded,
  NotLoggedIn,
  QuotaExhausted,
  Throttled,
  TooManyImages,
  type TurnError,
  UpstreamTimeout
} from "../../domain/ChatError.ts"
import { redact } from "../../domain/Redact.ts"
import { nextMidnight, secondsIn, tokensIn } from "./EndingFigures.ts"

export interface Failure {
  /** `statusCode` of a turn's end, or the code of a refused call. */
  readonly code: number | undefined
  readonly text: string
}

/** The turn that ended, or did not begin. */
export interface About {
  readonly instance: string
  /** It had begun: it may have done something. */
  readonly started: boolean
  /** Logins begin by themselves. */
  readonly automatic: boolean
  readonly model: string
  /** An estimate. */
  readonly promptTokens: number
  readonly contextLimit: number | undefined
  /** Milliseconds of the epoch. */
  readonly now: () => number
}

export type Kind =
  | "too_long"
  | "too_many_images"
  | "filtered"
  | "not_logged_in"
  | "account_spent"
  | "model_spent"
  | "throttled"
  | "timeout"
  | "unsupported"
  | "failed"

interface Row {
  readonly kind: Kind
  /** These mean it whatever the text says. */
  readonly codes: ReadonlyArray<number>
  /** These mean it under a code that says nothing of its own. */
  readonly words?: RegExp
}

/** In this order the words are looked for. */
const rows: ReadonlyArray<Row> = [
  {
    kind: "too_long",
    codes: [80411],
    words:
      /context[_ ]length[_ ]exceeded|maximum context length|exceeds? the (?:model'?s )?context (?:window|length)|range of input length should be|input token length too long|prompt is too long|input content is too long|输入内容(?:超长|过长)|上下文(?:超长|过长)/i
  },
  { kind: "too_many_images", codes: [80412], words: /too many images|图片(?:数量)?(?:过多|超出)/i },
  {
    kind: "filtered",
    codes: [406],
    words:
      /data_?inspection_?failed|content[_ ]?filter|content[_ ]policy|inappropriate content|sensitive (?:content|words?)|敏感(?:内容|信息|词)|内容(?:安全|审核|违规)|违规内容/i
  },
  {
    kind: "not_logged_in",
    codes: [105, 401],
    words:
      /not logged ?in|user not login|not login|please (?:log ?in|sign ?in|run \/login)|log ?in required|authentication required|token is not active|(?:login|access[_ ]?token|token) (?:is |has )?expired|未登录|请(?:先)?登录|登录(?:已)?(?:过期|失效)/i
  },
  { kind: "account_spent", codes: [110] },
  {
    kind: "model_spent",
    codes: [112, 113, 114, 115, 116, 117, 118, 119, 122],
    words: /quota|credits?\b|billing|pricingurl|额度|余额不足|配额|次数已用/i
  },
  { kind: "throttled", codes: [10605], words: /too many requests|rate.?limit|throttl|isqueued|请求过于频繁|限流/i },
  { kind: "timeout", codes: [408, 10408, 80408] },
  { kind: "unsupported", codes: [430] },
  { kind: "failed", codes: [47902, 10500] }
]

/** How much of a text is looked at: what is meant stands at its beginning. */
const READ = 4_096

/** Of 429 without a word of what is used up: a moment. A word such as "plan" means something here only. */
const ofPlan = /\bplans?\b|套餐/i

/** Whom a refusal of a call without a meaning of its own is about, as ACP has it. */
const AUTHENTICATION = -32000

export const kindOf = ({ code, text }: Failure): Kind => {
  const byCode = rows.find(({ codes }) => code !== undefined && codes.includes(code))
  if (byCode !== undefined) return byCode.kind
  const read = text.slice(0, READ)
  const byWords = rows.find(({ words }) => words?.test(read) === true)
  if (byWords !== undefined) return byWords.kind
  if (code === 429) return ofPlan.test(read) ? "model_spent" : "throttled"
  return code === AUTHENTICATION ? "not_logged_in" : "failed"
}

/** Without a figure of Lingma's. */
const aMoment = 3
const longestMoment = 300
/** How long something spent is left alone where nothing says when it returns. */
const restMillis = 60_000

const tooLong = (text: string, { contextLimit, promptTokens }: About) => {
  const said = tokensIn(text)
  // What was refused is longer than what is taken, whatever an estimate says of it.
  const limit = said.limit ?? contextLimit ?? Math.max(1, promptTokens - 1)
  return new ContextLengthExceeded({ promptTokens: Math.max(said.prompt ?? promptTokens, limit + 1), limit })
}

/** The failure of a turn, in the words of the waist. */
export const toError = (failure: Failure, about: About): TurnError => {
  const { code, text } = failure
  const { instance, model, now, started } = about
  const kind = kindOf(failure)
  switch (kind) {
    case "too_long":
      return tooLong(text.slice(0, READ), about)
    case "too_many_images":
      return new TooManyImages()
    case "filtered":
      return new ContentFiltered({ instance, started })
    case "not_logged_in":
      return new NotLoggedIn({ instance, retriable: about.automatic, started })
    case "account_spent":
      return new QuotaExhausted({ instance, started, until: nextMidnight(now()) })
    case "model_spent":
      return new QuotaExhausted({ instance, started, model, until: now() + restMillis })
    case "throttled": {
      const seconds = secondsIn(text.slice(0, READ)) ?? aMoment
      return new Throttled({ instance, started, retryAfter: Math.min(Math.max(1, seconds), longestMoment) })
    }
    case "timeout":
      return new UpstreamTimeout({ instance, phase: "upstream" })
    case "unsupported":
    case "failed": {
      const detail = `code ${code ?? "none"}, reason ${redact(text, 200) || "none"}`
      const isFinal = kind === "unsupported"
      return new BackendFailure({ instance, started, detail, ...(Number.isSafeInteger(code) ? { code } : {}), isFinal })
    }
  }
}
