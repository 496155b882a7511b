/**
 * Encodes the slashes of an id in a path, so that the router sees one segment.
 */

/** Turns the path after `root` (which ends with a slash) into one segment; the query is kept. */
export const last = (url: string, root: string): string => {
  if (!url.startsWith(root)) return url
  const query = url.indexOf("?")
  const end = query < 0 ? url.length : query
  return root + url.slice(root.length, end).replaceAll("/", "%2F") + url.slice(end)
}

/** The same for the first root that is a prefix of the URL. */
export const under = (roots: ReadonlyArray<string>, url: string): string => {
  const root = roots.find((one) => url.startsWith(one))
  return root === undefined ? url : last(url, root)
}
