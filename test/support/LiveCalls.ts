/**
 * A turn whose calls come as they are written: the same events, each call by its beginning, pieces and end.
 */
import { type ChatEvent, toolCallBegin, toolCallDelta, toolCallEnd } from "../../src/domain/Chat.ts"

/** `size`: characters of a piece; no character is cut in halves. */
export const live = (
  events: ReadonlyArray<ChatEvent>,
  size = 1,
  isLive: (args: string) => boolean = () => true
): ReadonlyArray<ChatEvent> =>
  events.flatMap((event) => {
    if (event._tag !== "ToolCall" || !isLive(event.call.arguments)) return [event]
    const characters = [...event.call.arguments]
    const pieces = Array.from({ length: Math.ceil(characters.length / size) }, (_, at) =>
      characters.slice(at * size, (at + 1) * size).join("")
    )
    return [toolCallBegin(event.call), ...pieces.map(toolCallDelta), toolCallEnd(event.call)]
  })
