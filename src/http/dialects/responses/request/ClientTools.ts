/**
 * Maps the tools of `ClientItems.ts` to functions: their definitions for the model, the items of its calls, and the
 * reading of such items from a history.
 */
import type { JsonSchema, ToolCall } from "../../../../domain/Chat.ts"
import * as OpenAiTools from "../../openai/OpenAiTools.ts"
import type * as ClientItems from "./ClientItems.ts"
import type { Loose } from "./Loose.ts"

type Kind = ClientItems.Kind

const string = (description: string) => ({ type: "string", description })
const millis = { type: "integer", description: "Most milliseconds it may take" }

const parameters: Readonly<Record<Kind, JsonSchema>> = {
  local_shell: {
    type: "object",
    properties: {
      command: {
        type: "array",
        items: { type: "string" },
        description: 'The program and its arguments, such as ["bash", "-lc", "ls -l"]'
      },
      working_directory: string("Where it runs"),
      env: { type: "object", additionalProperties: { type: "string" }, description: "Further variables" },
      timeout_ms: millis,
      user: string("Who runs it")
    },
    required: ["command"]
  },
  shell: {
    type: "object",
    properties: {
      commands: {
        type: "array",
        items: { type: "string" },
        description: "Shell commands, each a line of its own; they may run at the same time"
      },
      timeout_ms: millis,
      max_output_length: { type: "integer", description: "Most characters of output that come back" }
    },
    required: ["commands"]
  },
  apply_patch: {
    type: "object",
    properties: {
      type: { type: "string", enum: ["create_file", "update_file", "delete_file"] },
      path: string("The file, relative to the working directory"),
      diff: string("Not for delete_file")
    },
    required: ["type", "path"]
  }
}

const descriptions: Readonly<Record<Kind, string>> = {
  local_shell: "Runs a command on the user's machine.",
  shell: "Runs shell commands on the user's machine.",
  apply_patch: `Creates, changes or deletes one file. The diff of create_file is the whole file, each line with "+" before it. The diff of update_file has one or more sections: each begins with a line "@@", after which a line of the file that comes before the section may follow, such as "@@ def main():"; then lines as they are with " " before them, lines to be removed with "-", and lines to be added with "+", with some lines of context around each change. Line numbers and file names do not belong in it.`
}

const skillsOf = (tool: ClientItems.Tool): string => {
  const skills = tool.type === "shell" ? (tool.environment?.skills ?? []) : []
  const lines = skills.map(({ description, name, path }) =>
    [`- ${name}`, ...(path ? [`at ${path}`] : []), ...(description ? [`: ${description}`] : [])].join(" ")
  )
  return lines.length === 0 ? "" : `\n\nSkills, each with a SKILL.md to be read first:\n${lines.join("\n")}`
}

/** Whether OpenAI would run it in a container, instead of the client. */
export const isHosted = (tool: ClientItems.Tool): boolean =>
  tool.type === "shell" && (tool.environment?.type ?? "local") !== "local"

export const offered = (tool: ClientItems.Tool) =>
  OpenAiTools.ofFunction({
    name: tool.type,
    description: descriptions[tool.type] + skillsOf(tool),
    parameters: parameters[tool.type]
  })

const textOf = (value: unknown): string => (typeof value === "string" ? value : "")
const numberOf = (value: unknown): number | null => (typeof value === "number" ? value : null)
const listOf = (value: unknown): ReadonlyArray<string> =>
  Array.isArray(value) ? value.filter((one) => typeof one === "string") : typeof value === "string" ? [value] : []

const variables = (value: unknown): Readonly<Record<string, string>> =>
  typeof value === "object" && value !== null
    ? Object.fromEntries(Object.entries(value).filter((pair): pair is [string, string] => typeof pair[1] === "string"))
    : {}

const operationOf = ({ diff, path, type }: Loose): ClientItems.Operation =>
  type === "delete_file"
    ? { type, path: textOf(path) }
    : { type: type === "create_file" ? type : "update_file", path: textOf(path), diff: textOf(diff) }

export type Status = "in_progress" | "completed"

interface Called {
  readonly id: string
  readonly call_id: string
}

/** The item of a call. While in progress its arguments are empty, except for the path of a patch. */
export const toItem = (kind: Kind, called: Called, status: Status, args: Loose) => {
  const isDone = status === "completed"
  const timeout_ms = numberOf(args["timeout_ms"])
  switch (kind) {
    case "local_shell": {
      const written = args["command"]
      // A single text is a command line for a shell.
      const command = !isDone ? [] : typeof written === "string" ? ["bash", "-lc", written] : listOf(written)
      const more = {
        ...(timeout_ms === null ? {} : { timeout_ms }),
        ...(typeof args["user"] === "string" ? { user: args["user"] } : {}),
        ...(typeof args["working_directory"] === "string" ? { working_directory: args["working_directory"] } : {})
      }
      const action = { type: "exec" as const, command, env: isDone ? variables(args["env"]) : {}, ...more }
      return { ...called, type: "local_shell_call" as const, status, action }
    }
    case "shell": {
      const commands = isDone ? listOf(args["commands"]) : []
      const action = { commands, timeout_ms, max_output_length: numberOf(args["max_output_length"]) }
      const environment = { type: "local" as const }
      return { ...called, type: "shell_call" as const, status, action, environment }
    }
    case "apply_patch": {
      const operation = operationOf(isDone ? args : { ...args, diff: "" })
      return { ...called, type: "apply_patch_call" as const, status, operation }
    }
  }
}

const given = (fields: Loose): string =>
  JSON.stringify(Object.fromEntries(Object.entries(fields).filter(([, value]) => (value ?? undefined) !== undefined)))

type CallItem = Extract<ClientItems.Item, { type: "local_shell_call" | "shell_call" | "apply_patch_call" }>
type OutputItem = Exclude<ClientItems.Item, CallItem>

/** The call of an item in a history. */
export const callOf = (item: CallItem): ToolCall => {
  const id = item.call_id
  switch (item.type) {
    case "local_shell_call": {
      const { env, ...action } = item.action
      const isBare = Object.keys(env ?? {}).length === 0
      return { id, name: "local_shell", arguments: given(isBare ? action : item.action) }
    }
    case "shell_call":
      return { id, name: "shell", arguments: given(item.action) }
    case "apply_patch_call":
      return { id, name: "apply_patch", arguments: given(item.operation) }
  }
}

type Ran = Extract<OutputItem, { type: "shell_call_output" }>["output"][number]

const ranText = ({ outcome, stderr, stdout }: Ran): string =>
  [
    ...(stdout === "" ? [] : [stdout]),
    ...(stderr === "" ? [] : [`[stderr]\n${stderr}`]),
    outcome.type === "exit" ? `[exit code ${outcome.exit_code}]` : "[timed out]"
  ].join("\n")

/** The result of a call, as text for the model. */
export const outputOf = (item: OutputItem): string => {
  if (item.type === "local_shell_call_output") return item.output
  if (item.type === "apply_patch_call_output") return item.output ? `${item.status}: ${item.output}` : item.status
  return item.output.map(ranText).join("\n\n")
}
