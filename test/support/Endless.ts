/**
 * Reads answers, also of the route whose stream has no end.
 */
const endless = "/internal/events"

/** The whole text; of events that go on as long as somebody reads, what comes first. */
export const textOf = async (path: string, response: Response): Promise<string> => {
  const isStream = (response.headers.get("content-type") ?? "").startsWith("text/event-stream")
  if (!isStream || path.split("?")[0] !== endless || response.body === null) return response.text()
  const reader = response.body.getReader()
  const { value } = await reader.read()
  await reader.cancel()
  return new TextDecoder().decode(value)
}
