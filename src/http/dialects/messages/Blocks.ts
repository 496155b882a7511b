/**
 * The messages of a request, block by block, as the neutral ones.
 *
 * A user message may hold results of tools and words: it becomes one message for each result and one for the words
 * between them, in the order given. Earlier thoughts are left out: a model is not told its own.
 */
import { Either } from "effect"
import type { Image, Message, Role, ToolCall } from "../../../domain/Chat.ts"
import * as EitherFn from "../../../runtime/EitherFn.ts"
import type { Link } from "../../chat/Images.ts"
import * as MessageContent from "../../chat/MessageContent.ts"
import { dotted, type Path } from "../../chat/SchemaIssue.ts"
import * as Errors from "./Errors.ts"
import type { Block, Known, Message as PayloadMessage, ResultBlock } from "./Payload.ts"

type Checked<A> = Either.Either<A, Errors.Failure>

/** Whoever reads the blocks: what is left out is told, by kind, and pictures are asked for. */
export interface Reader {
  readonly skip: (kind: string) => void
  readonly picture: (link: Link) => Image | undefined
}

const FILE = "Files are not kept here; send the image itself as base64"

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

const toDocument = EitherFn.fn(function* (
  block: Known<"document">,
  into: MessageContent.Builder,
  path: Path,
  reader: Reader
): EitherFn.Return<void, Errors.Failure> {
  const { context, source, title } = block
  const inner = MessageContent.make()
  if (source.type === "text") inner.text(source.data)
  else if (source.type === "base64" && source.media_type.startsWith("text/")) inner.text(decoded(source.data))
  else if (source.type === "content" && typeof source.content === "string") inner.text(source.content)
  else if (source.type === "content" && typeof source.content !== "string")
    for (const [i, part] of source.content.entries())
      yield* add(part, inner, [...path, "source", "content", "content", i, part.type], reader)
  else {
    reader.skip(source.type === "base64" ? `document of type ${source.media_type}` : `document by ${source.type}`)
    inner.text("(this document could not be read here)")
  }
  const head = [title, context].filter((line) => line !== undefined && line !== null && line !== "")
  into.nested(inner.content(), ["<document>", ...head, ""].join("\n"), "\n</document>")
})

/** What a message and the result of a tool may both hold. */
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
      const text = block.content.map((part) => part.text).join("\n")
      into.text(`<search_result>\n${block.title}\n${block.source}\n${text}\n</search_result>`)
      return Either.void
    }
    case "other":
      reader.skip(`block ${block.kind}`)
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

const toCall = ({ id, input, name }: Known<"tool_use">): ToolCall => ({
  id,
  name,
  arguments: JSON.stringify(input ?? {})
})

const toBlocks = EitherFn.fn(function* (role: Role, blocks: ReadonlyArray<Block>, path: Path, reader: Reader) {
  const messages: Array<Message> = []
  let built = MessageContent.make()
  let calls: Array<ToolCall> = []
  const flush = () => {
    if (built.isEmpty() && calls.length === 0) return
    messages.push({ role, ...built.content(), toolCalls: calls, toolCallId: undefined })
    built = MessageContent.make()
    calls = []
  }
  for (const [i, block] of blocks.entries()) {
    const here = [...path, i, block.type]
    if (block.type === "tool_use") {
      if (role === "assistant") calls.push(toCall(block))
      else reader.skip(`block tool_use of ${role}`)
    } else if (block.type === "tool_result") {
      flush()
      messages.push(yield* toResult(block, here, reader))
    } else yield* add(block, built, here, reader)
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
