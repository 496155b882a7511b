/**
 * Declares an operation's SSE response in OpenAPI, since the generator keeps one media type per status.
 */
type Spec = { responses?: Record<string, { content?: Record<string, unknown> }> }

/** `events`: name of the schema of the stream's events. */
export const streamed =
  (events: string) =>
  (operation: Spec): Spec => {
    const ok = operation.responses?.["200"]
    if (ok !== undefined) {
      ok.content = { ...ok.content, "text/event-stream": { schema: { $ref: `#/components/schemas/${events}` } } }
    }
    return operation
  }
