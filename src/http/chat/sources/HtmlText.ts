/**
 * What a page of HTML says, as lines of text: its headings, lists, tables and links marked in few characters, its
 * scripts and styles left out. One pass over it, whatever its markup is worth.
 */

export interface HtmlText {
  readonly title: string | undefined
  readonly text: string
  /** There is more of it than was asked for. */
  readonly isCut: boolean
}

/** Left out with all that is within them. */
const SILENT = new Set(["script", "style", "noscript", "template", "svg", "canvas", "iframe", "object", "select"])
/** They begin and end a paragraph. */
const PARAGRAPHS = new Set(
  "p h1 h2 h3 h4 h5 h6 ul ol dl table pre blockquote article section main header footer nav aside form figure hr".split(
    " "
  )
)
/** They begin and end a line. */
const LINES = new Set("div li tr dt dd br caption figcaption option address summary details".split(" "))

const entities: Readonly<Record<string, string>> = {
  ...{ amp: "&", lt: "<", gt: ">", quot: '"', apos: "'", nbsp: " ", copy: "©", reg: "®", trade: "™", deg: "°" },
  ...{ hellip: "…", mdash: "—", ndash: "–", lsquo: "‘", rsquo: "’", ldquo: "“", rdquo: "”", laquo: "«", raquo: "»" },
  ...{ bull: "•", middot: "·", times: "×", euro: "€", pound: "£", yen: "¥", sect: "§", para: "¶", shy: "" }
}

const ofCode = (code: number): string =>
  code > 0 && code <= 0x10ffff && (code < 0xd800 || code > 0xdfff) ? String.fromCodePoint(code) : ""

const decode = (text: string): string =>
  text.replace(/&(?:#(\d{1,7})|#x([0-9a-f]{1,6})|([a-z]{2,8}));/gi, (whole, decimal, hex, name) => {
    if (decimal !== undefined) return ofCode(Number(decimal))
    if (hex !== undefined) return ofCode(Number.parseInt(hex, 16))
    return entities[name] ?? whole
  })

interface Tag {
  readonly name: string
  readonly isEnd: boolean
  /** As it is written, from its name to its end. */
  readonly attributes: string
  /** Behind it. */
  readonly next: number
}

const NAME = /<(\/?)([a-z][a-z0-9-]{0,32})/iy

/** Where a tag ends: a `>` within quotes is part of it. */
const endOf = (html: string, from: number): number => {
  const mark = /["'>]/g
  for (let at = from; ; ) {
    mark.lastIndex = at
    const found = mark.exec(html)
    if (found === null) return html.length
    if (found[0] === ">") return found.index
    const close = html.indexOf(found[0], found.index + 1)
    if (close < 0) return html.length
    at = close + 1
  }
}

/** The tag at this place; undefined for a `<` that begins none. */
const tagAt = (html: string, at: number): Tag | undefined => {
  NAME.lastIndex = at
  const named = NAME.exec(html)
  if (named === null) return undefined
  const from = NAME.lastIndex
  const end = endOf(html, from)
  return {
    name: named[2]!.toLowerCase(),
    isEnd: named[1] === "/",
    attributes: html.slice(from, end),
    next: Math.min(end + 1, html.length)
  }
}

/** Where the element's end tag begins. */
const closing = (html: string, name: string, from: number): number => {
  const mark = new RegExp(`</${name}(?=[\\s/>])`, "gi")
  mark.lastIndex = from
  return mark.exec(html)?.index ?? html.length
}

const hrefOf = (attributes: string, base: URL): string | undefined => {
  const href = /\bhref\s*=\s*(?:"([^"]{1,2048})"|'([^']{1,2048})'|([^\s"'>]{1,2048}))/i.exec(attributes)
  const written = decode((href?.[1] ?? href?.[2] ?? href?.[3] ?? "").trim())
  if (written === "" || written.startsWith("#") || !URL.canParse(written, base)) return undefined
  const { href: url, protocol } = new URL(written, base)
  return protocol === "http:" || protocol === "https:" ? url : undefined
}

/** What lies between two words: nothing, a blank, a line's end, a paragraph's end. */
const gaps = ["", " ", "\n", "\n\n"] as const
type Gap = 0 | 1 | 2 | 3

const writer = () => {
  let text = ""
  let gap: Gap = 0
  const part = (least: Gap) => {
    if (least > gap) gap = least
  }
  const put = (words: string) => {
    if (words === "") return
    if (text !== "") text += gaps[gap]
    gap = 0
    text += words
  }
  return {
    part,
    put,
    /** Blanks and line ends of the page are one blank. */
    say: (written: string) => {
      if (/^\s/.test(written)) part(1)
      put(written.trim().replace(/\s+/g, " "))
      if (/\S\s+$/.test(written)) part(1)
    },
    isAtLine: () => text === "" || gap > 1,
    text: () => text
  }
}

/** Tags that are looked at; a page of more holds little but tags, and takes seconds. */
const MOST_MARKS = 1 << 17

/** The first `most` characters of it, about. */
export const read = (html: string, base: URL, most: number): HtmlText => {
  const { isAtLine, part, put, say, text } = writer()
  let title: string | undefined
  let pre = 0
  let link: { readonly url: string; readonly from: number } | undefined

  const onText = (written: string) => {
    const words = decode(written)
    if (pre > 0) put(words)
    else say(words)
  }
  const onLink = ({ attributes, isEnd }: Tag) => {
    if (link !== undefined && text().length > link.from) put(`(${link.url})`)
    const url = isEnd ? undefined : hrefOf(attributes, base)
    link = url === undefined ? undefined : { url, from: text().length }
  }
  const onTag = (tag: Tag) => {
    const { isEnd, name } = tag
    if (name === "a") return onLink(tag)
    if (name === "pre") pre = Math.max(0, pre + (isEnd ? -1 : 1))
    if (PARAGRAPHS.has(name)) part(3)
    else if (LINES.has(name)) part(2)
    else if ((name === "td" || name === "th") && !isEnd && !isAtLine()) {
      part(1)
      put("|")
      part(1)
    }
    if (isEnd) return
    if (name === "li") put("-")
    const level = /^h([1-6])$/.exec(name)?.[1]
    if (level !== undefined) put("#".repeat(Number(level)))
    if (name === "li" || level !== undefined) part(1)
  }

  let at = 0
  let marks = 0
  while (at < html.length && text().length <= most && marks++ < MOST_MARKS) {
    const open = html.indexOf("<", at)
    if (open !== at) onText(html.slice(at, open < 0 ? html.length : open))
    if (open < 0) break
    const tag = tagAt(html, open)
    if (tag !== undefined) {
      at = tag.next
      const isEmpty = tag.name === "svg" && tag.attributes.endsWith("/")
      if (!tag.isEnd && !isEmpty && (SILENT.has(tag.name) || tag.name === "title")) {
        const end = closing(html, tag.name, at)
        if (tag.name === "title") title ??= decode(html.slice(at, end)).trim().replace(/\s+/g, " ").slice(0, 300)
        at = end
      } else onTag(tag)
    } else if (html.startsWith("<!--", open)) {
      const end = html.indexOf("-->", open + 4)
      at = end < 0 ? html.length : end + 3
    } else if (html[open + 1] === "!" || html[open + 1] === "?" || html[open + 1] === "/") {
      const end = html.indexOf(">", open)
      at = end < 0 ? html.length : end + 1
    } else {
      onText("<")
      at = open + 1
    }
  }
  const said = text()
  return {
    title: title === "" ? undefined : title,
    text: said.slice(0, most).trim(),
    isCut: said.length > most || marks > MOST_MARKS
  }
}
