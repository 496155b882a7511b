/**
 * The tools of a request as one flat list of names, and each name back as the client wrote it.
 */
import { Either } from "effect"
import { noTools, type OutputFormat, type Tool, type Toolset } from "../../../domain/Chat.ts"
import * as EitherFn from "../../../runtime/EitherFn.ts"
import type { Path } from "../../chat/SchemaIssue.ts"
import { format } from "../../chat/SchemaIssue.ts"
import * as Errors from "../openai/OpenAiErrors.ts"
import * as OpenAiTools from "../openai/OpenAiTools.ts"
import * as Kinds from "./Kinds.ts"
import {
  type CustomTool,
  type FunctionTool,
  kinds,
  type Loose,
  limits,
  type NamedTool,
  type ResponsesRequest,
  type ToolSearch
} from "./Payload.ts"

type Checked<A> = Kinds.Checked<A>

/** As the client names it; `flat` is what the model is told. */
export interface Named {
  readonly kind: Tool["kind"]
  readonly name: string
  readonly namespace: string | undefined
  readonly flat: string
  /** Its calls are items of their own kind. */
  readonly isSearch: boolean
}

interface Listed extends OpenAiTools.Listed {
  readonly namespace: string | undefined
  readonly isSearch?: boolean
}

interface Flat extends Named, OpenAiTools.Listed {}

export interface Tools {
  readonly toolset: Toolset
  readonly named: ReadonlyArray<Named>
  /** Those of known kinds, as they were written. */
  readonly echoed: ReadonlyArray<Loose>
}

const toListed = (written: FunctionTool | CustomTool, namespace: string | undefined, path: Path): Listed => {
  if (written.type === "function") return { tool: OpenAiTools.ofFunction(written), namespace, at: format(path) }
  const grammar = written.format?.type === "grammar" ? written.format : undefined
  return { tool: OpenAiTools.ofCustom(written, grammar), namespace, at: format(path) }
}

const readTool = Kinds.reader("tool", kinds.tools)
const readMember = Kinds.reader("tool", { function: kinds.tools.function, custom: kinds.tools.custom })

type Skip = (what: string) => void

/** What the model calls a search by. */
export const SEARCH = "tool_search"

/** Tools within the input. */
export interface Found {
  readonly tools: ReadonlyArray<Loose>
  readonly path: Path
}

/** Its parameters are the client's, or what OpenAI's own takes. */
const toSearch = ({ description, parameters }: ToolSearch, path: Path): Listed => {
  const { tool } = toListed(
    {
      type: "function",
      name: SEARCH,
      description:
        description ?? "Searches the tools that are not listed here. Those it finds can be called afterwards.",
      parameters: parameters ?? {
        type: "object",
        properties: { query: { type: "string", description: "What the tool should do" } },
        required: ["query"]
      }
    },
    undefined,
    path
  )
  return { tool, namespace: undefined, at: format(path), isSearch: true }
}

