/**
 * Rules on where a password may be typed, and what counts as Lingma's callback.
 */

export interface Trust {
  /** Whether a password may be typed on this page. */
  readonly mayType: (url: string) => boolean
  /** Whether this is Lingma's callback URL. */
  readonly isCallback: (url: string) => boolean
}

const loopback = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/

const parse = (text: string): URL | undefined => (URL.canParse(text) ? new URL(text) : undefined)

const isLoopback = (url: URL) => loopback.test(url.hostname)

/** No credentials in the URL, and https, or http on loopback. */
const isDecent = (url: URL) =>
  url.username === "" &&
  url.password === "" &&
  (url.protocol === "https:" || (url.protocol === "http:" && isLoopback(url)))

const portOf = (url: URL) => url.port || (url.protocol === "https:" ? "443" : "80")

/**
 * `hosts`: `host` or `host:port`. Without a port the default port applies, on loopback the port of the login URL. Names
 * are compared exactly.
 */
export const make = (loginUrl: string, hosts: ReadonlyArray<string>, callbackPort: number | undefined): Trust => {
  const start = parse(loginUrl)
  const listed = new Set(hosts.map((host) => host.toLowerCase()))
  const mayType = (text: string) => {
    const url = parse(text)
    if (url === undefined || !isDecent(url)) return false
    if (listed.has(`${url.hostname}:${portOf(url)}`)) return true
    if (!listed.has(url.hostname)) return false
    return isLoopback(url) ? start !== undefined && url.origin === start.origin : portOf(url) === "443"
  }
  return {
    mayType,
    isCallback: (text) => {
      const url = parse(text)
      return (
        url !== undefined &&
        url.protocol === "http:" &&
        isLoopback(url) &&
        url.pathname === "/auth/callback" &&
        (callbackPort === undefined || portOf(url) === String(callbackPort))
      )
    }
  }
}

/** Port and expected nonce (`state`) of Lingma's callback, from the login URL. */
export const expected = (
  loginUrl: string
): { readonly port: number | undefined; readonly state: string | undefined } => {
  const find = (url: URL | undefined, depth: number): URL | undefined => {
    if (url === undefined || depth > 3) return undefined
    if (url.searchParams.has("state") && url.searchParams.has("port")) return url
    for (const value of url.searchParams.values()) {
      const inner = find(parse(value), depth + 1)
      if (inner !== undefined) return inner
    }
    return undefined
  }
  const query = find(parse(loginUrl), 0)?.searchParams
  const port = Number(query?.get("port"))
  return { port: Number.isInteger(port) && port > 0 ? port : undefined, state: query?.get("state") ?? undefined }
}

/** The query of a pasted callback URL, if its nonce matches. */
export const callbackQuery = (pasted: string, state: string | undefined): string | undefined => {
  const url = parse(pasted.trim())
  if (url === undefined || !isLoopback(url) || url.pathname !== "/auth/callback") return undefined
  const given = url.searchParams.get("state")
  return given !== null && (state === undefined || given === state) ? url.search : undefined
}
