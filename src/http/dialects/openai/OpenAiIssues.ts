/**
 * Messages for invalid request fields, in OpenAI's style.
 */
import { format, type Issue, type Kind, type Rule } from "../../chat/SchemaIssue.ts"
import { badRequest, type Failure, NO_MESSAGES, NOT_JSON } from "./OpenAiFailure.ts"

const article = (kind: Kind) => (/^[aeio]/.test(kind) ? `an ${kind}` : kind === "null" ? "null" : `a ${kind}`)
const oneOf = (kinds: ReadonlyArray<Kind>) =>
  kinds.length === 1 ? article(kinds[0]!) : `one of ${kinds.map(article).join(" or ")}`

const limitCode = (rule: Rule, kind: Kind, limit: number | string): string => {
  if (rule === "minItems") return limit === 1 ? "empty_array" : "array_below_min_length"
  if (rule === "maxItems") return "array_above_max_length"
  if (rule === "minLength") return limit === 1 ? "empty_string" : "string_below_min_length"
  if (rule === "maxLength") return "string_above_max_length"
  if (rule === "maxProperties") return "object_above_max_properties"
  if (rule === "maxNameLength") return "property_name_above_max_length"
  const number = kind === "integer" ? "integer" : "decimal"
  return rule === "minimum"
    ? `${number}_below_min_value`
    : rule === "maximum"
      ? `${number}_above_max_value`
      : "invalid_value"
}

const limitText: Record<Rule, (limit: number | string) => string> = {
  minimum: (limit) => `expected a value >= ${limit}`,
  maximum: (limit) => `expected a value <= ${limit}`,
  minLength: (limit) => `expected a string with minimum length ${limit}`,
  maxLength: (limit) => `expected a string with maximum length ${limit}`,
  minItems: (limit) => `expected an array with minimum length ${limit}`,
  maxItems: (limit) => `expected an array with maximum length ${limit}`,
  maxProperties: (limit) => `expected an object with at most ${limit} properties`,
  maxNameLength: (limit) => `expected names of properties with maximum length ${limit}`,
  pattern: (limit) => `expected a string that matches the pattern '${limit}'`
}

export const fromIssue = (issue: Issue): Failure => {
  const param = format(issue.path)
  if (param === "" && issue._tag === "WrongKind") return badRequest(NOT_JSON, null, null)
  switch (issue._tag) {
    case "Missing":
      return badRequest(`Missing required parameter: '${param}'.`, param, "missing_required_parameter")
    case "WrongKind":
      return badRequest(
        `Invalid type for '${param}': expected ${oneOf(issue.expected)}, but got ${article(issue.actual)} instead.`,
        param,
        "invalid_type"
      )
    case "NotAmong":
      return badRequest(
        `Invalid value for '${param}'. Supported values are: ${issue.supported.map((name) => `'${name}'`).join(", ")}.`,
        param,
        "invalid_value"
      )
    case "Limit":
      return badRequest(
        param === "messages" && issue.rule === "minItems"
          ? NO_MESSAGES
          : `Invalid '${param}': ${limitText[issue.rule](issue.limit)}.`,
        param,
        limitCode(issue.rule, issue.kind, issue.limit)
      )
  }
}
