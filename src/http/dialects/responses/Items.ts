/**
 * The items of an input as the messages of a conversation.
 */
import { Either } from "effect"
import type { Image, Message, Role, ToolCall } from "../../../domain/Chat.ts"
import * as EitherFn from "../../../runtime/EitherFn.ts"
import type { Link, Loaded } from "../../chat/Images.ts"
import * as MessageContent from "../../chat/MessageContent.ts"
import { format as at, type Path } from "../../chat/SchemaIssue.ts"
import * as Errors from "../openai/OpenAiErrors.ts"
import * as Compaction from "./Compaction.ts"
import { foreignCompaction, itemNotHeld } from "./Errors.ts"
import * as Kinds from "./Kinds.ts"
import { type Content, type Item, kinds, type Loose } from "./Payload.ts"
import * as Tools from "./Tools.ts"

type Checked<A> = Kinds.Checked<A>

/** The items of a request, after those of the response it goes on from. */
export interface Turn {
  /** They were read once and are good. */
  readonly before: ReadonlyArray<Loose>
  readonly now: ReadonlyArray<Loose>
}

export interface ReadOptions {
  readonly pictures: Loaded
  /** An item that is held here. */
  readonly held: (id: string) => Loose | undefined
  readonly named: ReadonlyArray<Tools.Named>
  /** Told of each kind that is not known. */
  readonly skip: (what: string) => void
}

const readItem = Kinds.reader("item", kinds.items)
const readPart = Kinds.reader("part", kinds.parts)

const roles: Record<Extract<Item, { role: string }>["role"], Role> = {
  system: "system",
  developer: "system",
  user: "user",
  assistant: "assistant"
}

const imageParam = (path: Path) => at([...path, "image_url"])

/** Items of earlier turns have numbers below zero. */
const numbered = ({ before, now }: Turn): ReadonlyArray<readonly [Loose, Path]> =>
  [...before, ...now].map((item, i) => [item, ["input", i - before.length]] as const)

const isLoose = (value: unknown): value is Loose => typeof value === "object" && value !== null

/** Where the pictures of a request are; whether all else is right is not looked at. */
export const links = (turn: Turn): ReadonlyArray<Link> =>
  numbered(turn).flatMap(([item, path]) =>
    ["content", "output"].flatMap((field) => {
      const parts = item[field]
      return !Array.isArray(parts)
        ? []
        : parts.flatMap((part: unknown, i): ReadonlyArray<Link> => {
            if (!isLoose(part) || part["type"] !== "input_image" || typeof part["image_url"] !== "string") return []
            return [{ param: imageParam([...path, field, i]), url: part["image_url"] }]
          })
    })
  )

const TOOLS_IN = new Set(["additional_tools", "tool_search_output"])

/** The tools that came with the input. */
export const tools = (turn: Turn): ReadonlyArray<Tools.Found> =>
  numbered(turn).flatMap(([item, path]) => {
    const { tools, type } = item
    if (typeof type !== "string" || !TOOLS_IN.has(type) || !Array.isArray(tools)) return []
    return [{ tools: tools.filter(isLoose), path: [...path, "tools"] }]
  })

/** Codex's wish for a summary in place of an answer. */
export const wantsCompaction = ({ now }: Turn): boolean => now.some(({ type }) => type === "compaction_trigger")

/** What users said, which a summary does not stand for. */
export const ofUsers = ({ before, now }: Turn): ReadonlyArray<Loose> =>
  [...before, ...now].filter((item) => item["role"] === "user" && kindOf(item) === "message")

/** What a model is told of a search: the names it may call from now on. */
const foundText = (tools: ReadonlyArray<Loose>): string => {
  const names = tools.flatMap((tool) =>
    Array.isArray(tool["tools"])
      ? tool["tools"].map((one: unknown) => (isLoose(one) ? one["name"] : ""))
      : [tool["name"]]
  )
  return names.length === 0 ? "No tool was found." : `These tools can be called now: ${names.join(", ")}`
}

