/**
 * OpenAI's wording is also that of every path no other dialect claims.
 */
import type { Dialect } from "../Dialect.ts"
import * as Errors from "../OpenAiErrors.ts"
import { isRefusal } from "../Refusal.ts"
import { oneSegment } from "./Api.ts"

export const dialect: Dialect = {
  claims: () => true,
  route: oneSegment,
  respond: (problem) => Errors.respond(isRefusal(problem) ? Errors.fromRefusal(problem) : problem)
}
