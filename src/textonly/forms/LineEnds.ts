/**
 * Line ends in calls: separators to strip, and CRLF to normalize.
 */

/** Whether there is a bare LF. Without one, CRLF is the model's line end, not part of the values. */
export const hasBare = (text: string): boolean => /(?:^|[^\r])\n/.test(text)

/** Whether CRLF is the model's line end so far; a bare LF that follows makes it part of the values. */
export const isWire = (text: string): boolean => text.includes("\r\n") && !hasBare(text)

/** Strips one separating line end at each side. */
export const unwrap = (value: string): string => {
  const inner = value.replace(/^\r?\n/, "")
  return value.startsWith("\n") ? inner.replace(/\n$/, "") : inner.replace(/\r?\n$/, "")
}
