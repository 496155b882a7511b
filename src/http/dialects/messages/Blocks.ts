/**
 * Translates the messages of a request, block by block, into neutral messages.
 *
 * A user message with tool results and text becomes one message per result and one per text between them, in the given
 * order; so does an assistant message with results of the service's own tools. Earlier thoughts are left out, because
 * models are not sent their own.
 */
import { Either } from "effect"
import type { Image, Message, Role, ToolCall } from "../../../domain/Chat.ts"
import * as EitherFn from "../../../runtime/EitherFn.ts"
import * as FieldSupport from "../../chat/FieldSupport.ts"
import type { Link } from "../../chat/Images.ts"
import * as MessageContent from "../../chat/MessageContent.ts"
import { dotted, type Path } from "../../chat/SchemaIssue.ts"
import type * as Documents from "../../chat/sources/Documents.ts"
import * as Errors from "./Errors.ts"
import type { Block, Known, Message as PayloadMessage, ResultBlock } from "./request/Payload.ts"
import * as ServerResults from "./request/ServerResults.ts"

type Checked<A> = Either.Either<A, Errors.Failure>

/** What the translation needs: a callback for what is left out, and the loaded pictures and documents. */
export interface Reader {
  readonly skip: (name: string) => void
  readonly picture: (link: Link) => Image | undefined
  /** Text of a document. */
  readonly document?: (link: Documents.Link) => string | undefined
  /** Whether a tool of this name is offered to the model. */
  readonly isOffered?: (name: string) => boolean
}

const FILE = "Files are not kept here; send the image itself as base64"
const NO_FILE = "Files are not kept here; send the document itself"
const NOT_TAKEN = {
  file: NO_FILE,
  url: "Documents are not fetched from addresses; send it as base64",
  base64: "Documents are taken as PDF or as text"
} as const
const PDF = /^application\/pdf\b/i
const NO_CITATIONS = "Citations are not made here; leave them off"

const addImage = (
  { source }: Known<"image">,
  into: MessageContent.Builder,
  path: Path,
  { picture }: Reader
): Checked<void> => {
  const param = dotted([...path, "source", source.type])
  if (source.type === "file") return Either.left(Errors.badRequest(`${param}: ${FILE}`))
  const image = picture(source.type === "url" ? { param, url: source.url } : { param, data: source.data })
  if (image !== undefined) into.image(image, param)
  return Either.void
}

const decoded = (data: string): string => Buffer.from(data, "base64").toString("utf8")

const cites = (block: Pick<Known<"document">, "citations">) => block.citations?.enabled === true

const noCitations = (path: Path) =>
  Either.left(Errors.badRequest(`${dotted([...path, "citations", "enabled"])}: ${NO_CITATIONS}`))

const toDocument = EitherFn.fn(function* (
  block: Known<"document">,
  into: MessageContent.Builder,
  path: Path,
  reader: Reader
): EitherFn.Return<void, Errors.Failure> {
  const { context, source, title } = block
  if (cites(block)) return yield* noCitations(path)
  const at = [...path, "source", source.type]
  const inner = MessageContent.make()
  if (source.type === "text") inner.text(source.data)
  else if (source.type === "base64" && source.media_type.startsWith("text/")) inner.text(decoded(source.data))
  else if (source.type === "content") {
    const parts =
      typeof source.content === "string" ? [{ type: "text" as const, text: source.content }] : source.content
    for (const [i, part] of parts.entries())
      yield* add(part, inner, [...path, "source", "content", "content", i, part.type], reader)
  } else if (source.type === "base64" && PDF.test(source.media_type))
    inner.text(reader.document?.({ param: dotted(at), data: source.data }) ?? "")
  else return yield* Either.left(Errors.badRequest(`${dotted(at)}: ${NOT_TAKEN[source.type]}`))
  const head = [title, context].filter((line) => line !== undefined && line !== null && line !== "")
  into.nested(inner.content(), ["<document>", ...head, ""].join("\n"), "\n</document>")
})

