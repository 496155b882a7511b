/**
 * The tools of a request as one flat list of names, and each name back as the client wrote it.
 */
import { Either } from "effect"
import { type Message, message, noTools, type OutputFormat, type Tool, type Toolset } from "../../../../domain/Chat.ts"
import * as EitherFn from "../../../../runtime/EitherFn.ts"
import * as FieldSupport from "../../../chat/FieldSupport.ts"
import type { Path } from "../../../chat/SchemaIssue.ts"
import { format } from "../../../chat/SchemaIssue.ts"
import * as WellFormed from "../../../chat/WellFormed.ts"
import * as Hosted from "../../openai/HostedTools.ts"
import * as Errors from "../../openai/OpenAiErrors.ts"
import * as OpenAiTools from "../../openai/OpenAiTools.ts"
import type * as ClientItems from "./ClientItems.ts"
import * as ClientTools from "./ClientTools.ts"
import * as Kinds from "./Kinds.ts"
import type { Loose } from "./Loose.ts"
import {
  type CustomTool,
  type FunctionTool,
  kinds,
  limits,
  type NamespaceTool,
  type ResponsesRequest,
  type ToolSearch
} from "./Payload.ts"
import * as ToolNames from "./ToolNames.ts"

type Checked<A> = Kinds.Checked<A>

/** Tools that have a kind in place of a name. */
export type OwnKind = "tool_search" | ClientItems.Kind

/** As the client names it; `flat` is what the model is told. */
export interface Named extends ToolNames.Declared {
  readonly kind: Tool["kind"]
  readonly flat: string
  /** Its calls are items of their own kind. */
  readonly own: OwnKind | undefined
}

interface Listed extends OpenAiTools.Listed {
  readonly namespace: string | undefined
  readonly own?: OwnKind
}

interface Flat extends Named, OpenAiTools.Listed {}

export interface Tools {
  readonly toolset: Toolset
  readonly named: ReadonlyArray<Named>
  /** What the model is to know of those that are not there. */
  readonly told: ReadonlyArray<Message>
  /** Those of known kinds, as they were written. */
  readonly echoed: ReadonlyArray<Loose>
}

const toListed = (written: FunctionTool | CustomTool, namespace: string | undefined, path: Path): Listed => {
  if (written.type === "function") return { tool: OpenAiTools.ofFunction(written), namespace, at: format(path) }
  const grammar = written.format?.type === "grammar" ? written.format : undefined
  return { tool: OpenAiTools.ofCustom(written, grammar), namespace, at: format(path) }
}

const readTool = Kinds.reader("tools", kinds.tools)
const readMember = Kinds.reader("tools", { function: kinds.tools.function, custom: kinds.tools.custom })

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
  return { tool, namespace: undefined, at: format(path), own: "tool_search" }
}

interface Listing {
  readonly listed: Array<Listed>
  /** Told of kinds that are not there. */
  readonly skip: Kinds.Skip
  readonly missing: ReturnType<typeof Hosted.gather>
  /** Namespaces that say what they are for. */
  readonly described: Array<NamespaceTool>
}

