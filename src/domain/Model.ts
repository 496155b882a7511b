/**
 * The models of an instance, and how a client's model name resolves to one.
 */
import { Either } from "effect"
import { efforts, type ReasoningEffort } from "./Chat.ts"

/** A model as reported; unknown figures are absent, never invented. */
export interface Model {
  readonly key: string
  readonly name: string
  readonly scene: string
  readonly isDefault: boolean
  readonly reasoning?: boolean
  readonly vision?: boolean
  readonly contextLength?: number
  readonly maxOutputTokens?: number
}

/** `*` in a pattern matches any text; case-insensitive. */
export interface Alias {
  readonly pattern: string
  readonly target: string
  /** Applies only to requests with one of these efforts; such an alias wins over a model of the same name. */
  readonly efforts?: ReadonlyArray<ReasoningEffort>
}

/** Settings of name resolution. */
export interface ResolveOptions {
  readonly aliases: ReadonlyArray<Alias>
  /** Key or display name of the model that `auto`, `lingma` and `agent` mean. */
  readonly defaultModel: string
  /** `default`: an unknown name resolves to the default model. */
  readonly fallback: "none" | "default"
}

/** The result of resolving a name on an instance. */
export interface Resolved {
  readonly key: string
  /** Absent when the instance listed no models and the name is passed on unchanged. */
  readonly model?: Model
  readonly mode?: "agent"
}

const AGENT_WORDS = new Set(["agent", "lingma-agent"])
const WORDS = new Set(["auto", "lingma", ...AGENT_WORDS])
const LONGEST = 128

const fold = (text: string) => text.trim().toLowerCase()

/** Claude Code appends it to any model's name to ask for a context window of a million tokens. */
const WINDOW = /\[1m\]\s*$/i

const asName = (asked: string) => asked.replace(WINDOW, "").trim()

/** A name that is safe to show: cut to the longest model name, without control characters. */
export const cut = (name: string): string => {
  const short = name.length <= LONGEST ? name : `${name.slice(0, LONGEST).replace(/[\uD800-\uDBFF]$/, "")}…`
  return short.replace(/[\p{Cc}\p{Zl}\p{Zp}]/gu, "\uFFFD")
}

// One display name can occur in several scenes under different keys: chat wins, then assistant.
const place = ({ scene }: Model) => (scene === "chat" ? 0 : scene === "assistant" ? 1 : 2)
const ranked = (models: ReadonlyArray<Model>) => [...models].sort((a, b) => place(a) - place(b))

/** Deduplicated by key; chat and assistant first, otherwise in the order given. */
export const listed = (models: ReadonlyArray<Model>): ReadonlyArray<Model> => {
  const seen = new Set<string>()
  return ranked(models).filter(({ key }) => !seen.has(key) && seen.add(key))
}

const lookup = (models: ReadonlyArray<Model>, name: string): Model | undefined => {
  const exact = models.find(({ key }) => key === name)
  if (exact !== undefined) return exact
  const folded = fold(name)
  const alike = models.filter(({ key }) => fold(key) === folded)
  if (alike[0] !== undefined && alike.every(({ key }) => key === alike[0]?.key)) return alike[0]
  return models.find((model) => fold(model.name) === folded)
}

const standard = (models: ReadonlyArray<Model>, wanted: string): Model | undefined =>
  lookup(models, wanted) ??
  lookup(models, "auto") ??
  models.find((model) => model.isDefault && place(model) < 2) ??
  models[0]

export const matches = ({ pattern }: Pick<Alias, "pattern">, name: string): boolean => {
  const folded = fold(name)
  const [head = "", ...middle] = fold(pattern).split("*")
  const tail = middle.pop()
  if (tail === undefined) return folded === head
  const end = folded.length - tail.length
  let at = head.length
  if (at > end || !folded.startsWith(head) || !folded.endsWith(tail)) return false
  for (const part of middle) {
    const found = folded.indexOf(part, at)
    if (found < 0 || found + part.length > end) return false
    at = found + part.length
  }
  return true
}

const distance = (a: string, b: string): number => {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const change = row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)
      next.push(Math.min(change, row[j]! + 1, next[j - 1]! + 1))
    }
    row = next
  }
  return row[b.length]!
}

const bare = (text: string) =>
  fold(text)
    .replace(/[^\p{L}\p{N}]/gu, "")
    .slice(0, 48)

const near = (models: ReadonlyArray<Model>, asked: string): ReadonlyArray<string> => {
  const wanted = bare(asked.slice(0, LONGEST))
  const labels = [...new Set(models.slice(0, 100).flatMap(({ key, name }) => [name, key]))]
  return labels
    .map((label) => ({ label, text: bare(label) }))
    .filter(({ text }) => text !== "" && wanted.length > 1)
    .map(({ label, text }) => ({ label, text, far: distance(wanted, text) }))
    .filter(
      ({ far, text }) =>
        far <= Math.max(2, wanted.length / 3) || text.includes(wanted) || text.slice(0, 4) === wanted.slice(0, 4)
    )
    .sort((a, b) => a.far - b.far)
    .slice(0, 3)
    .map(({ label }) => cut(label))
}

/** Target of the first matching alias, those with an effort first. Not recursive: a target is not an alias again. */
const aliasFor = (name: string, aliases: ReadonlyArray<Alias>, effort: ReasoningEffort | undefined) => {
  const fitting = aliases.filter((alias) => matches(alias, name))
  return {
    byEffort: fitting.find((alias) => effort !== undefined && alias.efforts?.includes(effort))?.target,
    byName: fitting.find((alias) => alias.efforts === undefined)?.target
  }
}

