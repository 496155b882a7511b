/**
 * A tool of the hosted service that the gateway runs in its place, for one request.
 */
import type { Effect } from "effect"
import type { ChatRequest, Tool, ToolCall } from "../../../../domain/Chat.ts"
import type { Tool as PayloadTool } from "../request/Payload.ts"
import type * as ResultBlock from "./ResultBlock.ts"

/** As the request has it. */
export type Hosted = Extract<PayloadTool, { readonly type: "hosted" }>

export interface ServedTool {
  readonly name: ResultBlock.Name
  /** Whether a call of it can come to anything. */
  readonly works: boolean
  /** Most calls that are run. */
  readonly most: number
  /** The argument that counts; empty where there is none. */
  readonly read: (call: ToolCall) => string
  /** What the client is shown of the call. */
  readonly input: (argument: string) => Readonly<Record<string, string>>
  /** `asked` is what the model had before it. */
  readonly run: (id: string, argument: string, asked: ChatRequest) => Effect.Effect<ResultBlock.ResultBlock>
}

/** Calls of a tool in one request where it says nothing; no request gets more than the second. */
const limits = { usual: 5, most: 10 } as const

export const mostOf = ({ max_uses: uses }: Hosted): number => Math.min(uses ?? limits.usual, limits.most)

/** A string among the arguments of a call. */
export const argument =
  (name: string) =>
  ({ arguments: text }: ToolCall): string => {
    try {
      const input: unknown = JSON.parse(text)
      const value = typeof input === "object" && input !== null ? (input as Record<string, unknown>)[name] : undefined
      return typeof value === "string" || typeof value === "number" ? String(value).trim() : ""
    } catch {
      return ""
    }
  }

/** How the model is told of one that takes a string. */
export const described = (name: ResultBlock.Name, description: string, parameter: string, meaning: string): Tool => ({
  kind: "function",
  name,
  description,
  parameters: {
    type: "object",
    properties: { [parameter]: { type: "string", description: meaning } },
    required: [parameter]
  },
  strict: false
})