const list = EitherFn.fn(function* (tools: ReadonlyArray<Loose>, root: Path, skip: Skip) {
  const listed: Array<Listed> = []
  const echoed: Array<Loose> = []
  for (const [i, written] of tools.entries()) {
    const path = [...root, i]
    const tool = yield* readTool(written, Kinds.kindOf(written, "function"), path, skip)
    if (tool === undefined) continue
    echoed.push(
      tool.type === "function"
        ? { ...written, parameters: tool.parameters ?? null, strict: tool.strict ?? false }
        : written
    )
    if (tool.type === "tool_search") listed.push(toSearch(tool, path))
    else if (tool.type !== "namespace") listed.push(toListed(tool, undefined, path))
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
const flatten = (listed: ReadonlyArray<Listed>): ReadonlyArray<Flat> => {
  const times = new Map<string, number>()
  for (const { tool } of listed) times.set(tool.name, (times.get(tool.name) ?? 0) + 1)
  return listed.map(({ at, isSearch = false, namespace, tool }) => {
    const { kind, name } = tool
    const flat = times.get(name) === 1 || namespace === undefined ? name : `${namespace}.${name}`
    return { kind, name, namespace, flat, isSearch, at, tool: { ...tool, name: flat } }
  })
}

/** A namespace that was not given leaves it open. */
const isMeant = (named: Pick<NamedTool, "name" | "namespace">, one: Pick<Named, "name" | "namespace">): boolean =>
  named.name === one.name && (named.namespace ?? one.namespace) === one.namespace

type Choice = NonNullable<ResponsesRequest["tool_choice"]>

/** Entries of dropped kinds narrow nothing. */
const narrow = EitherFn.fn(function* (all: ReadonlyArray<Flat>, allowed: ReadonlyArray<Loose>) {
  const kept = new Set<Flat>()
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

const choose = EitherFn.fn(function* (
  all: ReadonlyArray<Flat>,
  choice: Choice,
  parallel: boolean
): EitherFn.Return<Toolset, Errors.Failure> {
  const isWide = choice === "auto" || choice === "none"
  if (all.length === 0 && !isWide) return yield* Either.left(Errors.choiceWithoutTools("tool_choice", "tools"))
  const allowed = typeof choice === "object" && choice.type === "allowed_tools" ? choice : undefined
  const kept = allowed === undefined ? all : yield* narrow(all, allowed.tools)
  const tools = kept.map(({ tool }) => tool)
  if (allowed?.mode === "required" && tools.length === 0) return yield* Either.left(absent("tool_choice.tools"))
  if (tools.length === 0 || choice === "none") return noTools
  if (typeof choice === "string") return { tools, choice, parallel }
  if (choice.type === "allowed_tools") return { tools, choice: choice.mode, parallel }
  const one = all.find((tool) => tool.kind === choice.type && isMeant(choice, tool))
  return one === undefined
    ? yield* Either.left(absent("tool_choice.name"))
    : { tools, choice: { name: one.flat }, parallel }
})

/** One that is given again is the one that was given last. */
const merged = (listed: ReadonlyArray<Listed>): ReadonlyArray<Listed> => [
  ...new Map(listed.map((one) => [JSON.stringify([one.namespace, one.tool.name]), one])).values()
]

/** `found` came with the input: a client's further tools, and those that a search of its has found. */
export const read = EitherFn.fn(function* (
  payload: ResponsesRequest,
  skip: Skip,
  found: ReadonlyArray<Found> = []
): EitherFn.Return<Tools, Errors.Failure> {
  const own = yield* list(payload.tools ?? [], ["tools"], skip)
  const further: Array<Listed> = []
  for (const { path, tools } of found) further.push(...(yield* list(tools, path, skip)).listed)
  const { echoed } = own
  const listed = further.length === 0 ? own.listed : merged([...own.listed, ...further])
  if (listed.length > limits.tools) {
    const message = `Invalid 'tools': expected an array with maximum length ${limits.tools}.`
    return yield* Either.left(Errors.invalid("tools", message, "array_above_max_length"))
  }
  const named = flatten(listed)
  const format = payload.text?.format
  yield* OpenAiTools.checked(named, format?.type === "json_schema" ? format.schema : undefined)
  const toolset = yield* choose(named, payload.tool_choice ?? "auto", payload.parallel_tool_calls ?? true)
  return { toolset, named, echoed }
})

/** What the model knows a tool by that the history calls so. */
export const flatNames = (named: ReadonlyArray<Named>) => {
  const byName = new Map<string, Array<Named>>()
  for (const one of named) {
    const same = byName.get(one.name)
    if (same === undefined) byName.set(one.name, [one])
    else same.push(one)
  }
  return (name: string, namespace: string | null | undefined): string =>
    byName.get(name)?.find((one) => isMeant({ name, namespace }, one))?.flat ?? name
}

export const toFormat = ({ text }: ResponsesRequest): Checked<OutputFormat> => {
  const format = text?.format
  return format?.type === "json_schema"
    ? OpenAiTools.ofSchema(format, "text.format.schema")
    : Either.right({ type: format?.type ?? "text" })
}