/** Blocks that are allowed in messages and in tool results. */
const add = (block: ResultBlock, into: MessageContent.Builder, path: Path, reader: Reader): Checked<void> => {
  switch (block.type) {
    case "text":
      into.text(block.text)
      return Either.void
    case "image":
      return addImage(block, into, path, reader)
    case "document":
      return toDocument(block, into, path, reader)
    case "search_result": {
      if (cites(block)) return noCitations(path)
      const text = block.content.map((part) => part.text).join("\n")
      into.text(`<search_result>\n${block.title}\n${block.source}\n${text}\n</search_result>`)
      return Either.void
    }
    case "tool_reference":
      into.text(
        reader.isOffered?.(block.tool_name) === false
          ? `The tool ${block.tool_name} is not available.`
          : `The tool ${block.tool_name} is available now.`
      )
      return Either.void
    case "other":
      reader.skip(FieldSupport.within("messages.content", block.kind))
      into.text("(a part of a kind that cannot be shown here was left out)")
      return Either.void
  }
}

const toResult = EitherFn.fn(function* (
  block: Known<"tool_result">,
  path: Path,
  reader: Reader
): EitherFn.Return<Message, Errors.Failure> {
  const built = MessageContent.make()
  if (block.is_error === true) built.text("The tool failed:")
  if (typeof block.content === "string") built.text(block.content)
  else
    for (const [i, part] of (block.content ?? []).entries())
      yield* add(part, built, [...path, "content", i, part.type], reader)
  return { role: "tool", ...built.content(), toolCalls: [], toolCallId: block.tool_use_id }
})

const toCall = ({ id, input, name }: Known<"tool_use" | "server_tool_use" | "mcp_tool_use">): ToolCall => ({
  id,
  name,
  arguments: JSON.stringify(input ?? {})
})

const toServerResult = ({ content, is_error: failed, tool_use_id: id, type }: Known<ServerResult>): Message => {
  const text = ServerResults.read(type, content)
  const told = failed === true ? `The tool failed:\n${text}` : text
  return { role: "tool", text: told, images: [], toolCalls: [], toolCallId: id }
}

type ServerResult = Extract<Block, { readonly content?: unknown; readonly tool_use_id: string }>["type"]

const toBlocks = EitherFn.fn(function* (
  role: Role,
  blocks: ReadonlyArray<Block>,
  path: Path,
  reader: Reader
): EitherFn.Return<ReadonlyArray<Message>, Errors.Failure> {
  const messages: Array<Message> = []
  let built = MessageContent.make()
  let calls: Array<ToolCall> = []
  const flush = () => {
    if (built.isEmpty() && calls.length === 0) return
    messages.push({ role, ...built.content(), toolCalls: calls, toolCallId: undefined })
    built = MessageContent.make()
    calls = []
  }
  const skip = (block: Block) => reader.skip(FieldSupport.within("messages.content", block.type))
  for (const [i, block] of blocks.entries()) {
    const here = [...path, i, block.type]
    switch (block.type) {
      case "tool_use":
      case "server_tool_use":
      case "mcp_tool_use":
        if (role === "assistant") calls.push(toCall(block))
        else skip(block)
        break
      case "tool_result":
        flush()
        messages.push(yield* toResult(block, here, reader))
        break
      case "thinking":
      case "redacted_thinking":
        break
      case "compaction":
        if (typeof block.content === "string") built.text(`Summary of the conversation so far:\n${block.content}`)
        break
      case "container_upload":
        return yield* Either.left(Errors.badRequest(`${dotted([...here, "file_id"])}: ${NO_FILE}`))
      case "tool_addition":
      case "tool_removal":
        if (block.tool.type === "other") skip(block)
        break
      case "text":
      case "image":
      case "document":
      case "search_result":
      case "tool_reference":
        yield* add(block, built, here, reader)
        break
      case "other":
        // The service's notes on its own answers mean nothing to this model.
        if (role === "assistant") reader.skip(FieldSupport.within("messages.content", block.kind))
        else yield* add(block, built, here, reader)
        break
      default:
        flush()
        messages.push(toServerResult(block))
    }
  }
  flush()
  return messages
})

export const toMessages = (
  { content, role }: PayloadMessage,
  index: number,
  reader: Reader
): Checked<ReadonlyArray<Message>> =>
  typeof content === "string"
    ? Either.right([{ role, text: content, images: [], toolCalls: [], toolCallId: undefined }])
    : toBlocks(role, content, ["messages", index, "content"], reader)
