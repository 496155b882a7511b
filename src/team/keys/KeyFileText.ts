/**
 * What a KEYS_FILE says: the keys in its text. Loaded with the first such file, since a YAML parser takes its time.
 */
import { Config, Data, Effect, Either, Option } from "effect"
import { isMap, isScalar, isSeq, LineCounter, parseDocument, type YAMLMap } from "yaml"
import * as Digest from "./Digest.ts"
import * as Key from "./Key.ts"

const MOST_KEYS = 10_000

/** What is wrong, and where in the text. */
class Wrong extends Data.TaggedError("Wrong")<{ readonly reason: string; readonly at: number | undefined }> {}

type Node = { readonly range?: readonly [number, number, number] | null } | null | undefined
const offsetOf = (node: unknown): number | undefined => (node as Node)?.range?.[0]
const wrong = (reason: string, node: unknown) => new Wrong({ reason, at: offsetOf(node) })

const namesOfGrants = new Map(
  Object.entries(Key.fields).map(([field, name]) => [name as string, field as keyof Key.Grants])
)
const known = ["name", "digest", "key", ...namesOfGrants.keys()]

/** A value as the field takes it; undefined if it is of another kind. */
const valueOf = (field: keyof Key.Grants, value: unknown): Key.Grants[keyof Key.Grants] | Wrong => {
  const kind = (reason: string) => new Wrong({ reason: `${Key.fields[field]} must be ${reason}`, at: undefined })
  switch (field) {
    case "isAdmin":
      return typeof value === "boolean" ? value : kind("true or false")
    case "models":
      if (typeof value === "string") return Key.parseModels(value)
      return Array.isArray(value) && value.every((one) => typeof one === "string") ? value : kind("a list of patterns")
    case "expiresAt":
      return (
        (typeof value === "string" ? Key.parseDate(value) : undefined) ??
        new Wrong({ reason: `expires ${Key.WRONG_DATE}`, at: undefined })
      )
    default:
      return typeof value === "number" ? value : kind("a number")
  }
}

const VARIABLE = /^\$\{([A-Za-z_][A-Za-z0-9_]*)\}$/

/** The digest that an entry names, or that of the key in the variable it names. */
const digestOf = (entry: YAMLMap, name: string) => {
  const digest = entry.get("digest")
  const key = entry.get("key")
  if ((digest === undefined) === (key === undefined)) return wrong(`${name} must have either digest or key`, entry)
  if (digest !== undefined) {
    const hex = /^sha256:([0-9a-f]{64})$/i.exec(String(digest))?.[1]?.toLowerCase()
    return hex === undefined
      ? wrong("digest must be sha256: and 64 hexadecimal digits", entry.get("digest", true))
      : Effect.succeed({ digest: hex, lastFour: "" })
  }
  const variable = VARIABLE.exec(String(key))?.[1]
  if (variable === undefined)
    return wrong(
      `key must name an environment variable, as in $\{ALICE_KEY}: a key does not belong into a file`,
      entry.get("key", true)
    )
  return Effect.flatMap(Effect.orElseSucceed(Config.option(Config.string(variable)), Option.none<string>), (found) => {
    const secret = Option.getOrElse(found, () => "").trim()
    return secret === ""
      ? wrong(`the environment variable ${variable} is not set`, entry.get("key", true))
      : Effect.succeed({ digest: Digest.of(secret), lastFour: Key.lastFourOf(secret) })
  })
}

const readEntry = Effect.fnUntraced(function* (node: unknown) {
  if (!isMap(node)) return yield* wrong("each of keys must be a mapping with a name", node)
  for (const { key } of node.items) {
    const name = isScalar(key) ? String(key.value) : ""
    if (!known.includes(name)) return yield* wrong(`unknown field; known are ${known.join(", ")}`, key)
  }
  const nameNode = node.get("name", true)
  const name = yield* Either.mapLeft(Key.checkName(String(node.get("name") ?? "")), ({ message }) =>
    wrong(message, nameNode ?? node)
  )
  const given: Partial<Record<keyof Key.Grants, unknown>> = {}
  for (const [label, field] of namesOfGrants) {
    const value: unknown = node.get(label, true)
    if (value === undefined) continue
    const plain: unknown = isScalar(value) ? value.value : isSeq(value) ? value.toJSON() : undefined
    if (plain === null) continue
    const read = valueOf(field, plain)
    if (read instanceof Wrong) return yield* wrong(read.reason, value)
    given[field] = read
  }
  const grants = yield* Either.mapLeft(
    Key.check({ ...Key.noLimits, ...(given as Partial<Key.Grants>) }),
    ({ field, message }) => wrong(message, node.get(field, true) ?? node)
  )
  const { digest, lastFour } = yield* digestOf(node, name)
  const key: Key.Key = {
    ...grants,
    id: Digest.idOf(`file:${name}`),
    name,
    lastFour,
    createdAt: 0,
    lastUsedAt: undefined,
    source: "file"
  }
  return { known: { key, digest }, node: nameNode }
})

const readText = Effect.fnUntraced(function* (text: string, lines: LineCounter) {
  const document = parseDocument(text, { lineCounter: lines, uniqueKeys: true, maxAliasCount: 0 } as Parameters<
    typeof parseDocument
  >[1])
  const broken = document.errors[0]
  // The library's own message repeats the line, which may hold a key.
  if (broken !== undefined)
    return yield* new Wrong({
      reason: `not valid YAML (${broken.code.toLowerCase().replaceAll("_", " ")})`,
      at: broken.pos[0]
    })
  const { contents } = document
  if (!isMap(contents)) return yield* wrong("it must hold a mapping with keys", contents)
  const list: unknown = contents.get("keys", true)
  const other = contents.items.find(({ key }) => !(isScalar(key) && key.value === "keys"))
  if (other !== undefined) return yield* wrong("unknown field; known is keys", other.key)
  if (isScalar(list) && list.value === null) return []
  if (!isSeq(list)) return yield* wrong("keys must be a list", list ?? contents)
  if (list.items.length > MOST_KEYS) return yield* wrong(`more than ${MOST_KEYS} keys`, list)
  const names = new Set<string>()
  const digests = new Set<string>()
  const all: Array<Key.Known> = []
  for (const item of list.items) {
    const { known, node } = yield* readEntry(item)
    if (names.has(known.key.name)) return yield* wrong(`${known.key.name} is there twice`, node)
    if (digests.has(known.digest)) return yield* wrong(`the key of ${known.key.name} is there twice`, node)
    names.add(known.key.name)
    digests.add(known.digest)
    all.push(known)
  }
  return all
})

/** What is wrong with a text, and in which line where that is known. */
export interface Fault {
  readonly reason: string
  readonly line: number | undefined
}

/** The keys that a text names. */
export const parse = (text: string): Effect.Effect<ReadonlyArray<Key.Known>, Fault> =>
  Effect.suspend(() => {
    const lines = new LineCounter()
    return Effect.mapError(readText(text, lines), ({ at, reason }) => ({
      reason,
      line: at === undefined ? undefined : lines.linePos(at).line
    }))
  })
