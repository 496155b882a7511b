/**
 * Buffers outgoing text per piece, and holds back blanks that would be stripped before a call.
 */

export interface PendingText {
  readonly say: (text: string) => void
  /** Adds one blank: a line end before a call, any blank after one. */
  readonly sayBlank: (char: string) => void
  /** Sends the buffered text without separating blanks. */
  readonly beforeCall: () => void
  /** Sends the buffered text with its blanks, because what follows may become text. */
  readonly beforeProblem: () => void
  readonly afterCall: () => void
  readonly flush: () => void
  /** Sends held blanks, except those after the last call. */
  readonly end: () => void
  /** Only blanks since a call. */
  readonly followsCall: () => boolean
  /** No blank is held, and only a line end would be. */
  readonly isIdle: () => boolean
  /** The last text ends with a colon, ignoring blanks and Markdown emphasis. False after a call. */
  readonly endsWithColon: () => boolean
}

/** Max line ends held before a call; two of them are separators. */
const MAX_LINE_ENDS = 4
/** Max blanks held after a call. */
const MAX_BLANK = 1024
const COLONS = ":\uff1a"
const BLANKS = " \t\r\n*_"

export const make = (send: (text: string) => void): PendingText => {
  let ready = ""
  let blank = ""
  let sent = false
  let follows = false
  /** Last character other than blanks and emphasis. */
  let last = ""

  const say = (text: string) => {
    if (text === "") return
    // Blanks between calls, and before the first text, are dropped.
    ready += follows && !sent ? text : blank + text
    blank = ""
    follows = false
    sent = true
    let at = text.length - 1
    while (at >= 0 && BLANKS.includes(text[at]!)) at--
    if (at >= 0) last = text[at]!
  }
  const flush = () => {
    const text = ready
    ready = ""
    if (text !== "") send(text)
  }

  return {
    say,
    sayBlank: (char) => {
      blank += char
      if (follows && blank.length > MAX_BLANK) {
        const text = blank
        blank = ""
        say(text)
      } else if (!follows && blank.length > MAX_LINE_ENDS) {
        ready += blank[0]!
        blank = blank.slice(1)
      }
    },
    beforeCall: () => {
      blank = ""
      flush()
    },
    beforeProblem: () => {
      if (!follows || sent) ready += blank
      blank = ""
      sent = true
      flush()
    },
    afterCall: () => {
      follows = true
      last = ""
    },
    flush,
    end: () => {
      if (!follows) ready += blank
      blank = ""
      flush()
    },
    followsCall: () => follows,
    isIdle: () => blank === "" && !follows,
    endsWithColon: () => last !== "" && COLONS.includes(last)
  }
}
