/**
 * Renders a conversation as the single prompt text that a text-only upstream accepts.
 */
import { type ChatRequest, isBlank, type Message, message, type Toolset } from "../domain/Chat.ts"
import * as TokenEstimate from "../tokens/TokenEstimate.ts"
import * as JsonOutput from "./JsonOutput.ts"
import * as Nonce from "./Nonce.ts"
import * as Marks from "./PromptMarks.ts"
import * as ToolPrompt from "./tools/ToolPrompt.ts"

type Messages = ReadonlyArray<Message>
type Asked = Pick<ChatRequest, "messages" | "toolset" | "format" | "affinity">
type Grammar = ToolPrompt.Grammar

export interface PromptOptions {
  /** Syntax of tool calls. */
  readonly grammar?: Grammar
  readonly nonces?: Nonce.Nonces
  /** The model has no vision: images are replaced by a note. */
  readonly withoutImages?: boolean
}

interface Context {
  readonly toolset: Toolset
  readonly grammar: Grammar
  readonly nonce: string
  readonly nameOf: ReadonlyMap<string, string>
  /** The marker of the next image. */
  readonly nextImage: () => string
}

/** The text with a marker line in place of each image. */
const withImages = ({ images, text }: Message, { nextImage }: Context): string => {
  let shown = ""
  let from = 0
  for (const { at = text.length } of images) {
    shown += text.slice(from, at)
    from = Math.max(from, at)
    shown += `${shown === "" || shown.endsWith("\n") ? "" : "\n"}${nextImage()}${from < text.length ? "\n" : ""}`
  }
  return shown + text.slice(from)
}

/** Instructions next to the conversation: available tools and output format. */
const instructions = ({ format, toolset }: Asked, grammar: Grammar): string =>
  [ToolPrompt.instructions(toolset, grammar), JsonOutput.instructions(format)]
    .filter((text) => text !== "")
    .join("\n\n")

/** A message under its marker. Assistant text that looks like calls is kept apart from actual calls. */
const turn = (message: Message, context: Context): ReadonlyArray<string> => {
  const { role, toolCallId, toolCalls } = message
  const { grammar, nameOf, nonce, toolset } = context
  const text = withImages(message, context)
  if (role === "tool" && toolCallId !== undefined) {
    const call = { id: toolCallId, name: nameOf.get(toolCallId) }
    return [`${Marks.turn(role, nonce)} ${Marks.result(call, text, nonce)}`]
  }
  const calls = toolCalls.map((call) =>
    ToolPrompt.call(
      call,
      toolset.tools.find(({ name }) => name === call.name),
      grammar
    )
  )
  if (role === "assistant" && Marks.holdsCalls(text)) {
    const quoted = `${Marks.turn(role, nonce, "text")} ${text}`
    return calls.length === 0 ? [quoted] : [quoted, `${Marks.turn(role, nonce)} ${calls.join("\n")}`]
  }
  return [`${Marks.turn(role, nonce)} ${[...(text.trim() === "" ? [] : [text]), ...calls].join("\n")}`]
}

/** Whether content looks like markers or calls: then the prompt explains how to distinguish them. */
const isDoubtful = (said: Messages): boolean =>
  said.some(({ role, text }) => Marks.holdsMarks(text) || (role !== "system" && Marks.holdsCalls(text)))

const occurrences = (text: string, word: string): number => {
  let count = 0
  for (let at = text.indexOf(word); at >= 0; at = text.indexOf(word, at + word.length)) count++
  return count
}

interface Parts {
  readonly asked: Asked
  readonly said: Messages
  readonly told: string
  readonly options: PromptOptions
}

/** The prompt with this nonce; undefined if the content contains it. */
const renderWith = ({ asked, options, said, told }: Parts, nonce: string): string | undefined => {
  const nameOf = new Map(said.flatMap(({ toolCalls }) => toolCalls.map(({ id, name }) => [id, name] as const)))
  const { grammar = "xml", withoutImages = false } = options
  let images = 0
  const nextImage = () => (withoutImages ? Marks.imageLeftOut : Marks.image)(++images, nonce)
  const context: Context = { toolset: asked.toolset, grammar, nonce, nameOf, nextImage }
  const lines = said.flatMap((message) => turn(message, context))
  // Counts the expected nonces: one per marker, two per result frame.
  const marks =
    lines.length + images + 2 * said.filter((one) => one.role === "tool" && one.toolCallId !== undefined).length
  if (lines.reduce((sum, line) => sum + occurrences(line, nonce), occurrences(told, nonce)) !== marks) return undefined
  const opening = said.findIndex(({ role }) => role !== "system")
  const system = [...(isDoubtful(said) ? [Marks.explained(nonce)] : []), ...(told === "" ? [] : [told])].join("\n\n")
  if (system !== "") {
    lines.splice(opening < 0 ? lines.length : opening, 0, `${Marks.turn("system", nonce)} ${system}`)
  }
  const reminder = ToolPrompt.reminder(asked.toolset)
  return [...lines, ...(reminder === "" ? [] : [reminder])].join("\n")
}

const anyNonces = Nonce.make()

/**
 * A single user message is sent unchanged; else each non-empty message follows a marker with its role. Content is never
 * modified; the markers contain a nonce that no content contains. Instructions follow the client's system messages.
 */
export const render = (asked: Asked, options: PromptOptions = {}): string => {
  const { grammar = "xml", nonces = anyNonces(asked.affinity) } = options
  const said = asked.messages.filter((message) => !isBlank(message))
  const told = instructions(asked, grammar)
  const [first] = said
  // A single image needs no marker.
  const isPlain = told === "" && said.length === 1 && first?.role === "user" && first.toolCalls.length === 0
  if (isPlain && first.images.length <= (options.withoutImages === true ? 0 : 1)) return first.text
  for (let attempt = 0; ; attempt++) {
    const prompt = renderWith({ asked, said, told, options }, nonces(attempt))
    if (prompt !== undefined) return prompt
  }
}

/** The conversation for a retry: adds the invalid answer and a hint about its error. */
export const followUp = <A extends Asked>(asked: A, said: string, hint: string): A => ({
  ...asked,
  messages: [...asked.messages, message("assistant", said), message("user", hint)]
})

/** Token count of a prompt, including message framing and a flat rate per image. */
export const tokens = (
  prompt: string,
  messages: Messages,
  count: (text: string) => number,
  { withoutImages = false }: Pick<PromptOptions, "withoutImages"> = {}
): number =>
  count(prompt) +
  TokenEstimate.PER_MESSAGE * messages.length +
  (withoutImages ? 0 : TokenEstimate.PER_IMAGE * messages.reduce((sum, { images }) => sum + images.length, 0))
