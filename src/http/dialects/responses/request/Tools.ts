/**
 * The tools of a request with flat names for the model, and the mapping back to the client's names.
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

/** Tools that have a type instead of a name. */
export type OwnKind = "tool_search" | ClientItems.Kind

/** A tool by the client's name; `flat` is its name for the model. */
export interface Named extends ToolNames.Declared {
  readonly kind: Tool["kind"]
  readonly flat: string
  /** Its calls have their own type of item. */
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
  /** Messages for the model about namespaces and missing tools. */
  readonly told: ReadonlyArray<Message>
  /** The tools of known kinds as the client wrote them, for the response. */
  readonly echoed: ReadonlyArray<Loose>
}

const toListed = (written: FunctionTool | CustomTool, namespace: string | undefined, path: Path): Listed => {
  if (written.type === "function") return { tool: OpenAiTools.ofFunction(written), namespace, at: format(path) }
  const grammar = written.format?.type === "grammar" ? written.format : undefined
  return { tool: OpenAiTools.ofCustom(written, grammar), namespace, at: format(path) }
}

const readTool = Kinds.reader("tools", kinds.tools)
const readMember = Kinds.reader("tools", { function: kinds.tools.function, custom: kinds.tools.custom })

/** The name of the search tool for the model. */
export const SEARCH = "tool_search"

/** Tools within the input. */
export interface Found {
  readonly tools: ReadonlyArray<Loose>
  readonly path: Path
}

/** Its parameters are the client's, or by default those of OpenAI's search. */
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
  /** Called for kinds that are not available. */
  readonly skip: Kinds.Skip
  readonly missing: ReturnType<typeof Hosted.gather>
  /** Namespaces with a description. */
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
        // OpenAI's own search loads deferred tools; here no tool is deferred.
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

/** The bare name if it is unique, because models write that; else the name with its namespace. */
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

/** Finds the tools that a choice names, by name or by type. */
const finder = (all: ReadonlyArray<Flat>) => {
  const byName = ToolNames.index(all)
  return ({ name, namespace, type }: Loose): ReadonlyArray<Flat> =>
    type === "function" || type === "custom"
      ? byName({ name: String(name), namespace: typeof namespace === "string" ? namespace : undefined }).filter(
          (one) => one.kind === type && one.own === undefined
        )
      : all.filter((one) => one.own === type)
}

/** Restricts the tools to the allowed ones. Entries of unavailable kinds are ignored: the tools report them. */
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

/** Max characters of a namespace's description; its tools have their own. */
const MOST_SAID = 2000

const shortened = (text: string): string =>
  text.length <= MOST_SAID ? text : `${WellFormed.repair(text.slice(0, MOST_SAID))}…`

/** Describes the namespaces to the model, with the flat names of their tools. */
const toldOf = (described: ReadonlyArray<NamespaceTool>, named: ReadonlyArray<Named>): ReadonlyArray<Message> => {
  const lines = new Map<string, string>()
  for (const { description, name } of described) {
    const members = named.filter(({ namespace }) => namespace === name).map(({ flat }) => flat)
    if (members.length > 0) lines.set(name, `- ${name} (${members.join(", ")}): ${shortened(description ?? "")}`)
  }
  return lines.size === 0 ? [] : [message("system", `Some tools belong together:\n${[...lines.values()].join("\n")}`)]
}

/** Of tools with the same name, the last one counts. */
const merged = (listed: ReadonlyArray<Listed>): ReadonlyArray<Listed> => [
  ...new Map(listed.map((one) => [JSON.stringify([one.namespace, one.tool.name]), one])).values()
]

/** `found`: further tools within the input, such as those of a client's search. */
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

/** The flat name of a tool in the history; a tool that is no longer offered keeps its name. */
export const flatNames = (named: ReadonlyArray<Named>) => {
  const find = ToolNames.index(named)
  return (name: string, namespace?: string | null): string => find({ name, namespace })[0]?.flat ?? name
}

export const toFormat = (format: NonNullable<ResponsesRequest["text"]>["format"]): Checked<OutputFormat> =>
  format?.type === "json_schema"
    ? OpenAiTools.ofSchema(format, "text.format.schema")
    : Either.right({ type: format?.type ?? "text" })
