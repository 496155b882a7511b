/**
 * The tools of a request as one flat list of names, and each name back as the client wrote it.
 */
import { Either } from "effect"
import { type JsonSchema, noTools, type OutputFormat, type Tool, type Toolset } from "../../domain/Chat.ts"
import type { Path } from "../Issues.ts"
import { format as at } from "../Issues.ts"
import * as Errors from "../OpenAiErrors.ts"
import * as Kinds from "./Kinds.ts"
import {
  type CustomTool,
  type FunctionTool,
  kinds,
  type Loose,
  limits,
  type NamedTool,
  type ResponsesRequest
} from "./Payload.ts"

type Checked<A> = Kinds.Checked<A>

/** As the client names it; `flat` is what the model is told. */
export interface Named {
  readonly kind: Tool["kind"]
  readonly name: string
  readonly namespace: string | undefined
  readonly flat: string
}

interface Listed extends Omit<Named, "flat"> {
  readonly tool: Omit<Tool, "name">
  readonly path: Path
}

export interface Tools {
  readonly toolset: Toolset
  readonly named: ReadonlyArray<Named>
  /** Those of known kinds, as they were written. */
  readonly echoed: ReadonlyArray<Loose>
}

const nothing: JsonSchema = { type: "object", properties: {} }
const freeText: JsonSchema = { type: "object", properties: { input: { type: "string" } }, required: ["input"] }
const syntaxes = { lark: "Lark grammar", regex: "regular expression" }

/** The upstream cannot be held to a grammar; it can be told. */
const describe = ({ description, format }: CustomTool): string | undefined => {
  if (format?.type !== "grammar") return description ?? undefined
  const rule = `The input must match this ${syntaxes[format.syntax]}:\n${format.definition}`
  return description ? `${description}\n\n${rule}` : rule
}

const toListed = (tool: FunctionTool | CustomTool, namespace: string | undefined, path: Path): Listed => {
  const { name, type: kind } = tool
  return tool.type === "function"
    ? {
        kind,
        name,
        namespace,
        path,
        tool: {
          kind,
          description: tool.description ?? undefined,
          parameters: tool.parameters ?? nothing,
          strict: tool.strict === true
        }
      }
    : { kind, name, namespace, path, tool: { kind, description: describe(tool), parameters: freeText, strict: false } }
}

const readTool = Kinds.reader("tool", kinds.tools)
const readMember = Kinds.reader("tool", { function: kinds.tools.function, custom: kinds.tools.custom })

type Skip = (what: string) => void

const list = (tools: ReadonlyArray<Loose>, skip: Skip) =>
  Either.gen(function* () {
    const listed: Array<Listed> = []
    const echoed: Array<Loose> = []
    for (const [i, written] of tools.entries()) {
      const path = ["tools", i]
      const tool = yield* readTool(written, Kinds.kindOf(written, "function"), path, skip)
      if (tool === undefined) continue
      echoed.push(
        tool.type === "function"
          ? { ...written, parameters: tool.parameters ?? null, strict: tool.strict ?? false }
          : written
      )
      if (tool.type !== "namespace") listed.push(toListed(tool, undefined, path))
      else {
        for (const [k, inner] of tool.tools.entries()) {
          const here = [...path, "tools", k]
          const member = yield* readMember(inner, Kinds.kindOf(inner, "function"), here, skip)
          if (member !== undefined) listed.push(toListed(member, tool.name, here))
        }
      }
    }
    return { listed, echoed }
  })

/** The bare name where it is the only one, for that is what a model writes; else with its namespace before it. */
const flatten = (listed: ReadonlyArray<Listed>): Checked<ReadonlyArray<Listed & Named>> =>
  Either.gen(function* () {
    const times = new Map<string, number>()
    for (const { name } of listed) times.set(name, (times.get(name) ?? 0) + 1)
    const seen = new Set<string>()
    const flattened: Array<Listed & Named> = []
    for (const one of listed) {
      const { name, namespace, path, tool } = one
      const flat = times.get(name) === 1 || namespace === undefined ? name : `${namespace}.${name}`
      const where = at([...path, "name"])
      if (seen.has(flat)) {
        yield* Either.left(Errors.invalid(where, `Invalid '${where}': each tool needs a name of its own.`))
      }
      const type = tool.parameters["type"]
      if (type !== undefined && type !== "object") {
        yield* Either.left(Errors.notParameters(at([...path, "parameters"])))
      }
      seen.add(flat)
      flattened.push({ ...one, flat })
    }
    return flattened
  })

