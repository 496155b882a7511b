/**
 * Translates the items of an input into messages.
 */
import { Either } from "effect"
import type { Image, Message, ReasoningEffort, Role, ToolCall } from "../../../domain/Chat.ts"
import * as EitherFn from "../../../runtime/EitherFn.ts"
import type { Link, Loaded } from "../../chat/Images.ts"
import * as MessageContent from "../../chat/MessageContent.ts"
import { format as at, type Path } from "../../chat/SchemaIssue.ts"
import * as Errors from "../openai/OpenAiErrors.ts"
import { foreignCompaction, itemNotHeld, missingCallId } from "./Errors.ts"
import * as ClientTools from "./request/ClientTools.ts"
import * as Compaction from "./request/Compaction.ts"
import * as HostedItems from "./request/HostedItems.ts"
import * as Kinds from "./request/Kinds.ts"
import { isLoose, type Loose } from "./request/Loose.ts"
import { type Content, type Format, type Item, kinds } from "./request/Payload.ts"
import * as Tools from "./request/Tools.ts"

type Checked<A> = Kinds.Checked<A>

/** The items of a request, after those of the response that it continues; references are resolved. */
export interface Turn {
  /** Earlier items, which are known to be valid. */
  readonly before: ReadonlyArray<Loose>
  readonly now: ReadonlyArray<Loose>
  /** The field that holds the items, for error messages; default `input`. */
  readonly field?: string
}

export interface ReadOptions {
  readonly pictures: Loaded
  readonly named: ReadonlyArray<Tools.Named>
  /** Called for each kind that is left out. */
  readonly skip: Kinds.Skip
}

export const readItem = Kinds.reader("input", kinds.items)
const readReference = Kinds.reader("input", { item_reference: kinds.reference })
const readPart = Kinds.reader("input.content", kinds.parts)

const roles: Record<Extract<Item, { role: string }>["role"], Role> = {
  system: "system",
  developer: "system",
  user: "user",
  assistant: "assistant"
}

const imageParam = (path: Path) => at([...path, "image_url"])

/** Items of earlier turns have negative indices. */
const numbered = ({ before, field = "input", now }: Turn): ReadonlyArray<readonly [Loose, Path]> =>
  [...before, ...now].map((item, i) => [item, [field, i - before.length]] as const)

/** The pictures of a request with their places; nothing else is validated. */
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

/** The tools within the input. */
export const tools = (turn: Turn): ReadonlyArray<Tools.Found> =>
  numbered(turn).flatMap(([item, path]) => {
    const { tools, type } = item
    if (typeof type !== "string" || !TOOLS_IN.has(type) || !Array.isArray(tools)) return []
    return [{ tools: tools.filter(isLoose), path: [...path, "tools"] }]
  })

/** Whether a summary is requested in place of an answer, as Codex does. */
export const wantsCompaction = ({ now }: Turn): boolean => now.some(({ type }) => type === "compaction_trigger")

const toPart = (part: unknown): unknown =>
  isLoose(part) && part["type"] === "input_image"
    ? { ...part, image_url: part["image_url"] ?? null, detail: part["detail"] ?? "auto" }
    : part

/** What users said, which a summary does not stand for: as items are told, with an id and their content in parts. */
export const ofUsers = ({ before, now }: Turn, newId: (prefix: "msg") => string): ReadonlyArray<Loose> =>
  [...before, ...now].flatMap((item): ReadonlyArray<Loose> => {
    const { content, id, role } = item
    if (role !== "user" || kindOf(item) !== "message") return []
    const parts = typeof content === "string" ? [{ type: "input_text", text: content }] : content
    return [
      {
        ...item,
        id: typeof id === "string" ? id : newId("msg"),
        type: "message",
        status: "completed",
        content: Array.isArray(parts) ? parts.map(toPart) : []
      }
    ]
  })

const RESULT = /_output$/
const idsOf = ({ call_id, id, type }: Loose): ReadonlyArray<unknown> =>
  type === "local_shell_call" ? [call_id, id] : [call_id]

/**
 * A result of a call that the conversation does not have. Who sends a conversation whole may have cut it, and is not
 * asked; who goes on from a response has named all of it.
 */
export const strayResult = ({ before, now }: Turn): Path | undefined => {
  const isResult = ({ type }: Loose) => typeof type === "string" && RESULT.test(type)
  const calls = new Set([...before, ...now].filter((item) => !isResult(item)).flatMap(idsOf))
  const at = now.findIndex(
    (item) => isResult(item) && typeof item["call_id"] === "string" && !calls.has(item["call_id"])
  )
  return at < 0 ? undefined : ["input", at, "call_id"]
}

