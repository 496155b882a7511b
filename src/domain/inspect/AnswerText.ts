/**
 * What a model said, out of an answer of any dialect, whole or streamed; loaded by the dashboard as well, so it imports nothing.
 */

type Json = Readonly<Record<string, unknown>>

const isRecord = (value: unknown): value is Json => typeof value === "object" && value !== null && !Array.isArray(value)
const list = (value: unknown): ReadonlyArray<Json> => (Array.isArray(value) ? value.filter(isRecord) : [])
const text = (value: unknown): string => (typeof value === "string" ? value : "")
const record = (value: unknown): Json => (isRecord(value) ? value : {})

/** A call of a tool is told by its name and its arguments. */
const call = (name: unknown, args: unknown): string =>
  text(name) === "" ? text(args) : `\n[${text(name)}] ${typeof args === "string" ? args : JSON.stringify(args ?? {})}`

const calls = (value: unknown): string =>
  list(value)
    .map((one) => call(record(one["function"])["name"], record(one["function"])["arguments"] ?? ""))
    .join("")

const ofBlock = (block: Json): string =>
  block["type"] === "tool_use" || block["type"] === "function_call"
    ? call(block["name"], block["input"] ?? block["arguments"])
    : text(block["text"]) + list(block["content"]).map(ofBlock).join("")

/** One whole answer, or one event of a stream. */
const ofObject = (body: Json): string => {
  const error = record(body["error"])
  if (typeof error["message"] === "string") return error["message"]
  if (Array.isArray(body["choices"])) {
    return list(body["choices"])
      .map((choice) => {
        const said = record(choice["message"] ?? choice["delta"])
        return text(choice["text"]) + text(said["content"]) + calls(said["tool_calls"])
      })
      .join("")
  }
  switch (body["type"]) {
    case "content_block_delta":
      return text(record(body["delta"])["text"]) + text(record(body["delta"])["partial_json"])
    case "content_block_start": {
      const block = record(body["content_block"])
      return block["type"] === "tool_use" ? call(block["name"], "") : ""
    }
    case "response.output_text.delta":
    case "response.function_call_arguments.delta":
      return text(body["delta"])
    case "response.output_item.added":
      return record(body["item"])["type"] === "function_call" ? call(record(body["item"])["name"], "") : ""
    case "response.failed":
      return text(record(record(body["response"])["error"])["message"])
  }
  return [...list(body["output"]), ...list(body["content"])].map(ofBlock).join("")
}

const parsed = (json: string): Json => {
  try {
    return record(JSON.parse(json))
  } catch {
    return {}
  }
}

/** Empty where nothing was said, or it is told in a way that is not known here. */
export const of = (answer: string): string =>
  (/^(?:data|event|:)/.test(answer)
    ? answer
        .split("\n")
        .filter((line) => line.startsWith("data: {"))
        .map((line) => ofObject(parsed(line.slice(6))))
        .join("")
    : ofObject(parsed(answer))
  ).trim()
