/**
 * Schemas of a request's tools: the client's own, those whose schema the API defines, and the hosted service's.
 */
import { Schema } from "effect"
import { counts, Description, listOf, Name, Title, Word } from "../../../chat/TextLimits.ts"
import * as ClientTools from "./ClientTools.ts"
import { Loose, opt, some } from "./PayloadWords.ts"

// MCP servers also use dots, which the API's own rule does not allow.
const ToolName = Schema.String.pipe(Schema.pattern(/^[A-Za-z0-9_.-]{1,128}$/))

const isClientTool = (type: string) => ClientTools.familyOf(type) !== undefined

/** They are looked at where they are asked for, and nowhere else. */
const unheard = {
  allowed_callers: Schema.optional(Schema.Unknown),
  input_examples: Schema.optional(Schema.Unknown)
}

/** One of a kind that the API has a schema for, and the client the hands. */
const ClientTool = Schema.transform(
  Schema.Struct({
    type: Word.pipe(Schema.filter(isClientTool, { jsonSchema: {} })),
    name: ToolName,
    display_width_px: opt(Schema.Number),
    display_height_px: opt(Schema.Number),
    enable_zoom: opt(Schema.Boolean),
    max_characters: opt(Schema.Number),
    strict: opt(Schema.Boolean),
    defer_loading: opt(Schema.Boolean),
    ...unheard
  }),
  Schema.Struct({
    type: Schema.Literal("client"),
    kind: Schema.String,
    name: Schema.String,
    display_width_px: opt(Schema.Number),
    display_height_px: opt(Schema.Number),
    enable_zoom: opt(Schema.Boolean),
    max_characters: opt(Schema.Number),
    strict: opt(Schema.Boolean),
    defer_loading: opt(Schema.Boolean),
    ...unheard
  }),
  {
    strict: true,
    decode: ({ type, ...tool }) => ({ ...tool, type: "client" as const, kind: type }),
    encode: ({ kind, type: _, ...tool }) => ({ ...tool, type: kind })
  }
)

const CustomTool = Schema.Struct({
  type: opt(Schema.Literal("custom")),
  name: ToolName,
  description: opt(Description),
  input_schema: Loose,
  strict: opt(Schema.Boolean),
  /** It is offered once a `tool_reference` names it. */
  defer_loading: opt(Schema.Boolean),
  ...unheard
})

/** Narrower sources than all are a promise that is not kept here. */
const All = opt(Schema.Struct({ type: Schema.Literal("all") }))
const UrlSources = Schema.Struct({ user_input: All, client_tool_results: All, server_tool_results: All })

const hosted = {
  max_uses: opt(some),
  allowed_domains: opt(listOf(Title, counts.calls)),
  blocked_domains: opt(listOf(Title, counts.calls)),
  user_location: Schema.optional(Schema.Unknown),
  citations: Schema.optional(Schema.Unknown),
  max_content_tokens: opt(some),
  response_inclusion: opt(Word),
  url_sources: opt(UrlSources),
  ...unheard
}

/** Any other kind is a tool of the hosted service. */
const HostedTool = Schema.transform(
  Schema.Struct({
    type: Word.pipe(Schema.filter((type) => type !== "custom" && !isClientTool(type), { jsonSchema: {} })),
    ...hosted
  }),
  Schema.Struct({ type: Schema.Literal("hosted"), kind: Schema.String, ...hosted }),
  {
    strict: true,
    decode: ({ type, ...tool }) => ({ ...tool, type: "hosted" as const, kind: type }),
    encode: ({ kind, type: _, ...tool }) => ({ ...tool, type: kind })
  }
)

export const Tool = Schema.Union(CustomTool, ClientTool, HostedTool)
export type Tool = typeof Tool.Type

const parallel = { disable_parallel_tool_use: opt(Schema.Boolean) }
export const ToolChoice = Schema.Union(
  Schema.Struct({ type: Schema.Literal("auto", "any"), ...parallel }),
  Schema.Struct({ type: Schema.Literal("tool"), name: Name, ...parallel }),
  Schema.Struct({ type: Schema.Literal("none") })
)
export type ToolChoice = typeof ToolChoice.Type
