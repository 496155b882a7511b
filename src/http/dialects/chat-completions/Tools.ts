/**
 * Translates tools, tool choice and response format, in current and deprecated form.
 */
import { Either } from "effect"
import { noTools, type OutputFormat, type Tool, type ToolChoice, type Toolset } from "../../../domain/Chat.ts"
import * as EitherFn from "../../../runtime/EitherFn.ts"
import * as FieldSupport from "../../chat/FieldSupport.ts"
import * as HostedTools from "../openai/HostedTools.ts"
import * as Errors from "../openai/OpenAiErrors.ts"
import * as OpenAiTools from "../openai/OpenAiTools.ts"
import type { ChatCompletionRequest, NamedTool, Tool as PayloadTool } from "./Payload.ts"

type Checked<A> = Either.Either<A, Errors.Failure>

/** How calls are encoded in the response. */
export interface CallShape {
  /** Deprecated `function_call` in place of `tool_calls`. */
  readonly legacy: boolean
  /** Names of custom tools, which take free text. */
  readonly custom: ReadonlySet<string>
}

export const shapeOf = ({ functions, tools }: ChatCompletionRequest): CallShape => ({
  legacy: (functions ?? []).length > 0,
  custom: new Set((tools ?? []).flatMap((tool) => (tool.type === "custom" ? [tool.custom.name] : [])))
})

const ofTool = (tool: PayloadTool): Tool | undefined => {
  if (tool.type === "function") return OpenAiTools.ofFunction(tool.function)
  if (tool.type !== "custom") return undefined
  const { format } = tool.custom
  return OpenAiTools.ofCustom(tool.custom, format?.type === "grammar" ? format.grammar : undefined)
}

/** Tools of OpenAI's own that were asked for: what the model is to know of them, and how they are named to the client. */
export const missing = ({ tools, web_search_options: search }: ChatCompletionRequest) => {
  const gathered = HostedTools.gather()
  const leftOut = new Set<string>()
  if (search) gathered.add("web_search")
  for (const { type } of tools ?? []) {
    if (type === "function" || type === "custom") continue
    gathered.add(type)
    leftOut.add(FieldSupport.within("tools", type))
  }
  return { told: gathered.told(), leftOut: [...leftOut] }
}

const nameOf = (named: NamedTool): string => (named.type === "function" ? named.function.name : named.custom.name)

const list = ({ functions, tools }: ChatCompletionRequest): ReadonlyArray<OpenAiTools.Listed> => [
  ...(tools ?? []).flatMap((written, i) => {
    const tool = ofTool(written)
    return tool === undefined ? [] : [{ tool, at: `tools[${i}].${written.type}` }]
  }),
  ...(functions ?? []).map((tool, i) => ({ tool: OpenAiTools.ofFunction(tool), at: `functions[${i}]` }))
]

const isThere = (tools: ReadonlyArray<Tool>, named: NamedTool): boolean =>
  tools.some(({ kind, name }) => kind === named.type && name === nameOf(named))

type Chosen = Pick<Toolset, "tools" | "choice">

type Choice = NonNullable<ChatCompletionRequest["tool_choice"]>
type HostedChoice = Exclude<Choice, string | { type: "function" | "custom" | "allowed_tools" }>

const isHosted = (choice: Exclude<Choice, string>): choice is HostedChoice =>
  choice.type !== "function" && choice.type !== "custom" && choice.type !== "allowed_tools"

const choose = (
  tools: ReadonlyArray<Tool>,
  { tool_choice: choice, tools: written }: ChatCompletionRequest
): Checked<Chosen> => {
  const asked = written ?? []
  const absent = (param: string) =>
    Either.left(Errors.invalid(param, `Invalid value for '${param}': no such tool in 'tools'.`))
  if (choice === null || choice === undefined || choice === "auto" || choice === "none") {
    return Either.right({ tools, choice: choice ?? "auto" })
  }
  const [hosted] = asked.filter(({ type }) => type !== "function" && type !== "custom")
  if (tools.length === 0) {
    return Either.left(
      hosted === undefined
        ? Errors.choiceWithoutTools("tool_choice", "tools")
        : HostedTools.forced("tool_choice", hosted.type)
    )
  }
  if (choice === "required") return Either.right({ tools, choice })
  if (isHosted(choice)) return Either.left(HostedTools.forced("tool_choice", choice.type))
  if (choice.type !== "allowed_tools") {
    return isThere(tools, choice)
      ? Either.right({ tools, choice: { name: nameOf(choice) } })
      : absent(`tool_choice.${choice.type}.name`)
  }
  const { mode, tools: allowed } = choice.allowed_tools
  const wrong = allowed.findIndex((named) => !isThere(tools, named))
  if (wrong >= 0) return absent(`tool_choice.allowed_tools.tools[${wrong}]`)
  const names = new Set(allowed.map(nameOf))
  return Either.right({ tools: tools.filter(({ name }) => names.has(name)), choice: mode })
}

/** The deprecated form: at most one call. */
const chooseFunction = (
  tools: ReadonlyArray<Tool>,
  choice: ChatCompletionRequest["function_call"]
): Checked<ToolChoice> => {
  if (choice === null || choice === undefined || typeof choice === "string") return Either.right(choice ?? "auto")
  if (tools.length === 0) return Either.left(Errors.choiceWithoutTools("function_call", "functions"))
  return tools.some(({ name }) => name === choice.name)
    ? Either.right({ name: choice.name })
    : Either.left(
        Errors.invalid("function_call.name", "Invalid value for 'function_call.name': no such function in 'functions'.")
      )
}

const formatSchema = ({ response_format: format }: ChatCompletionRequest) =>
  format?.type === "json_schema" ? format.json_schema.schema : undefined

export const toToolset = EitherFn.fn(function* (
  payload: ChatCompletionRequest
): EitherFn.Return<Toolset, Errors.Failure> {
  const isNew = (payload.tools ?? []).length > 0 || (payload.tool_choice ?? undefined) !== undefined
  for (const old of ["functions", "function_call"] as const) {
    if (isNew && (payload[old] ?? undefined) !== undefined) {
      yield* Either.left(Errors.invalid(old, `'${old}' is not allowed beside 'tools' and 'tool_choice'.`))
    }
  }
  const tools = yield* OpenAiTools.checked(list(payload), formatSchema(payload))
  const chosen = isNew
    ? yield* choose(tools, payload)
    : { tools, choice: yield* chooseFunction(tools, payload.function_call) }
  if (chosen.tools.length === 0 || chosen.choice === "none") return noTools
  return { ...chosen, parallel: isNew && (payload.parallel_tool_calls ?? true) }
})

export const toFormat = ({ response_format: format }: ChatCompletionRequest): Checked<OutputFormat> => {
  if (format?.type !== "json_schema") return Either.right({ type: format?.type ?? "text" })
  return OpenAiTools.ofSchema(format.json_schema, "response_format.json_schema.schema")
}