const toImage = (pictures: Loaded, path: Path): Checked<Image> =>
  Either.fromNullable(pictures.get(imageParam(path)), () =>
    Errors.unsupported(imageParam(path), "Images are taken by 'image_url'; files are not held here.")
  )

const toSaid = EitherFn.fn(function* (
  content: Content,
  path: Path,
  { pictures, skip }: ReadOptions
): EitherFn.Return<MessageContent.MessageContent, Errors.Failure> {
  if (typeof content === "string") return MessageContent.plain(content)
  const built = MessageContent.make()
  for (const [i, written] of content.entries()) {
    const here = [...path, i]
    const part = yield* readPart(written, Kinds.kindOf(written, "input_text"), here, skip)
    if (part === undefined) continue
    if (part.type === "input_image") built.image(yield* toImage(pictures, here))
    else if (part.type === "refusal") built.text(part.refusal)
    else if (part.type === "input_file" || part.type === "input_audio") {
      yield* Either.left(Errors.unsupported(at(here), `Parts of type '${part.type}' are not supported.`))
    } else built.text(part.text)
  }
  return built.content()
})

/** An item without a type is a message, unless it is nothing but an id. */
const kindOf = (item: Loose): string =>
  Kinds.kindOf(item, "role" in item || !("id" in item) ? "message" : "item_reference")

type Reference = Extract<Item, { id: string }>
const isReference = (item: Item): item is Reference => "id" in item

const notHeld = (path: Path): Errors.Failure => itemNotHeld(at([...path, "id"]))

/** Calls join the assistant's message before them, as one turn. */
const conversation = () => {
  const messages: Array<Message> = []
  let calls: Array<ToolCall> | undefined
  const say = (role: Role, said: MessageContent.MessageContent, toolCallId?: string) => {
    const toolCalls: Array<ToolCall> = []
    messages.push({ role, ...said, toolCalls, toolCallId })
    calls = role === "assistant" ? toolCalls : undefined
  }
  const call = (made: ToolCall) => {
    if (calls === undefined) say("assistant", MessageContent.plain(""))
    calls?.push(made)
  }
  return { messages, say, call }
}

export const toMessages = EitherFn.fn(function* (
  turn: Turn,
  options: ReadOptions
): EitherFn.Return<ReadonlyArray<Message>, Errors.Failure> {
  const { held, named, skip } = options
  const { call, messages, say } = conversation()
  const flatName = Tools.flatNames(named)
  for (const [given, path] of numbered(turn)) {
    let item = yield* readItem(given, kindOf(given), path, skip)
    if (item !== undefined && isReference(item)) {
      const found = held(item.id)
      if (found === undefined) return yield* Either.left(notHeld(path))
      item = yield* readItem(found, kindOf(found), path, skip)
    }
    if (item === undefined || isReference(item)) continue
    if (item.type === "reasoning" || item.type === "additional_tools" || item.type === "compaction_trigger") continue
    if ("encrypted_content" in item) {
      const summary = Compaction.decode(item.encrypted_content)
      if (summary === undefined) return yield* Either.left(foreignCompaction(at([...path, "encrypted_content"])))
      messages.push(Compaction.told(summary))
      continue
    }
    if (item.type === "tool_search_call") {
      const args = typeof item.arguments === "string" ? item.arguments : JSON.stringify(item.arguments)
      call({ id: item.call_id ?? Tools.SEARCH, name: flatName(Tools.SEARCH, undefined), arguments: args })
      continue
    }
    if (item.type === "tool_search_output") {
      say("tool", MessageContent.plain(foundText(item.tools)), item.call_id ?? Tools.SEARCH)
      continue
    }
    if ("role" in item) {
      say(roles[item.role], yield* toSaid(item.content ?? "", [...path, "content"], options))
    } else if ("output" in item) {
      say("tool", yield* toSaid(item.output, [...path, "output"], options), item.call_id)
    } else {
      const name = flatName(item.name, item.namespace)
      call({ id: item.call_id, name, arguments: "input" in item ? item.input : item.arguments })
    }
  }
  return messages
})
