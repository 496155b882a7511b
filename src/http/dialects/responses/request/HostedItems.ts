/**
 * Items of OpenAI's hosted tools in a history, as a short note for the model: the call and its result, truncated if
 * long. The gateway has none of these tools.
 */
import type { Role } from "../../../../domain/Chat.ts"
import * as WellFormed from "../../../chat/WellFormed.ts"
import type { Loose } from "./Loose.ts"

/** Fields that are useful to a model. */
const fields: Readonly<Record<string, ReadonlyArray<string>>> = {
  web_search_call: ["action"],
  file_search_call: ["queries", "results"],
  code_interpreter_call: ["code", "outputs"],
  image_generation_call: ["revised_prompt"],
  computer_call: ["action", "actions"],
  computer_call_output: [],
  mcp_list_tools: ["server_label"],
  mcp_approval_request: ["server_label", "name", "arguments"],
  mcp_approval_response: ["approve", "reason"],
  mcp_call: ["server_label", "name", "arguments", "output", "error"],
  program: ["code"],
  program_output: ["result"]
}

/** Max characters of one note. */
const MOST = 2000

/** Items that come from the client and not from the model. */
const OF_USER = new Set(["computer_call_output", "mcp_approval_response"])

export const kinds: ReadonlyArray<string> = Object.keys(fields)

export const isHosted = (kind: string): boolean => Object.hasOwn(fields, kind)

export const roleOf = (kind: string): Role => (OF_USER.has(kind) ? "user" : "assistant")

export const markOf = (kind: string, item: Loose): string => {
  const names = (fields[kind] ?? []).filter((name) => (item[name] ?? undefined) !== undefined)
  const said =
    names.length === 0 ? "" : ` ${JSON.stringify(Object.fromEntries(names.map((name) => [name, item[name]])))}`
  const short = said.length <= MOST ? said : `${WellFormed.repair(said.slice(0, MOST))}…`
  return `[${kind}, by a tool that is not available here:${short === "" ? " nothing of it is known" : short}]`
}
