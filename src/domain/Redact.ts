/**
 * Removes what looks like a secret from upstream text before it goes into a log or a response.
 */

/** Keys and tokens by their usual prefixes. */
export const KEYS = /\b(?:[pr]t|sk)-[\w.~+/=-]{8,}|\bBearer\s+\S+/gi

const rules: ReadonlyArray<readonly [RegExp, string]> = [
  [KEYS, "…"],
  // A URL's query and user info.
  [/\b([a-z]{1,12}:\/\/)[^\s/?#"'@]{0,200}@/gi, "$1"],
  [/\b([a-z]{1,12}:\/\/[^\s?#"']{0,500})[?#][^\s"']*/gi, "$1?…"],
  // Values by the name before them, as in a query, JSON or a sentence.
  [
    /((?:\b|_)(?:\w{0,20}token\w{0,20}|auth|passw(?:or)?d|secret|cookie|(?:api_?|access_?|secret_?)key)\b["']?\s*[:=]\s*)("[^"]*"|'[^']*'|[^\s,;&}]+)/gi,
    "$1…"
  ],
  // Long runs that are no word, number or UUID.
  [/[\w+/=%~-]{40,}/g, "…"]
]

/** Also replaces control characters, because the text goes into log lines. */
export const redact = (words: string, longest = 500): string =>
  rules
    // Cut before and after redaction: a secret cut in the middle would not match.
    .reduce((text, [pattern, instead]) => text.replace(pattern, instead), words.slice(0, 8 * longest))
    // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is matched
    .replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]+/g, " ")
    .slice(0, longest)
