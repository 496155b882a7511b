/**
 * Line ends of a call: those that only separate, and those that are the way of the wire.
 */

/** Where every line ends with CRLF, it is the way of the wire, not a part of the values; one bare LF tells otherwise. */
export const hasBare = (text: string): boolean => /(?:^|[^\r])\n/.test(text)

/** Without the one line end at each side that only separates. */
export const unwrap = (value: string): string => {
  const inner = value.replace(/^\r?\n/, "")
  return value.startsWith("\n") ? inner.replace(/\n$/, "") : inner.replace(/\r?\n$/, "")
}
