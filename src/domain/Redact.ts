/**
 * Makes foreign words fit for a log or an answer: whatever looks like a secret is left out.
 */

const rules: ReadonlyArray<readonly [RegExp, string]> = [
  // Keys and tokens by their usual beginnings.
  [/\b(?:[pr]t|sk)-[\w.~+/=-]{8,}|\bBearer\s+\S+/gi, "…"],
  // The query of an address, and who it names before the host.
  [/\b([a-z]{1,12}:\/\/)[^\s/?#"'@]{0,200}@/gi, "$1"],
  [/\b([a-z]{1,12}:\/\/[^\s?#"']{0,500})[?#][^\s"']*/gi, "$1?…"],
  // Values by their names, as in a query, in JSON or in a sentence.
  [
    /((?:\b|_)(?:\w{0,20}token\w{0,20}|auth|passw(?:or)?d|secret|cookie|(?:api_?|access_?|secret_?)key)\b["']?\s*[:=]\s*)("[^"]*"|'[^']*'|[^\s,;&}]+)/gi,
    "$1…"
  ],
  // Longer than any word, number or UUID.
  [/[\w+/=%~-]{40,}/g, "…"]
]

/** Control characters too: the words go into lines. */
export const redact = (words: string, longest = 500): string =>
  rules
    // Cut first and last: what is cut in the middle of a secret would not be known as one.
    .reduce((text, [pattern, instead]) => text.replace(pattern, instead), words.slice(0, 8 * longest))
    // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is meant
    .replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]+/g, " ")
    .slice(0, longest)
