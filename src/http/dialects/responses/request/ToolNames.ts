/**
 * The names of a tool: as declared by the client, as in its history, and as models write them.
 */

export interface Declared {
  readonly name: string
  readonly namespace: string | undefined
}

/** Names of MCP servers as agents write them, such as `mcp__mail__`. */
const MCP = /^mcp__/
const END = /_+$/

/** Other names that models write for a tool in a namespace: `mail.send`, `mail__send`, `mcp__mail__send`. */
export const aliases = ({ name, namespace }: Declared): ReadonlyArray<string> => {
  if (namespace === undefined) return []
  const short = namespace.replace(END, "")
  const bases = [namespace, short, short.replace(MCP, "")].filter((base) => base !== "")
  const joined = END.test(namespace) ? [`${namespace}${name}`] : []
  return [...new Set([...joined, ...bases.flatMap((base) => [`${base}.${name}`, `${base}__${name}`])])]
}

interface Asked {
  readonly name: string
  readonly namespace?: string | null | undefined
}

const added = <D>(map: Map<string, Array<D>>, key: string, one: D) => {
  const same = map.get(key)
  if (same === undefined) map.set(key, [one])
  else same.push(one)
}

/**
 * Finds the declared tools that a client means. Without a namespace any matches; the name may contain the namespace,
 * and a tool that was declared without a namespace may be called with one.
 */
export const index = <D extends Declared>(all: ReadonlyArray<D>) => {
  const byName = new Map<string, Array<D>>()
  const byAlias = new Map<string, Array<D>>()
  for (const one of all) {
    added(byName, one.name, one)
    for (const alias of aliases(one)) added(byAlias, alias, one)
  }
  return ({ name, namespace }: Asked): ReadonlyArray<D> => {
    const exact = (byName.get(name) ?? []).filter((one) => (namespace ?? one.namespace) === one.namespace)
    if (exact.length > 0) return exact
    return namespace
      ? aliases({ name, namespace }).flatMap((whole) =>
          (byName.get(whole) ?? []).filter((one) => one.namespace === undefined)
        )
      : (byAlias.get(name) ?? [])
  }
}
