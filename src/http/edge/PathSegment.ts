/**
 * Ids with slashes as one segment of a path, however the client wrote them.
 */

/** What follows `root`, which ends with a slash, becomes one segment; the query stays as it is. */
export const last = (url: string, root: string): string => {
  if (!url.startsWith(root)) return url
  const query = url.indexOf("?")
  const end = query < 0 ? url.length : query
  return root + url.slice(root.length, end).replaceAll("/", "%2F") + url.slice(end)
}

/** The same for the first of the roots that the URL lies under. */
export const under = (roots: ReadonlyArray<string>, url: string): string => {
  const root = roots.find((one) => url.startsWith(one))
  return root === undefined ? url : last(url, root)
}
