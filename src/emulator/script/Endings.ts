/**
 * Default reasons for the status codes at the end of a turn.
 */
const pricing = { message: "upgrade to go on", pricingUrl: "https://lingma.example.com/pricing" }

const reasons: Readonly<Record<number, string>> = {
  105: "access token expired",
  110: "the daily count is used up",
  112: JSON.stringify(pricing),
  113: "credits used up",
  114: "credits used up",
  115: "credits used up",
  116: "credits used up",
  117: "credits used up",
  118: "credits used up",
  119: "credits for this model used up",
  122: "quota used up",
  200: "success",
  406: "data_inspection_failed",
  408: "timeout",
  429: "quota_exceeded",
  430: "not supported",
  10408: "timeout",
  10500: "model error",
  10605: JSON.stringify({ isQueued: true, retryAfterSeconds: 30 }),
  47902: "the most turns of an agent are reached",
  80408: "timeout, click to resume",
  80411: "输入内容超长",
  80412: "too many images"
}

export const reasonOf = (statusCode: number): string => reasons[statusCode] ?? "error"

/** Status code: the conversation is too long. */
export const TOO_LONG = 80411

/** Status code: timeout; the user is asked whether to resume. */
export const RESUMABLE = 80408
