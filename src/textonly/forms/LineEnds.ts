/**
 * Line ends in calls: separators to strip, and CRLF to normalize.
 */

/** Whether there is a bare LF. Without one, CRLF is the model's line end, not part of the values. */
export const hasBare = (text: string): boolean => /(?:^|[^\r])\n/.test(text)

/** Strips one separating line end at each side. */
export const unwrap = (value: string): string => {
  const inner = value.replace(/^\r?\n/, "")
  return value.startsWith("\n") ? inner.replace(/\n$/, "") : inner.replace(/\r?\n$/, "")
}