const list = EitherFn.fn(function* (
  tools: ReadonlyArray<Loose>,
  root: Path,
  { described, listed, missing, skip }: Listing
) {
  const echoed: Array<Loose> = []
  for (const [i, written] of tools.entries()) {
    const path = [...root, i]
    const kind = Kinds.kindOf(written, "function")
    const tool = yield* readTool(written, kind, path, skip)
    if (tool === undefined) {
      missing.add(kind, written["server_label"])
      continue
    }
    FieldSupport.unheardOf(written).forEach(skip)
    echoed.push(
      tool.type === "function"
        ? {
            ...written,
            type: "function",
            description: tool.description ?? null,
            parameters: tool.parameters ?? null,
            strict: tool.strict ?? false
          }
        : written
    )
    switch (tool.type) {
      case "tool_search":
        // A search of OpenAI's own loads what is deferred; here nothing is.
        if (tool.execution === "client") listed.push(toSearch(tool, path))
        break
      case "local_shell":
      case "shell":
      case "apply_patch":
        if (ClientTools.isHosted(tool)) {
          skip(FieldSupport.within("tools", tool.type))
          missing.add(tool.type)
        } else listed.push({ tool: ClientTools.offered(tool), namespace: undefined, at: format(path), own: tool.type })
        break
      case "namespace":
        if (tool.description?.trim()) described.push(tool)
        for (const [k, inner] of tool.tools.entries()) {
          const here = [...path, "tools", k]
          const member = yield* readMember(inner, Kinds.kindOf(inner, "function"), here, skip)
          if (member !== undefined) FieldSupport.unheardOf(inner).forEach(skip)
          if (member !== undefined) listed.push(toListed(member, tool.name, here))
        }
        break
      default:
        listed.push(toListed(tool, undefined, path))
    }
  }
  return echoed
})

/** The bare name where it is the only one, for that is what a model writes; else with its namespace before it. */
const flatten = (listed: ReadonlyArray<Listed>): ReadonlyArray<Flat> => {
  const times = new Map<string, number>()
  for (const { tool } of listed) times.set(tool.name, (times.get(tool.name) ?? 0) + 1)
  return listed.map(({ at, namespace, own, tool }) => {
    const { kind, name } = tool
    const flat = times.get(name) === 1 || namespace === undefined ? name : `${namespace}.${name}`
    const aliases = ToolNames.aliases({ name, namespace })
    const offered = { ...tool, name: flat, ...(aliases.length === 0 ? {} : { aliases }) }
    return { kind, name, namespace, flat, own, at, tool: offered }
  })
}

type Choice = NonNullable<ResponsesRequest["tool_choice"]>

/** Tools that a choice names: by their name, or by their kind. */
const finder = (all: ReadonlyArray<Flat>) => {
  const byName = ToolNames.index(all)
  return ({ name, namespace, type }: Loose): ReadonlyArray<Flat> =>
    type === "function" || type === "custom"
      ? byName({ name: String(name), namespace: typeof namespace === "string" ? namespace : undefined }).filter(
          (one) => one.kind === type && one.own === undefined
        )
      : all.filter((one) => one.own === type)
}

/** Entries of kinds that are not there narrow nothing: they are told of as tools. */
const narrow = EitherFn.fn(function* (all: ReadonlyArray<Flat>, allowed: ReadonlyArray<Loose>) {
  const kept = new Set<Flat>()
  const find = finder(all)
  for (const [i, entry] of allowed.entries()) {
    const { type } = entry
    if (typeof type !== "string" || !Object.hasOwn(kinds.tools, type)) continue
    const found = find(entry)
    if (found.length === 0) yield* Either.left(absent(`tool_choice.tools[${i}]`))
    for (const one of found) kept.add(one)
  }
  return all.filter((one) => kept.has(one))
})

const absent = (param: string) => Errors.invalid(param, `Invalid value for '${param}': no such tool in 'tools'.`)

const isHosted = (kind: string): boolean => (Hosted.kinds as ReadonlyArray<string>).includes(kind)

