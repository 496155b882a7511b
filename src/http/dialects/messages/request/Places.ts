/**
 * Where in a body something is, as Anthropic writes it: what is one of several kinds stands under the name of its kind,
 * as in `messages.2.content.0.tool_result.content.0.image.source.base64`. Claude Code finds the picture that was refused
 * by such a place, leaves it out and goes on.
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

/** The kinds that may stand at a place; undefined where there is one only. */
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

/** The kinds come from the body itself; a kind that is not known is left out. */
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
