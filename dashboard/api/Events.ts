/**
 * The live stream of events by `fetch`, which can send a key where `EventSource` cannot; ends when it is silent too long.
 */
import { base, headersOf, Refused, refusalOf } from "./Http.ts"
import { addressOf } from "./Routes.ts"
import * as SseParser from "./SseParser.ts"

/** The gateway sends something, if only a comment, several times in this time. */
const SILENCE_MILLIS = 45_000

/**
 * Resolves when the stream ends, however it does, to whether that was for a silence after something had come; rejects where
 * it was refused.
 */
export const read = async (
  key: string | undefined,
  onEvent: (event: SseParser.SseEvent) => void,
  signal: AbortSignal
): Promise<boolean> => {
  const end = new AbortController()
  let hasHeard = false
  let isSilent = false
  const fallSilent = () => {
    isSilent = true
    end.abort()
  }
  let timer = setTimeout(fallSilent, SILENCE_MILLIS)
  const rearm = () => {
    clearTimeout(timer)
    timer = setTimeout(fallSilent, SILENCE_MILLIS)
  }
  try {
    const response = await fetch(new URL(addressOf("events"), base), {
      headers: { accept: "text/event-stream", ...headersOf(key) },
      cache: "no-store",
      credentials: "omit",
      signal: AbortSignal.any([signal, end.signal])
    })
    if (!response.ok || response.body === null) throw await refusalOf(response)
    const parser = SseParser.make(onEvent)
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader()
    for (let piece = await reader.read(); !piece.done; piece = await reader.read()) {
      rearm()
      hasHeard = true
      parser.push(piece.value)
    }
  } catch (error) {
    if (error instanceof Refused) throw error
  } finally {
    clearTimeout(timer)
    // Whatever ended it: no connection stays open behind it.
    end.abort()
  }
  return isSilent && hasHeard
}