const choose = EitherFn.fn(function* (
  all: ReadonlyArray<Flat>,
  missing: ReadonlyArray<string>,
  choice: Choice,
  parallel: boolean
): EitherFn.Return<Toolset, Errors.Failure> {
  const [lost] = missing
  if (typeof choice === "object" && isHosted(choice.type))
    return yield* Either.left(Hosted.forced("tool_choice", choice.type))
  const isWide = choice === "auto" || choice === "none"
  if (all.length === 0 && !isWide) {
    return yield* Either.left(
      lost === undefined ? Errors.choiceWithoutTools("tool_choice", "tools") : Hosted.forced("tool_choice", lost)
    )
  }
  const allowed = typeof choice === "object" && choice.type === "allowed_tools" ? choice : undefined
  const kept = allowed === undefined ? all : yield* narrow(all, allowed.tools)
  const tools = kept.map(({ tool }) => tool)
  if (allowed?.mode === "required" && tools.length === 0) {
    return yield* Either.left(Hosted.forced("tool_choice.tools", String(allowed.tools[0]?.["type"])))
  }
  const mode = allowed === undefined ? choice : (allowed.mode ?? "auto")
  if (tools.length === 0 || mode === "none") return noTools
  if (typeof mode === "string") return { tools, choice: mode, parallel }
  const [one] = finder(all)({ ...mode })
  if (one !== undefined) return { tools, choice: { name: one.flat }, parallel }
  return yield* Either.left(
    missing.includes(mode.type)
      ? Hosted.forced("tool_choice", mode.type)
      : absent("name" in mode ? "tool_choice.name" : "tool_choice")
  )
})

/** Most characters of what a namespace says of itself; its tools have their own descriptions. */
const MOST_SAID = 2000

const shortened = (text: string): string =>
  text.length <= MOST_SAID ? text : `${WellFormed.repair(text.slice(0, MOST_SAID))}…`

/** What namespaces are for, by the names that the model knows their tools by. */
const toldOf = (described: ReadonlyArray<NamespaceTool>, named: ReadonlyArray<Named>): ReadonlyArray<Message> => {
  const lines = new Map<string, string>()
  for (const { description, name } of described) {
    const members = named.filter(({ namespace }) => namespace === name).map(({ flat }) => flat)
    if (members.length > 0) lines.set(name, `- ${name} (${members.join(", ")}): ${shortened(description ?? "")}`)
  }
  return lines.size === 0 ? [] : [message("system", `Some tools belong together:\n${[...lines.values()].join("\n")}`)]
}

/** One that is given again is the one that was given last. */
const merged = (listed: ReadonlyArray<Listed>): ReadonlyArray<Listed> => [
  ...new Map(listed.map((one) => [JSON.stringify([one.namespace, one.tool.name]), one])).values()
]

/** `found` came with the input: a client's further tools, and those that a search of its has found. */
export const read = EitherFn.fn(function* (
  payload: ResponsesRequest,
  skip: Kinds.Skip,
  found: ReadonlyArray<Found> = []
): EitherFn.Return<Tools, Errors.Failure> {
  const missing = Hosted.gather()
  const all: Array<Listed> = []
  const described: Array<NamespaceTool> = []
  const listing: Listing = { described, listed: all, missing, skip }
  const echoed = yield* list(payload.tools ?? [], ["tools"], listing)
  for (const { path, tools } of found) yield* list(tools, path, listing)
  const listed = found.length === 0 ? all : merged(all)
  if (listed.length > limits.tools) {
    const message = `Invalid 'tools': expected an array with maximum length ${limits.tools}.`
    return yield* Either.left(Errors.invalid("tools", message, "array_above_max_length"))
  }
  const named = flatten(listed)
  const format = payload.text?.format
  yield* OpenAiTools.checked(named, format?.type === "json_schema" ? format.schema : undefined)
  const { parallel_tool_calls: parallel, tool_choice: choice } = payload
  const toolset = yield* choose(named, missing.kinds(), choice ?? "auto", parallel ?? true)
  return { toolset, named, echoed, told: [...toldOf(described, named), ...missing.told()] }
})

/** What the model knows a tool by that the history calls so; one that is gone keeps its name. */
export const flatNames = (named: ReadonlyArray<Named>) => {
  const find = ToolNames.index(named)
  return (name: string, namespace?: string | null): string => find({ name, namespace })[0]?.flat ?? name
}

export const toFormat = (format: NonNullable<ResponsesRequest["text"]>["format"]): Checked<OutputFormat> =>
  format?.type === "json_schema"
    ? OpenAiTools.ofSchema(format, "text.format.schema")
    : Either.right({ type: format?.type ?? "text" })