/** A namespace that was not given leaves it open. */
const isMeant = (named: Pick<NamedTool, "name" | "namespace">, one: Pick<Named, "name" | "namespace">): boolean =>
  named.name === one.name && (named.namespace ?? one.namespace) === one.namespace

type Choice = NonNullable<ResponsesRequest["tool_choice"]>

/** Entries of dropped kinds narrow nothing. */
const narrow = (all: ReadonlyArray<Listed & Named>, allowed: ReadonlyArray<Loose>) =>
  Either.gen(function* () {
    const kept = new Set<Listed & Named>()
    for (const [i, entry] of allowed.entries()) {
      const { name, namespace, type } = entry
      if (type !== "function" && type !== "custom") continue
      const found = all.filter(
        (one) =>
          one.kind === type &&
          typeof name === "string" &&
          isMeant({ name, namespace: typeof namespace === "string" ? namespace : undefined }, one)
      )
      if (found.length === 0) yield* Either.left(absent(`tool_choice.tools[${i}]`))
      for (const one of found) kept.add(one)
    }
    return all.filter((one) => kept.has(one))
  })

const absent = (param: string) => Errors.invalid(param, `Invalid value for '${param}': no such tool in 'tools'.`)

const choose = (all: ReadonlyArray<Listed & Named>, choice: Choice, parallel: boolean): Checked<Toolset> =>
  Either.gen(function* () {
    const isWide = choice === "auto" || choice === "none"
    if (all.length === 0 && !isWide) return yield* Either.left(Errors.choiceWithoutTools("tool_choice", "tools"))
    const allowed = typeof choice === "object" && choice.type === "allowed_tools" ? choice : undefined
    const kept = allowed === undefined ? all : yield* narrow(all, allowed.tools)
    const tools = kept.map(({ flat, tool }) => ({ ...tool, name: flat }))
    if (allowed?.mode === "required" && tools.length === 0) return yield* Either.left(absent("tool_choice.tools"))
    if (tools.length === 0 || choice === "none") return noTools
    if (typeof choice === "string") return { tools, choice, parallel }
    if (choice.type === "allowed_tools") return { tools, choice: choice.mode, parallel }
    const one = all.find((tool) => tool.kind === choice.type && isMeant(choice, tool))
    return one === undefined
      ? yield* Either.left(absent("tool_choice.name"))
      : { tools, choice: { name: one.flat }, parallel }
  })

export const read = (payload: ResponsesRequest, skip: Skip): Checked<Tools> =>
  Either.gen(function* () {
    const { echoed, listed } = yield* list(payload.tools ?? [], skip)
    if (listed.length > limits.tools) {
      const message = `Invalid 'tools': expected an array with maximum length ${limits.tools}.`
      return yield* Either.left(Errors.invalid("tools", message, "array_above_max_length"))
    }
    const named = yield* flatten(listed)
    const toolset = yield* choose(named, payload.tool_choice ?? "auto", payload.parallel_tool_calls ?? true)
    return { toolset, named, echoed }
  })

/** What the model knows a tool by that the history calls so. */
export const flatName = (named: ReadonlyArray<Named>, name: string, namespace: string | null | undefined): string =>
  named.find((one) => isMeant({ name, namespace }, one))?.flat ?? name

export const toFormat = ({ text }: ResponsesRequest): OutputFormat => {
  const format = text?.format
  if (format?.type !== "json_schema") return { type: format?.type ?? "text" }
  return { type: "json_schema", name: format.name, schema: format.schema, strict: format.strict === true }
}
