/**
 * Resolves what a model wrote as calls: each is either a valid call or a problem with a reason.
 */

import { randomBytes } from "node:crypto"
import { Either } from "effect"
import type { Tool, ToolCall } from "../../domain/Chat.ts"
import { isRecord } from "../../json/Json.ts"
import * as JsonRepair from "../../json/JsonRepair.ts"
import * as JsonSource from "../../json/JsonSource.ts"
import type { CallBlock } from "../forms/CallBlock.ts"
import { CALL, CALL_END } from "../forms/Markup.ts"
import type { Piece } from "../forms/Pieces.ts"
import * as ToolArguments from "./ToolArguments.ts"
import type { ToolCatalog } from "./ToolCatalog.ts"

export interface Problem {
  readonly reason: "unknown_tool" | "unparsable" | "invalid_arguments" | "unclosed"
  /** As the model wrote it, markup included. */
  readonly raw: string
  readonly name?: string
  readonly tool?: Tool
  /** The error, worded for the model. */
  readonly detail: string
  /** The call with its invalid arguments, for a tool that is not strict. */
  readonly call?: ToolCall
}

export type Outcome =
  | { readonly _tag: "Call"; readonly call: ToolCall; readonly tool: Tool }
  | { readonly _tag: "Problem"; readonly problem: Problem }

/** Its tool is not declared. */
export const isUnknown = (one: Outcome): boolean => one._tag === "Problem" && one.problem.reason === "unknown_tool"

/** It names a declared tool. */
export const isOfTool = (one: Outcome): boolean => one._tag === "Call" || one.problem.tool !== undefined

const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

/** `call_` and 24 random letters and digits. */
export const newId = (): string => {
  let id = "call_"
  while (id.length < 29) {
    // Bytes above the last multiple of 62 would bias the distribution.
    for (const byte of randomBytes(32)) if (byte < 248 && id.length < 29) id += ALPHABET[byte % 62]
  }
  return id
}

const trouble = (problem: Problem): Outcome => ({ _tag: "Problem", problem })

interface Context {
  readonly catalog: ToolCatalog
  readonly newId: () => string
}

const outcome = (
  name: string,
  raw: string,
  { catalog, newId }: Context,
  read: (tool: Tool) => Either.Either<string, ToolArguments.Fault>
): Outcome => {
  const tool = catalog.find(name)
  if (tool === undefined) {
    return trouble({ reason: "unknown_tool", raw, name: name.slice(0, 256), detail: "there is no tool of this name" })
  }
  const result = read(tool)
  const call = (args: string): ToolCall => ({ id: newId(), name: tool.name, arguments: args })
  if (Either.isRight(result)) return { _tag: "Call", call: call(result.right), tool }
  const { arguments: args, detail, reason } = result.left
  const passed = args === undefined || tool.strict ? {} : { call: call(args) }
  return trouble({ reason, raw, name: tool.name, tool, detail, ...passed })
}

/** Names of the arguments in a JSON call; the first that is there counts. */
export const ARGUMENTS = ["arguments", "parameters", "args"]

/** `source`: the verbatim text of the item, if it is JSON. */
const fromItem = (item: unknown, raw: string, context: Context, source?: string): Outcome => {
  if (!isRecord(item)) return trouble({ reason: "unparsable", raw, detail: 'it has no "name"' })
  if (typeof item["name"] !== "string") {
    // Common mistakes: OpenAI's shape, or the name under another key.
    if (isRecord(item["function"]) && !isRecord(item["function"]["function"])) {
      const inner = source === undefined ? undefined : JsonSource.member(source, "function")
      return fromItem(item["function"], raw, context, inner)
    }
    if (typeof item["tool"] !== "string") return trouble({ reason: "unparsable", raw, detail: 'it has no "name"' })
  }
  const name = typeof item["name"] === "string" ? item["name"] : String(item["tool"])
  const key = ARGUMENTS.find((one) => Object.hasOwn(item, one)) ?? "arguments"
  const own = source === undefined ? undefined : JsonSource.member(source, key)
  return outcome(name, raw, context, (tool) => ToolArguments.fromJson(item[key], tool, own))
}

const wrap = (text: string) => `${CALL}\n${text}\n${CALL_END}`

const fromPiece = (piece: Piece, raw: string, context: Context): ReadonlyArray<Outcome> => {
  if (piece._tag === "Broken") return [trouble({ reason: "unparsable", raw, detail: piece.detail })]
  if (piece._tag === "Xml") {
    const { cut, name, parameters } = piece
    const last = parameters.at(-1)?.[0] ?? ""
    const tool = context.catalog.find(name)
    if (cut && tool !== undefined && !ToolArguments.isTyped(last, tool)) {
      return [trouble({ reason: "unclosed", raw, name: tool.name, tool, detail: "the call has no end" })]
    }
    return [outcome(name, raw, context, (tool) => ToolArguments.fromXml(parameters, tool))]
  }
  const parsed = JsonRepair.parse(piece.text)
  if (Either.isLeft(parsed)) return [trouble({ reason: "unparsable", raw, detail: parsed.left })]
  const value = parsed.right
  const { name } = piece
  if (name !== undefined) {
    const source = JsonRepair.isJson(piece.text) ? piece.text : undefined
    return [outcome(name, raw, context, (tool) => ToolArguments.fromJson(value, tool, source))]
  }
  if (!Array.isArray(value)) {
    const isExact = JsonSource.isDelicate(piece.text) && JsonRepair.isJson(piece.text)
    return [fromItem(value, raw, context, isExact ? piece.text : undefined)]
  }
  if (value.length === 0) return [trouble({ reason: "unparsable", raw, detail: "it holds no call" })]
  // Safe to serialize: the depth is bounded.
  const own = (item: unknown) => (value.length === 1 ? raw : wrap(JSON.stringify(item)))
  return value.map((item: unknown) => fromItem(item, own(item), context))
}

/** Can only be sent as text. */
const isOnlyText = (one: Outcome, { catalog }: Context): boolean =>
  one._tag === "Problem" &&
  one.problem.call === undefined &&
  (one.problem.tool === undefined || catalog.isWanted(one.problem.tool))

const told = (one: Outcome, raw: string): Outcome => (one._tag === "Call" ? one : trouble({ ...one.problem, raw }))

/** In the model's order. If the whole block is text, the first outcome contains it verbatim. */
export const resolve = (block: CallBlock, context: Context): ReadonlyArray<Outcome> => {
  const raw = block.raw().slice(0, block.used())
  const pieces = block.pieces()
  if (pieces.length === 0) return [trouble({ reason: "unparsable", raw, detail: "it holds no call" })]
  const outcomes = pieces.flatMap((piece) => fromPiece(piece, pieces.length === 1 ? raw : wrap(piece.text), context))
  return outcomes.every((one) => isOnlyText(one, context))
    ? outcomes.map((one, i) => told(one, i === 0 ? raw : ""))
    : outcomes
}

/** One piece as a call of its own. */
export const resolveOne = (piece: Piece, context: Context): Outcome | undefined =>
  fromPiece(piece, wrap(piece.text), context)[0]

/** The block never ended. */
export const unclosed = (block: CallBlock): Outcome =>
  trouble({ reason: "unclosed", raw: block.raw(), detail: "the call has no end" })
