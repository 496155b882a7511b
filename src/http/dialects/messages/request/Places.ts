/**
 * Paths in a request body as Anthropic writes them, with the kind after each value of a union, as in
 * `messages.2.content.0.tool_result.content.0.image.source.base64`. Claude Code finds a refused picture by this path,
 * removes it and retries.
 */
import { dotted, type Path } from "../../../chat/SchemaIssue.ts"

const blocks = ["text", "image", "document", "search_result", "tool_use", "tool_result"]
const sources = ["base64", "url", "file", "text", "content"]
const choices = ["auto", "any", "tool", "none"]
const thinking = ["adaptive", "enabled", "disabled"]

const child = (value: unknown, part: string | number): unknown =>
  typeof value === "object" && value !== null && Object.hasOwn(value, part)
    ? (value as Readonly<Record<string | number, unknown>>)[part]
    : undefined

/** The kinds that are possible at a path; undefined if there is only one. */
const kindsAt = (place: Path): ReadonlyArray<string> | undefined => {
  const [last, parent, owner] = [place.at(-1), place.at(-2), place.at(-3)]
  if (typeof last === "number") {
    if (parent === "content") return owner === "search_result" ? undefined : blocks
    return parent === "tools" ? ["custom"] : undefined
  }
  if (last === "source") return sources
  if (place.length > 1) return undefined
  return last === "tool_choice" ? choices : last === "thinking" ? thinking : undefined
}

const kindOf = (kinds: ReadonlyArray<string>, value: unknown): string | undefined => {
  if (typeof value !== "object" || value === null) return undefined
  const type = child(value, "type") ?? (kinds.length === 1 ? kinds[0] : undefined)
  return typeof type === "string" && kinds.includes(type) ? type : undefined
}

/** Reads the kinds from the body; unknown kinds are left out of the path. */
export const inBody = (path: Path, body: unknown): string => {
  const place: Array<string | number> = []
  let value = body
  for (const part of path) {
    place.push(part)
    value = child(value, part)
    const kinds = kindsAt(place)
    const kind = kinds === undefined ? undefined : kindOf(kinds, value)
    if (kind !== undefined) place.push(kind)
  }
  return dotted(place)
}
