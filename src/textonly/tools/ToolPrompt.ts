/**
 * Prompt text about tools: their list, the syntax of calls, and earlier calls.
 */
import { Either } from "effect"
import type { Tool, ToolCall, Toolset } from "../../domain/Chat.ts"
import { CALL, CALL_END, FUNCTION, FUNCTION_END, type Grammar, PARAMETER, PARAMETER_END } from "../forms/Markup.ts"
import * as Descriptions from "./Descriptions.ts"
import type { Problem } from "./ToolCalls.ts"

export type { Grammar } from "../forms/Markup.ts"

/** Max tokens of all descriptions together; schemas are never truncated. */
const BUDGET = 12_000

const FREE_TEXT = { type: "object", properties: { input: { type: "string" } }, required: ["input"] }

const isActive = ({ choice, tools }: Toolset) => choice !== "none" && tools.length > 0

const schemaOf = (tool: Tool) => (tool.kind === "custom" ? FREE_TEXT : tool.parameters)

const described = (name: string, description: string | undefined, tool: Tool): string =>
  JSON.stringify({ name, ...(description ? { description } : {}), parameters: schemaOf(tool) })

const example: Readonly<Record<Grammar, string>> = {
  xml: [
    CALL,
    `${FUNCTION}TOOL_NAME>`,
    `${PARAMETER}PARAMETER_NAME>`,
    "VALUE",
    PARAMETER_END,
    FUNCTION_END,
    CALL_END
  ].join("\n"),
  hermes: [CALL, '{"name": "TOOL_NAME", "arguments": {"PARAMETER_NAME": VALUE}}', CALL_END].join("\n")
}

const values: Readonly<Record<Grammar, string>> = {
  xml: `One ${PARAMETER}…> block for each argument, and always for the required ones. Text is written as it is, over as many lines as it has, without quotes and without escapes; numbers, booleans, null, arrays and objects are written as JSON.`,
  hermes: "The arguments are one JSON object: required ones are always there, and text in it is escaped as JSON wants."
}

const choiceRule = ({ choice }: Toolset): string =>
  choice === "required"
    ? "In this answer you must call a tool."
    : typeof choice === "object"
      ? `In this answer you must call the tool ${JSON.stringify(choice.name)}, and no other.`
      : "Call a tool when you need it; when you do not, answer in plain text without this markup."

const parallelRule = ({ parallel }: Toolset): string =>
  parallel
    ? `Several calls in one answer are allowed: one ${CALL} block for each, one after the other.`
    : "Make at most one call in an answer, and wait for its result."

/** Part of the system text; "" if there are no tools. */
export const instructions = (toolset: Toolset, grammar: Grammar, budget: number = BUDGET): string => {
  if (!isActive(toolset)) return ""
  const { tools } = toolset
  const descriptions = Descriptions.fit(
    tools.map(({ description }) => description ?? ""),
    budget
  )
  return [
    "# Tools",
    "",
    "You can call the tools listed here. Each line gives a tool's name, its description and the JSON Schema of its arguments.",
    "",
    "<tools>",
    ...tools.map((tool, index) => described(tool.name, descriptions[index], tool)),
    "</tools>",
    "",
    "To call a tool, write:",
    "",
    example[grammar],
    "",
    "Rules:",
    "- Names of tools and parameters are written exactly as they are listed.",
    `- ${values[grammar]}`,
    `- ${choiceRule(toolset)}`,
    `- ${parallelRule(toolset)}`,
    "- What you want to say comes before the calls; after the last one you stop. The results come back in <tool_response> blocks; never write one yourself.",
    "- Write this markup only to call a tool, and not in a code block. To show it to the user, put it in backticks."
  ].join("\n")
}

/** Appended to the last turn if a call is required; else "". */
export const reminder = (toolset: Toolset): string => {
  if (!isActive(toolset) || toolset.choice === "auto") return ""
  return `${choiceRule(toolset)} Answer with the ${CALL} block itself.`
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value)

const json = (text: string): Either.Either<unknown, unknown> => Either.try((): unknown => JSON.parse(text))

const inJson = (name: string, args: string): string =>
  `${CALL}\n{"name": ${JSON.stringify(name)}, "arguments": ${args}}\n${CALL_END}`

/** Markup in a value that could be mistaken for the surrounding call. */
const MARKUP = /<\/?(?:function|parameter|invoke)\b/i

const inXml = (name: string, entries: ReadonlyArray<readonly [string, string]>): string | undefined => {
  // Values that the XML syntax cannot represent are written in the other one, which is parsed as well.
  const isHard = ([key, value]: readonly [string, string]) =>
    /[<>\n]/.test(key) || key !== key.trim() || key === "" || MARKUP.test(value)
  if (/[<>\n]/.test(name) || entries.some(isHard)) return undefined
  const parameters = entries.map(([key, value]) => `${PARAMETER}${key}>\n${value}\n${PARAMETER_END}\n`)
  return `${CALL}\n${FUNCTION}${name}>\n${parameters.join("")}${FUNCTION_END}\n${CALL_END}`
}

/** An earlier call in the prompted syntax; `tool`: undefined if it is no longer declared. */
export const call = ({ arguments: args, name }: ToolCall, tool: Tool | undefined, grammar: Grammar): string => {
  if (tool?.kind === "custom") {
    const own = grammar === "xml" ? inXml(name, [["input", args]]) : undefined
    return own ?? inJson(name, JSON.stringify({ input: args }))
  }
  const parsed = args.trim() === "" ? Either.right({}) : json(args)
  if (Either.isLeft(parsed) || !isObject(parsed.right)) return inJson(name, JSON.stringify(args))
  const entries = Object.entries(parsed.right).map(
    ([key, value]) => [key, typeof value === "string" ? value : JSON.stringify(value)] as const
  )
  const own = grammar === "xml" ? inXml(name, entries) : undefined
  return own ?? inJson(name, args.trim() === "" ? "{}" : args)
}

const wrong = (problem: Problem | undefined): string => {
  if (problem === undefined) return "There was no call in your answer, but one is needed."
  const { detail, name, reason } = problem
  const which = name === undefined ? "Your call" : `Your call of ${JSON.stringify(name)}`
  const what: Readonly<Record<Problem["reason"], string>> = {
    unknown_tool: "names a tool that does not exist",
    unparsable: "cannot be read",
    invalid_arguments: "has arguments that do not fit the tool's schema",
    unclosed: "is incomplete"
  }
  return `${which} ${what[reason]}: ${detail}.`
}

/** Asks for the call again; `problem`: undefined if a required call was missing. */
export const hint = (problem: Problem | undefined, toolset: Toolset, grammar: Grammar): string => {
  const tool =
    problem?.tool ??
    toolset.tools.find(({ name }) => typeof toolset.choice === "object" && name === toolset.choice.name)
  return [
    wrong(problem),
    tool === undefined
      ? `The tools are: ${toolset.tools.map(({ name }) => JSON.stringify(name)).join(", ")}.`
      : `The JSON Schema of the arguments of ${JSON.stringify(tool.name)}: ${JSON.stringify(schemaOf(tool))}`,
    `Nothing was run. Write the call again, whole, in this form and with nothing else:\n\n${example[grammar]}`,
    values[grammar]
  ].join("\n")
}
