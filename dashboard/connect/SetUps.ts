/**
 * The set-ups of `docs/clients.md` out of its text, at build time; and with an address and a key filled in, in the page.
 */

export interface Block {
  readonly language: string
  /** The file that it is written to; null for commands. */
  readonly file: string | null
  readonly text: string
}

export interface SetUp {
  readonly client: string
  readonly blocks: ReadonlyArray<Block>
}

/** Sections with a fenced block each; a path in backquotes right before a block is its file. */
export const parse = (markdown: string): ReadonlyArray<SetUp> =>
  markdown
    .split(/^## /m)
    .slice(1)
    .flatMap((section) => {
      const [client = "", ...rest] = section.split("\n")
      const fence = /(?:^`([^`\n]+)`[^`\n]*(?:`[^`\n]*`[^`\n]*)*:\n\n)?^```(\w+)\n([\s\S]*?)^```$/gm
      const blocks = [...rest.join("\n").matchAll(fence)].map(([, file, language = "", text = ""]) => ({
        language,
        file: file ?? null,
        text: text.trimEnd()
      }))
      return blocks.length === 0 ? [] : [{ client, blocks }]
    })

const ADDRESS = "http://127.0.0.1:8370"
const KEY = "any-key"

/** `address` without a slash at its end. */
export const filled = (text: string, address: string, key: string): string =>
  text
    .split(ADDRESS)
    .join(address)
    .split(KEY)
    .join(key)
    .replace(/\bapiKey(?=\s*[,}])/g, () => `apiKey: ${JSON.stringify(key)}`)
