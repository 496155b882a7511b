/**
 * Estimates the tokens of a request as it is, for an upstream that takes messages and tools without a prompt.
 */
import type { ChatRequest } from "../domain/Chat.ts"
import * as TokenEstimate from "./TokenEstimate.ts"

type Asked = Pick<ChatRequest, "messages" | "toolset" | "format">

/** Where tokens are estimated, a prompt that may be too long is told to be: clients compact in time only when told. */
const MARGIN = 1.05

/** So many at most, as far as a count can be trusted. */
export const most = (tokens: number, isExact: boolean): number => (isExact ? tokens : Math.ceil(tokens * MARGIN))

/** Characters of a token, about. */
const CHARACTERS = 4

/** By the length of the messages alone, without a look at their texts: what a chat is taken for before its prompt is made. */
export const rough = ({ messages }: Pick<ChatRequest, "messages">): number => {
  let characters = 0
  let images = 0
  for (const message of messages) {
    characters += message.text.length
    images += message.images.length
  }
  return (
    Math.ceil(characters / CHARACTERS) + TokenEstimate.PER_MESSAGE * messages.length + TokenEstimate.PER_IMAGE * images
  )
}

/** Texts, calls, tools and format, with the framing of messages and a flat rate per image. */
export const count = (
  { format, messages, toolset }: Asked,
  countText: (text: string) => number,
  { withoutImages = false }: { readonly withoutImages?: boolean } = {}
): number => {
  const said = messages.flatMap(({ text, toolCalls }) => [
    text,
    ...toolCalls.flatMap((call) => [call.name, call.arguments])
  ])
  const tools = toolset.tools.map(({ description = "", name, parameters }) =>
    JSON.stringify([name, description, parameters])
  )
  const schema = format.type === "json_schema" ? [JSON.stringify(format.schema)] : []
  const images = withoutImages ? 0 : messages.reduce((sum, message) => sum + message.images.length, 0)
  return (
    countText([...said, ...tools, ...schema].join("\n")) +
    TokenEstimate.PER_MESSAGE * messages.length +
    TokenEstimate.PER_IMAGE * images
  )
}
