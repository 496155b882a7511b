/**
 * Asks the search service that the operator named, whose answers are as SearXNG's JSON.
 *
 * The address is the operator's, so it may be on this machine; nothing that a client wrote becomes part of more than its query.
 */
import { Data, Effect } from "effect"

export class SearchFailed extends Data.TaggedError("SearchFailed")<{ readonly reason: string }> {}

export interface Found {
  readonly title: string
  readonly url: string
  /** What the page says, in short. */
  readonly text: string
  /** When the page was published, where that is known. */
  readonly age: string | null
}

/** Host names; a domain stands for what is under it. */
export interface Domains {
  readonly allowed: ReadonlyArray<string>
  readonly blocked: ReadonlyArray<string>
}

/** An answer that cannot be used; its message is one of ours. */
class Unusable extends Error {}

const most = { bytes: 2 << 20, results: 10, title: 300, url: 2048, text: 1500, age: 64 } as const
const within = "10 seconds"

const field = (result: object, name: string, longest: number): string => {
  const value = (result as Readonly<Record<string, unknown>>)[name]
  return typeof value === "string" ? value.slice(0, longest) : ""
}

const toFound = (result: unknown): ReadonlyArray<Found> => {
  if (typeof result !== "object" || result === null) return []
  const url = field(result, "url", most.url)
  if (!/^https?:\/\//i.test(url) || !URL.canParse(url)) return []
  const title = field(result, "title", most.title)
  const age = field(result, "publishedDate", most.age)
  return [{ title: title === "" ? url : title, url, text: field(result, "content", most.text), age: age || null }]
}

/** `example.com` or `example.com/docs`, without regard to what is before the domain. */
const isUnder = (url: URL, domain: string): boolean => {
  const [host = "", ...path] = domain
    .toLowerCase()
    .replace(/^https?:\/\//, "")
    .split("/")
  const isHost = url.hostname === host || url.hostname.endsWith(`.${host}`)
  return isHost && url.pathname.toLowerCase().startsWith(`/${path.join("/")}`)
}

/** Whether a page may be shown, by where it is. */
export const isWithin =
  ({ allowed, blocked }: Domains) =>
  (url: URL): boolean => {
    const under = (domain: string) => isUnder(url, domain)
    return (allowed.length === 0 || allowed.some(under)) && !blocked.some(under)
  }

/** Its code or its name: the texts of these errors hold the address, and with it what was asked. */
const reasonOf = (error: unknown): string => {
  if (!(error instanceof Error)) return "unknown"
  if (error instanceof Unusable) return error.message
  const { cause } = error
  return cause instanceof Error ? ((cause as NodeJS.ErrnoException).code ?? cause.name) : error.name
}

const readBody = async (response: Response): Promise<string> => {
  if (!response.ok || response.body === null) throw new Unusable(`status ${response.status}`)
  const parts: Array<Uint8Array> = []
  let size = 0
  for await (const part of response.body as unknown as AsyncIterable<Uint8Array>) {
    size += part.length
    if (size > most.bytes) throw new Unusable("too large")
    parts.push(part)
  }
  return Buffer.concat(parts).toString("utf8")
}

const listOf = (body: string): ReadonlyArray<unknown> => {
  const answer: unknown = JSON.parse(body)
  const results = typeof answer === "object" && answer !== null && "results" in answer ? answer.results : undefined
  if (!Array.isArray(results)) throw new Unusable("no results")
  return results
}

/** The first pages found, best first. */
export const search = (endpoint: string, query: string, domains: Domains) => {
  const url = new URL(endpoint)
  url.searchParams.set("q", query)
  url.searchParams.set("format", "json")
  const isWanted = isWithin(domains)
  return Effect.tryPromise({
    try: async (signal) =>
      listOf(await readBody(await fetch(url, { signal, redirect: "error", headers: { accept: "application/json" } })))
        .flatMap(toFound)
        .filter(({ url }) => isWanted(new URL(url)))
        .slice(0, most.results),
    catch: (error) => new SearchFailed({ reason: reasonOf(error) })
  }).pipe(
    Effect.timeoutFail({ duration: within, onTimeout: () => new SearchFailed({ reason: "time" }) }),
    Effect.tapError(({ reason }) => Effect.annotateLogs(Effect.logWarning("web search failed"), { reason }))
  )
}
