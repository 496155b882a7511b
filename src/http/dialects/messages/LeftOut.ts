/**
 * Names of what is left out of a request, as the header of the answer tells them: where it stood, and its kind.
 */

/** What looks like a name; a kind is the client's own word. */
const KIND = /^[A-Za-z0-9_-]+$/

/** Longest that the header takes. */
const MOST = 64

/** `messages.content.hologram`; the place alone where the kind does not look like a name. */
export const name = (place: string, kind: string): string => {
  const word = kind.replaceAll("/", "_")
  const full = `${place}.${word}`
  return KIND.test(word) && full.length <= MOST ? full : place
}
