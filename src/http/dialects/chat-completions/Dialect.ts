/**
 * OpenAI's wording is also that of every path no other dialect claims.
 */
import type { Dialect } from "../../edge/Dialect.ts"
import { isRefusal } from "../../edge/EdgeError.ts"
import * as Errors from "../openai/OpenAiErrors.ts"
import { oneSegment } from "./Api.ts"

export const dialect: Dialect = {
  claims: () => true,
  route: oneSegment,
  respond: (problem) => Errors.respond(isRefusal(problem) ? Errors.fromRefusal(problem) : problem)
}
