/**
 * A recorded request as a command line, with a key to be put in.
 */
import type { Inspection } from "../api/Types.ts"

const PLACEHOLDER = "YOUR-KEY"

/** Headers that say how the body is meant; the key is who sends it. */
const MEANT = /^(?:anthropic-(?:version|beta)|openai-beta)$/i

export const meantHeaders = ({ request }: Inspection): Record<string, string> => {
  const { headers } = request
  const given = typeof headers === "object" && headers !== null ? Object.entries(headers) : []
  return Object.fromEntries(
    given.flatMap(([name, value]: readonly [string, unknown]) =>
      MEANT.test(name) && typeof value === "string" ? [[name, value]] : []
    )
  )
}

/** For a POSIX shell. */
const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`

/** `base` ends with a slash. */
export const addressOf = ({ path }: Inspection, base: URL): string => new URL(path.replace(/^[/\\]+/, ""), base).href

export const curl = (record: Inspection, base: URL): string =>
  [
    `curl ${quoted(addressOf(record, base))}`,
    ...Object.entries({
      authorization: `Bearer ${PLACEHOLDER}`,
      "content-type": "application/json",
      ...meantHeaders(record)
    }).map(([name, value]) => `-H ${quoted(`${name}: ${value}`)}`),
    `--data-raw ${quoted(JSON.stringify(record.request.body))}`
  ].join(" \\\n  ")
