/**
 * Text on its way out, joined per piece, with the blanks held back that a call would take away.
 */

export interface PendingText {
  readonly say: (text: string) => void
  /** One blank: a line end before a call, anything blank after one. */
  readonly sayBlank: (char: string) => void
  /** Sends what is ready, without the blanks that separate. */
  readonly beforeCall: () => void
  /** Sends what is ready and the blanks: what follows may become text. */
  readonly beforeProblem: () => void
  readonly afterCall: () => void
  readonly flush: () => void
  /** The blanks that no call took are text, but for those behind the last call. */
  readonly end: () => void
  /** Nothing but blanks since a call. */
  readonly followsCall: () => boolean
  /** No blank is held, and none need be but a line end. */
  readonly isIdle: () => boolean
  /** What was said last, blanks and Markdown's emphasis left out, announces what comes. Not behind a call. */
  readonly endsWithColon: () => boolean
}

/** Line ends held before a call, of which two separate. */
const MAX_LINE_ENDS = 4
/** Blanks held after a call. */
const MAX_BLANK = 1024
const COLONS = ":\uff1a"
const BLANKS = " \t\r\n*_"

export const make = (send: (text: string) => void): PendingText => {
  let ready = ""
  let blank = ""
  let sent = false
  let follows = false
  /** The last character that is neither blank nor emphasis. */
  let last = ""

  const say = (text: string) => {
    if (text === "") return
    // Blanks between calls, and before the first text, are nobody's.
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
