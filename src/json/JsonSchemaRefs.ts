/**
 * Resolves references within a schema, by pointer, anchor or `$id`.
 */
import type { JsonSchema } from "../domain/Chat.ts"
import { isData, isMap } from "./JsonSchemaCopy.ts"

/** Undefined if the reference is unresolvable. */
export type Resolve = (holder: JsonSchema, reference: string) => unknown

export interface Refs {
  readonly resolve: Resolve
  /** The first unresolvable reference; with `isLocal`, only pointers into the schema itself are considered. */
  readonly dangling: (isLocal: boolean) => string | undefined
}

interface Resource {
  readonly uri: string
  readonly root: JsonSchema
}

const KEYWORDS = ["$ref", "$dynamicRef", "$recursiveRef"]
/** Max characters of a reference; a longer one is unresolvable. */
export const MAX_REFERENCE = 1024
const BASE = "schema://lingma/"

const isRecord = (value: unknown): value is JsonSchema => typeof value === "object" && value !== null

const unescape = (part: string): string => {
  const text = part.replaceAll("~1", "/").replaceAll("~0", "~")
  return /%[0-9a-f]{2}/i.test(text) && !/%(?![0-9a-f]{2})/i.test(text) ? decodeURI(text) : text
}

const at = (root: unknown, pointer: string): unknown => {
  let here = root
  for (const part of pointer.split("/").slice(1).map(unescape)) {
    if (!isRecord(here) || !Object.hasOwn(here, part)) return undefined
    here = here[part]
  }
  return here
}

const absolute = (reference: string, base: string): string | undefined => {
  try {
    return new URL(reference, base).href
  } catch {
    return undefined
  }
}

const isUsable = (target: unknown): boolean =>
  typeof target === "boolean" || (isRecord(target) && !Array.isArray(target))

/** `root`: a copy made by `JsonSchemaCopy`. */
export const make = (root: JsonSchema): Refs => {
  const main: Resource = { uri: BASE, root }
  const resources = new Map<string, Resource>([[BASE, main]])
  const anchors = new Map<string, JsonSchema>()
  const homes = new Map<JsonSchema, Resource>()
  const found: Array<readonly [JsonSchema, string]> = []

  const enter = (schema: JsonSchema, home: Resource): Resource => {
    const id = schema["$id"]
    let own = home
    if (typeof id === "string" && id.startsWith("#")) anchors.set(home.uri + id, schema)
    else if (typeof id === "string") {
      const uri = absolute(id, home.uri)?.replace(/#.*$/s, "")
      own = uri === undefined ? home : { uri, root: schema }
      resources.set(own.uri, own)
    }
    for (const key of ["$anchor", "$dynamicAnchor"]) {
      const name = schema[key]
      if (typeof name === "string") anchors.set(`${own.uri}#${name}`, schema)
    }
    return own
  }

  const open: Array<readonly [unknown, Resource, isMap: boolean]> = [[root, main, false]]
  for (let one = open.pop(); one !== undefined; one = open.pop()) {
    const [value, home, isNames] = one
    if (!isRecord(value)) continue
    const isSchema = !isNames && !Array.isArray(value)
    const own = isSchema ? enter(value, home) : home
    for (const [key, inner] of Object.entries(value)) {
      if (isSchema && KEYWORDS.includes(key) && typeof inner === "string") {
        homes.set(value, own)
        found.push([value, inner])
      } else if (!isSchema || !isData(key)) open.push([inner, own, isSchema && isMap(key)])
    }
  }

  const resolve: Resolve = (holder, reference) => {
    if (reference.length > MAX_REFERENCE) return undefined
    const home = homes.get(holder) ?? main
    const hash = reference.indexOf("#")
    const name = hash < 0 ? reference : reference.slice(0, hash)
    const fragment = hash < 0 ? "" : reference.slice(hash + 1)
    const resource = name === "" ? home : resources.get(absolute(name, home.uri) ?? "")
    if (resource === undefined) return undefined
    const target =
      fragment === ""
        ? resource.root
        : fragment.startsWith("/")
          ? at(resource.root, fragment)
          : anchors.get(`${resource.uri}#${fragment}`)
    return isUsable(target) ? target : undefined
  }

  // A nested `$id` may be the base of a pointer: then pointers are not checked.
  const isPlain = resources.size === 1 || (resources.size === 2 && typeof root["$id"] === "string")
  const dangling = (isLocal: boolean) =>
    found.find(
      ([holder, reference]) =>
        (!isLocal || (isPlain && reference.startsWith("#/"))) && resolve(holder, reference) === undefined
    )?.[1]
  return { resolve, dangling }
}
