/**
 * Schemas of tools that the API defines by type and the client runs, and of their call and output items.
 */
import { Schema } from "effect"
import { counts, Description, Id, listOf, Word } from "../../../chat/TextLimits.ts"
import { opt } from "./Loose.ts"

export const kinds = ["local_shell", "shell", "apply_patch"] as const
export type Kind = (typeof kinds)[number]

const Skill = Schema.Struct({ name: Word, description: opt(Description), path: opt(Word) })

/** `type` distinguishes the client's machine from a container of OpenAI's. */
const Environment = Schema.Struct({ type: Word, skills: opt(listOf(Skill, counts.words)) })

export const tools = {
  local_shell: Schema.Struct({ type: Schema.Literal("local_shell") }),
  shell: Schema.Struct({ type: Schema.Literal("shell"), environment: opt(Environment) }),
  apply_patch: Schema.Struct({ type: Schema.Literal("apply_patch") })
} as const
export type Tool = (typeof tools)[keyof typeof tools]["Type"]

const Commands = listOf(Schema.String, counts.calls)

const Operation = Schema.Union(
  Schema.Struct({ type: Schema.Literal("create_file"), path: Schema.String, diff: Schema.String }),
  Schema.Struct({ type: Schema.Literal("update_file"), path: Schema.String, diff: Schema.String }),
  Schema.Struct({ type: Schema.Literal("delete_file"), path: Schema.String })
)
export type Operation = typeof Operation.Type

const Ran = Schema.Struct({
  stdout: Schema.String,
  stderr: Schema.String,
  outcome: Schema.Union(
    Schema.Struct({ type: Schema.Literal("exit"), exit_code: Schema.Number }),
    Schema.Struct({ type: Schema.Literal("timeout") })
  )
})

export const items = {
  local_shell_call: Schema.Struct({
    type: Schema.Literal("local_shell_call"),
    id: opt(Id),
    call_id: Id,
    action: Schema.Struct({
      command: Commands,
      env: opt(Schema.Record({ key: Schema.String, value: Schema.String })),
      timeout_ms: opt(Schema.Number),
      user: opt(Word),
      working_directory: opt(Schema.String)
    })
  }),
  /** OpenAI's types say the item's id; clients send the call's id. */
  local_shell_call_output: Schema.Struct({
    type: Schema.Literal("local_shell_call_output"),
    id: opt(Id),
    call_id: opt(Id),
    output: Schema.String
  }),
  shell_call: Schema.Struct({
    type: Schema.Literal("shell_call"),
    call_id: Id,
    action: Schema.Struct({
      commands: Commands,
      timeout_ms: opt(Schema.Number),
      max_output_length: opt(Schema.Number)
    })
  }),
  shell_call_output: Schema.Struct({
    type: Schema.Literal("shell_call_output"),
    call_id: Id,
    output: listOf(Ran, counts.calls)
  }),
  apply_patch_call: Schema.Struct({
    type: Schema.Literal("apply_patch_call"),
    call_id: Id,
    operation: Operation
  }),
  apply_patch_call_output: Schema.Struct({
    type: Schema.Literal("apply_patch_call_output"),
    call_id: Id,
    status: Schema.Literal("completed", "failed"),
    output: opt(Schema.String)
  })
} as const
export type Item = (typeof items)[keyof typeof items]["Type"]
