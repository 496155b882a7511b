/**
 * Maps failures of Lingma to errors: by code if it is known, else by phrases in the text.
 *
 * One table for the end of a turn (`chat_finish`, `chat/finish`) and for rejected calls. The codes come from the
 * vendor's SDK documentation and users' logs; Chinese phrases are those of Lingma and DashScope.
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
  /** `statusCode` of a turn's end, or the code of a rejected call. */
  readonly code: number | undefined
  readonly text: string
}

/** The turn that ended, or did not start. */
export interface About {
  readonly instance: string
  /** Whether it had started, so that a retry could repeat side effects. */
  readonly started: boolean
  /** Whether logins start automatically. */
  readonly automatic: boolean
  readonly model: string
  /** Estimated. */
  readonly promptTokens: number
  readonly contextLimit: number | undefined
  /** Epoch milliseconds. */
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
  /** Codes that decide, whatever the text. */
  readonly codes: ReadonlyArray<number>
  /** Phrases that decide if the code is unknown. */
  readonly words?: RegExp
}

/** Phrases are tried in this order. */
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

/** Max characters of a text to search. */
const READ = 4_096

/** Tells a used-up plan from a short throttle under code 429; too generic for the table. */
const ofPlan = /\bplans?\b|套餐/i

/** ACP's error code for "authentication required". */
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

/** Default and max retry delay of a throttle, in seconds. */
const A_MOMENT = 3
const LONGEST_MOMENT = 300
/** Default time until a used-up quota is tried again, in ms. */
const REST_MILLIS = 60_000

const tooLong = (text: string, { contextLimit, promptTokens }: About) => {
  const said = tokensIn(text)
  // A rejected prompt exceeds the limit, even if the estimate is lower.
  const limit = said.limit ?? contextLimit ?? Math.max(1, promptTokens - 1)
  return new ContextLengthExceeded({ promptTokens: Math.max(said.prompt ?? promptTokens, limit + 1), limit })
}

/** Converts a failure to an error of the domain. */
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
      return new QuotaExhausted({ instance, started, model, until: now() + REST_MILLIS })
    case "throttled": {
      const seconds = secondsIn(text.slice(0, READ)) ?? A_MOMENT
      return new Throttled({ instance, started, retryAfter: Math.min(Math.max(1, seconds), LONGEST_MOMENT) })
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
