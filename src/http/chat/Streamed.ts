/**
 * An operation that answers as a stream, too: the generator of the description keeps one media type per status.
 */
type Spec = { responses?: Record<string, { content?: Record<string, unknown> }> }

/** `events`: the schema that names what a stream holds. */
export const streamed =
  (events: string) =>
  (operation: Spec): Spec => {
    const ok = operation.responses?.["200"]
    if (ok !== undefined) {
      ok.content = { ...ok.content, "text/event-stream": { schema: { $ref: `#/components/schemas/${events}` } } }
    }
    return operation
  }
