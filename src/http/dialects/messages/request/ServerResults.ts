/**
 * Renders results of tools that the service ran, as found in a history, for the model.
 */
type Fields = Readonly<Record<string, unknown>>

const isFields = (value: unknown): value is Fields => typeof value === "object" && value !== null

const string = (value: unknown): string => (typeof value === "string" ? value : "")

/** `encrypted_content` that the gateway wrote holds the text of a search hit; any other cannot be read. */
const OURS = "lingma-gateway:"

export const seal = (text: string): string => Buffer.from(OURS + text, "utf8").toString("base64")

const unseal = (sealed: unknown): string => {
  if (typeof sealed !== "string") return ""
  const text = Buffer.from(sealed, "base64").toString("utf8")
  return text.startsWith(OURS) ? text.slice(OURS.length) : ""
}

const lines = (...texts: ReadonlyArray<string>) => texts.filter((text) => text !== "").join("\n")

/** Hits of a search. */
const page = (result: unknown): string =>
  isFields(result)
    ? lines(
        string(result["title"]),
        string(result["url"]),
        string(result["page_age"]),
        unseal(result["encrypted_content"])
      )
    : ""

/** A fetched document. */
const fetched = (content: Fields): string => {
  const document = isFields(content["content"]) ? content["content"] : {}
  const source = isFields(document["source"]) ? document["source"] : {}
  const data = source["type"] === "text" ? string(source["data"]) : ""
  return lines(string(content["url"]), string(document["title"]), data)
}

const text = (part: unknown): string =>
  isFields(part) && part["type"] === "text" ? string(part["text"]) : JSON.stringify(part)

/** The text of a result, or its JSON if its kind has no text. */
export const read = (kind: string, content: unknown): string => {
  if (content === undefined || content === null) return ""
  if (typeof content === "string") return content
  if (isFields(content) && typeof content["error_code"] === "string") return `The tool failed: ${content["error_code"]}`
  if (kind === "web_search_tool_result" && Array.isArray(content)) return content.map(page).join("\n\n")
  if (kind === "web_fetch_tool_result" && isFields(content)) return fetched(content)
  if (kind === "mcp_tool_result" && Array.isArray(content)) return content.map(text).join("\n")
  return JSON.stringify(content)
}

/** Names of the tools that a search for tools found. */
export const references = (content: unknown): ReadonlyArray<string> => {
  const found = isFields(content) ? content["tool_references"] : undefined
  return Array.isArray(found)
    ? found.flatMap((one: unknown) => (isFields(one) && typeof one["tool_name"] === "string" ? [one["tool_name"]] : []))
    : []
}