/** The result of a tool search for the model: the names that it may call from now on. */
const foundText = (tools: ReadonlyArray<Loose>, flatName: ReturnType<typeof Tools.flatNames>): string => {
  const nameOf = (tool: unknown, namespace?: string) =>
    isLoose(tool) && typeof tool["name"] === "string" ? [flatName(tool["name"], namespace)] : []
  const names = tools.flatMap((tool) =>
    Array.isArray(tool["tools"])
      ? tool["tools"].flatMap((one: unknown) => nameOf(one, String(tool["name"])))
      : nameOf(tool)
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
    if (part === undefined) {
      built.text(`[content of a kind that cannot be shown here: ${Kinds.nameOf(written)}]`)
      continue
    }
    if (part.type === "input_image") built.image(yield* toImage(pictures, here))
    else if (part.type === "refusal") built.text(part.refusal)
    else if (part.type === "input_file" || part.type === "input_audio") {
      yield* Either.left(Errors.unsupported(at(here), `Parts of type '${part.type}' are not supported.`))
    } else built.text(part.text)
  }
  return built.content()
})

/** An item without a type is a message, or a reference if it has an id and no role. */
export const kindOf = (item: Loose): string =>
  Kinds.kindOf(item, "role" in item || !("id" in item) ? "message" : "item_reference")

const notHeld = (path: Path): Errors.Failure => itemNotHeld(at([...path, "id"]))

/** The ids of what is referred to. */
export const references = (items: ReadonlyArray<Loose>): ReadonlyArray<string> =>
  items.flatMap((item) => (kindOf(item) === "item_reference" && typeof item["id"] === "string" ? [item["id"]] : []))

/** The item itself, or the stored one that it refers to. */
export const resolved = (given: Loose, path: Path, held: (id: string) => Loose | undefined): Checked<Loose> => {
  const kind = kindOf(given)
  if (kind !== "item_reference") return Either.right(given)
  return Either.flatMap(
    readReference(given, kind, path, () => {}),
    (reference) => Either.fromNullable(reference === undefined ? undefined : held(reference.id), () => notHeld(path))
  )
}

/** Builds the messages; calls are added to the assistant's message before them. */
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

/** Settings of the answer from the last `configuration_update` items. */
export interface Configuration {
  effort?: ReasoningEffort
  format?: Format
}

interface Read {
  readonly messages: ReadonlyArray<Message>
  readonly configuration: Configuration
}

const summaryOf = (content: string, path: Path): Checked<Message> =>
  Either.fromNullable(Compaction.decode(content), () => foreignCompaction(at([...path, "encrypted_content"]))).pipe(
    Either.map(Compaction.told)
  )

export const read = EitherFn.fn(function* (turn: Turn, options: ReadOptions): EitherFn.Return<Read, Errors.Failure> {
  const { named, skip } = options
  const { call, messages, say } = conversation()
  const flatName = Tools.flatNames(named)
  const configuration: Configuration = {}
  /** Call ids by item id, for results that refer to the item. */
  const calls = new Map<string, string>()
  for (const [written, path] of numbered(turn)) {
    const kind = kindOf(written)
    if (HostedItems.isHosted(kind)) {
      say(HostedItems.roleOf(kind), MessageContent.plain(HostedItems.markOf(kind, written)))
      continue
    }
    const item = yield* readItem(written, kind, path, skip)
    switch (item?.type) {
      // Earlier thoughts are not sent upstream; tools and requests for a summary are read elsewhere.
      case "reasoning":
      case "additional_tools":
      case "compaction_trigger":
        break
      case "configuration_update":
        if (item.reasoning?.effort) configuration.effort = item.reasoning.effort
        if (item.text?.format) configuration.format = item.text.format
        break
      case "compaction":
      case "compaction_summary":
        messages.push(yield* summaryOf(item.encrypted_content, path))
        break
      case "tool_search_call": {
        const args = typeof item.arguments === "string" ? item.arguments : JSON.stringify(item.arguments)
        call({ id: item.call_id ?? Tools.SEARCH, name: flatName(Tools.SEARCH), arguments: args })
        break
      }
      case "tool_search_output":
        say("tool", MessageContent.plain(foundText(item.tools, flatName)), item.call_id ?? Tools.SEARCH)
        break
      case "local_shell_call":
        if (item.id) calls.set(item.id, item.call_id)
        call(ClientTools.callOf(item))
        break
      case "shell_call":
      case "apply_patch_call":
        call(ClientTools.callOf(item))
        break
      case "local_shell_call_output": {
        const id = item.call_id ?? item.id
        if (!id) return yield* Either.left(missingCallId(path))
        say("tool", MessageContent.plain(ClientTools.outputOf(item)), calls.get(id) ?? id)
        break
      }
      case "shell_call_output":
      case "apply_patch_call_output":
        say("tool", MessageContent.plain(ClientTools.outputOf(item)), item.call_id)
        break
      case "function_call_output":
      case "custom_tool_call_output":
        say("tool", yield* toSaid(item.output, [...path, "output"], options), item.call_id)
        break
      case "function_call":
        call({ id: item.call_id, name: flatName(item.name, item.namespace), arguments: item.arguments })
        break
      case "custom_tool_call":
        call({ id: item.call_id, name: flatName(item.name, item.namespace), arguments: item.input })
        break
      default:
        if (item !== undefined && "role" in item) {
          say(roles[item.role], yield* toSaid(item.content ?? "", [...path, "content"], options))
        }
    }
  }
  return { messages, configuration }
})
