/**
 * Translates `@effect/ai` options into the neutral chat request. Pure.
 */
import * as AiError from "@effect/ai/AiError"
import type * as LanguageModel from "@effect/ai/LanguageModel"
import type * as Prompt from "@effect/ai/Prompt"
import * as Tool from "@effect/ai/Tool"
import { Array as Arr, Either, Encoding } from "effect"
import * as Chat from "../domain/Chat.ts"
import * as EitherFn from "../runtime/EitherFn.ts"

export interface RequestOptions {
  /** Model name as in the API; default: `auto`. */
  readonly model?: string | undefined
  /** Max tokens of an answer, reasoning included. */
  readonly maxTokens?: number | undefined
  /** Stop sequences. */
  readonly stop?: ReadonlyArray<string> | undefined
  readonly effort?: Chat.ReasoningEffort | undefined
  /** Session id: requests with the same one go to the same instance. */
  readonly session?: string | undefined
}

type Asked = Pick<LanguageModel.ProviderOptions, "prompt" | "responseFormat" | "toolChoice" | "tools">
type Checked<A> = Either.Either<A, AiError.MalformedInput>

const malformed = (description: string) =>
  Either.left(new AiError.MalformedInput({ module: "LingmaLanguageModel", method: "toRequest", description }))

const DATA_URL = /^data:image\/[a-z]+;base64,/i
const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/
const KINDS = new Set(["image/png", "image/jpeg", "image/webp", "image/gif"])

const toImage = (part: Prompt.FilePart): Checked<Chat.Image> => {
  const mediaType = part.mediaType === "image/*" ? "image/jpeg" : part.mediaType.replace("jpg", "jpeg")
  if (!KINDS.has(mediaType)) return malformed(`files of type '${part.mediaType}' are not taken`)
  if (part.data instanceof Uint8Array) return Either.right({ mediaType, data: Encoding.encodeBase64(part.data) })
  const data = String(part.data).replace(DATA_URL, "")
  return BASE64.test(data)
    ? Either.right({ mediaType, data })
    : malformed("pictures are taken as bytes, base64 or data: URLs; addresses are not fetched")
}

const toText = (value: unknown): string => (typeof value === "string" ? value : (JSON.stringify(value) ?? ""))

const textOf = (parts: ReadonlyArray<Prompt.Part>): string =>
  parts.flatMap((part) => (part.type === "text" ? [part.text] : [])).join("\n")

/** Reasoning of earlier turns is left out. */
const toMessages = (message: Prompt.Message): Checked<ReadonlyArray<Chat.Message>> => {
  switch (message.role) {
    case "system":
      return Either.right([Chat.message("system", message.content)])
    case "user": {
      const files = message.content.filter((part) => part.type === "file")
      return Either.map(Either.all(files.map(toImage)), (images) => [
        Chat.message("user", textOf(message.content), { images })
      ])
    }
    case "assistant": {
      const toolCalls = message.content.flatMap((part) =>
        part.type === "tool-call" ? [{ id: part.id, name: part.name, arguments: toText(part.params) }] : []
      )
      return Either.right([Chat.message("assistant", textOf(message.content), { toolCalls })])
    }
    case "tool":
      return Either.right(
        message.content.map(({ id, result }) => Chat.message("tool", toText(result), { toolCallId: id }))
      )
  }
}

const toTool = (tool: Tool.Any): Checked<Chat.Tool> =>
  Tool.isProviderDefined(tool)
    ? malformed(`'${tool.name}' is a tool of another provider`)
    : Either.right({
        kind: "function",
        name: tool.name,
        description: tool.description ?? Tool.getDescriptionFromSchemaAst(tool.parametersSchema.ast),
        parameters: { ...Tool.getJsonSchemaFromSchemaAst(tool.parametersSchema.ast) },
        // A toolkit cannot handle arguments that break its schema, so such a call stays text.
        strict: true
      })

/** `@effect/ai` has already narrowed the tools if the choice names some. */
const toChoice = (choice: Asked["toolChoice"]): Chat.ToolChoice => {
  if (typeof choice === "string") return choice
  return "tool" in choice ? { name: String(choice.tool) } : (choice.mode ?? "auto")
}

const toFormat = (format: Asked["responseFormat"]): Chat.OutputFormat =>
  format.type === "text"
    ? format
    : {
        type: "json_schema",
        name: format.objectName,
        schema: { ...Tool.getJsonSchemaFromSchemaAst(format.schema.ast) },
        strict: true
      }

export const toRequest = EitherFn.fn(function* (
  asked: Asked,
  { session, ...options }: RequestOptions,
  stream: boolean
) {
  const messages = (yield* Either.all(asked.prompt.content.map(toMessages))).flat()
  if (!Arr.isNonEmptyReadonlyArray(messages)) return yield* malformed("the prompt is empty")
  const tools = yield* Either.all(asked.tools.map(toTool))
  return Chat.request({
    model: options.model ?? "auto",
    messages,
    session,
    toolset: tools.length === 0 ? Chat.noTools : { tools, choice: toChoice(asked.toolChoice), parallel: true },
    format: toFormat(asked.responseFormat),
    stop: options.stop ?? [],
    maxTokens: options.maxTokens,
    effort: options.effort,
    origin: { dialect: "embedded", stream }
  })
})
