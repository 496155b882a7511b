/**
 * What OpenAI's dialects share: errors, and the `openai-processing-ms` header.
 */
import { randomUUID } from "node:crypto"
import { Effect } from "effect"
import type { ChatDialect, ChatErrors } from "../../chat/ChatDialect.ts"
import { isRefusal } from "../../edge/EdgeError.ts"
import * as Errors from "./OpenAiErrors.ts"

export const errors: ChatErrors<Errors.Failure> = {
  fromIssue: Errors.fromIssue,
  fromParam: Errors.fromParam,
  fromImage: Errors.fromImage,
  respond: (problem) => Errors.respond(isRefusal(problem) ? Errors.fromRefusal(problem) : problem)
}

export const wholeHeaders = (millis: number) => ({ "openai-processing-ms": String(Math.round(millis)) })

export const shared = { errors, wholeHeaders } satisfies Partial<ChatDialect<unknown, unknown, Errors.Failure>>

/** A new response's id and creation time. */
export const stamped = (prefix: string) =>
  Effect.map(Effect.clock, (clock) => {
    const began = clock.unsafeCurrentTimeNanos()
    return {
      id: `${prefix}-${randomUUID().replaceAll("-", "")}`,
      created: Math.floor(clock.unsafeCurrentTimeMillis() / 1000),
      elapsed: () => Number(clock.unsafeCurrentTimeNanos() - began) / 1e6
    }
  })