/**
 * Whether the model takes no images. Only an explicit flag counts; a name such as Auto stands for whichever model the
 * upstream chooses, so its flag is ignored.
 */
export const refusesImages = (model: Model | undefined): boolean =>
  model?.vision === false && fold(model.name) !== "auto" && !/(^|_)auto$/.test(fold(model.key))

/** Whether DEFAULT_MODEL resolves in this list; true for an empty list. */
export const hasDefault = (models: ReadonlyArray<Model>, { defaultModel }: Pick<ResolveOptions, "defaultModel">) =>
  models.length === 0 || WORDS.has(fold(defaultModel)) || lookup(ranked(models), defaultModel) !== undefined

/** The mode that a name or its alias asks for, on any instance. */
export const modeOf = (
  asked: string,
  { aliases }: Pick<ResolveOptions, "aliases">,
  effort?: ReasoningEffort
): "agent" | undefined => {
  const name = asName(asked)
  const { byEffort, byName } = aliasFor(name, aliases, effort)
  return [name, byEffort ?? byName].some((word) => word !== undefined && AGENT_WORDS.has(fold(word)))
    ? "agent"
    : undefined
}

/**
 * Order: an alias for the effort whose target exists, exact key, unique key in another case, display name, alias, then
 * the names of the default model. Left holds similar names. With an empty list, names are passed on unchanged.
 */
export const resolve = (
  models: ReadonlyArray<Model>,
  asked: string,
  options: ResolveOptions,
  effort?: ReasoningEffort
): Either.Either<Resolved, ReadonlyArray<string>> => {
  const known = ranked(models)
  const found = (model: Model | undefined): Resolved | undefined => model && { key: model.key, model }
  const byDefault = (): Resolved => found(standard(known, options.defaultModel)) ?? { key: options.defaultModel }
  const byWord = (name: string): Resolved | undefined => {
    if (name === "" || WORDS.has(fold(name))) return byDefault()
    return known.length === 0 ? { key: name } : undefined
  }

  const name = asName(asked)
  const { byEffort, byName } = aliasFor(name, options.aliases, effort)
  const chosen = byEffort === undefined ? undefined : (found(lookup(known, byEffort)) ?? byWord(byEffort))
  const direct = chosen ?? found(lookup(known, name))
  const target = (chosen === undefined ? direct === undefined && byName : byEffort) || name
  const resolved =
    direct ??
    found(lookup(known, target)) ??
    byWord(target) ??
    (options.fallback === "default" ? byDefault() : undefined)
  if (resolved === undefined) return Either.left(near(listed(models), target))
  const agent = AGENT_WORDS.has(fold(name)) || AGENT_WORDS.has(fold(target))
  return Either.right(agent ? { ...resolved, mode: "agent" } : resolved)
}

/** A name that clients can use. */
export interface Named {
  readonly id: string
  /** Display name. */
  readonly name: string
  /** Absent when the instance listed no such model and the name is passed on unchanged. */
  readonly model?: Model
}

/** Resolves a name for listing; undefined when a chat with it would not be served. */
export const named = (models: ReadonlyArray<Model>, id: string, options: ResolveOptions): Named | undefined =>
  Either.match(id.trim() === "" ? Either.left([]) : resolve(models, id, options), {
    onLeft: () => undefined,
    onRight: ({ key, model }) => ({ id, name: model?.name ?? key, ...(model === undefined ? {} : { model }) })
  })

/** The names to list: keys, the names of the default model, and aliases without wildcards. */
export const names = (models: ReadonlyArray<Model>, options: ResolveOptions): ReadonlyArray<Named> => {
  const taken = new Set(models.map(({ key }) => key))
  const plain = options.aliases.flatMap(({ efforts, pattern }) =>
    pattern.includes("*") || efforts !== undefined ? [] : [pattern]
  )
  const others = ["auto", "agent", ...plain].flatMap((id) =>
    taken.has(id) || !taken.add(id) ? [] : (named(models, id, options) ?? [])
  )
  return [...models.map((model) => ({ id: model.key, name: model.name, model })), ...others]
}

const isEffort = (word: string): word is ReasoningEffort => efforts.some((effort) => effort === word)

/** Parses `auto@high|xhigh`; a name may contain an `@` itself. */
const parsePattern = (text: string): Omit<Alias, "target"> | undefined => {
  const at = text.lastIndexOf("@")
  const words = text.slice(at + 1).split("|")
  if (at < 0 || !words.some((word) => isEffort(fold(word)))) return { pattern: text }
  const wanted = words.map(fold).filter(isEffort)
  const pattern = text.slice(0, at).trim()
  return wanted.length === words.length && pattern !== "" ? { pattern, efforts: wanted } : undefined
}

/** Parses `claude-*=qwen3-coder,auto@high=qwen3-thinking`; Left holds the broken rule, never the value. */
export const parseAliases = (text: string): Either.Either<ReadonlyArray<Alias>, string> =>
  Either.all(
    text
      .split(",")
      .filter((entry) => entry.trim() !== "")
      .map((entry, i): Either.Either<Alias, string> => {
        const [left = "", target = "", ...rest] = entry.split("=").map((part) => part.trim())
        const parsed = left === "" ? undefined : parsePattern(left)
        if (parsed !== undefined && target !== "" && rest.length === 0) return Either.right({ ...parsed, target })
        return Either.left(`must be a list of pattern=model or pattern@effort|…=model, which entry ${i + 1} is not`)
      })
  )
