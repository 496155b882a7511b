/**
 * The live stream of events by `fetch`, which can send a key where `EventSource` cannot; ends when it is silent too long.
 */
import { base, headersOf, Refused, refusalOf } from "./Http.ts"
import { addressOf } from "./Routes.ts"
import * as SseParser from "./SseParser.ts"

/** The gateway sends something, if only a comment, several times in this time. */
const SILENCE_MILLIS = 45_000

/** Resolves when the stream ends, however it does; rejects where it was refused. */
export const read = async (
  key: string | undefined,
  onEvent: (event: SseParser.SseEvent) => void,
  signal: AbortSignal
): Promise<void> => {
  const silence = new AbortController()
  let timer = setTimeout(() => silence.abort(), SILENCE_MILLIS)
  const rearm = () => {
    clearTimeout(timer)
    timer = setTimeout(() => silence.abort(), SILENCE_MILLIS)
  }
  try {
    const response = await fetch(new URL(addressOf("events"), base), {
      headers: { accept: "text/event-stream", ...headersOf(key) },
      cache: "no-store",
      credentials: "omit",
      signal: AbortSignal.any([signal, silence.signal])
    })
    if (!response.ok || response.body === null) throw await refusalOf(response)
    const parser = SseParser.make(onEvent)
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader()
    for (let piece = await reader.read(); !piece.done; piece = await reader.read()) {
      rearm()
      parser.push(piece.value)
    }
  } catch (error) {
    if (error instanceof Refused) throw error
  } finally {
    clearTimeout(timer)
  }
}
