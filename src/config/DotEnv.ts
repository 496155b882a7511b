/**
 * Reads a file of settings (`.env` format) and refuses one that has a line which is no setting.
 */
import * as FileSystem from "@effect/platform/FileSystem"
import * as PlatformConfigProvider from "@effect/platform/PlatformConfigProvider"
import { ConfigError, type ConfigProvider, Data, Effect } from "effect"

/** As `PlatformConfigProvider` matches it: what it does not match it passes over in silence. */
const SETTING =
  /^\s*(?:export\s+)?([\w.-]+)(?:\s*=\s*?|:\s+?)(\s*'(?:\\'|[^'])*'|\s*"(?:\\"|[^"])*"|\s*`(?:\\`|[^`])*`|[^#\r\n]+)?\s*(?:#.*)?$/gm

/** Comments, also as systemd has them, and what a shell does to a name that stands in another line. */
const PASSED = /^\s*(?:[#;].*|export(?:\s+[A-Za-z_]\w*)+\s*(?:#.*)?)?$/

/** No more of them are named. */
const MOST_NAMED = 5

export interface Line {
  readonly name: string
  readonly value: string
  /** Counted from one. */
  readonly line: number
}

/** A line that is no setting. The text is left out: it may hold a secret. */
export class WrongLine extends Data.TaggedError("WrongLine")<{ readonly line: number; readonly rule: string }> {}

const RULE = "must be NAME=value, or a comment that begins with #"
const UNCLOSED = "begins a value with a quote that is not closed"

/** Line breaks and the mark that some editors put first. */
const plain = (text: string) => text.replace(/^\uFEFF/, "").replace(/\r\n?/g, "\n")

const isUnclosed = (value: string) => /^(['"`])/.test(value) && !/^(['"`])[\s\S]*\1$/.test(value)

/** Every setting with its line, and every line that is none. */
export const lines = (
  source: string
): { readonly settings: ReadonlyArray<Line>; readonly wrong: ReadonlyArray<WrongLine> } => {
  const text = plain(source)
  const settings: Array<Line> = []
  const wrong: Array<WrongLine> = []
  let line = 1
  let end = 0
  const skip = (to: number) => {
    for (const row of text.slice(end, to).split("\n")) {
      if (!PASSED.test(row)) wrong.push(new WrongLine({ line, rule: RULE }))
      line++
    }
    // The last row has no line break of its own.
    line--
    end = to
  }
  for (const match of text.matchAll(SETTING)) {
    // Blank lines before it belong to the match.
    const begin = match.index + (/^\s*/.exec(match[0])?.[0].length ?? 0)
    skip(begin)
    const value = (match[2] ?? "").trim()
    if (isUnclosed(value)) wrong.push(new WrongLine({ line, rule: UNCLOSED }))
    else settings.push({ name: match[1]!, value, line })
    end = match.index + match[0].length
    line += text.slice(begin, end).split("\n").length - 1
  }
  skip(text.length)
  return { settings, wrong }
}

/** One line for each fault: the file, the line's number and the rule. */
const refusal = (path: string, wrong: ReadonlyArray<WrongLine>): ConfigError.ConfigError => {
  const all = wrong
    .slice(0, MOST_NAMED)
    .map(({ line, rule }): ConfigError.ConfigError => ConfigError.InvalidData([], `${path} line ${line} ${rule}`))
  return all.reduce((left, right) => ConfigError.And(left, right))
}

export interface DotEnv {
  readonly settings: ReadonlyArray<Line>
  readonly provider: ConfigProvider.ConfigProvider
}

/** The settings of a file's text; `path` is for messages. */
export const parse = (path: string, text: string): Effect.Effect<DotEnv, ConfigError.ConfigError> =>
  Effect.suspend(() => {
    const { settings, wrong } = lines(text)
    if (wrong.length > 0) return Effect.fail(refusal(path, wrong))
    // Read once: what was checked is what is used.
    const content = FileSystem.layerNoop({ readFileString: () => Effect.succeed(plain(text)) })
    return PlatformConfigProvider.fromDotEnv(path).pipe(
      Effect.map((provider) => ({ settings, provider })),
      Effect.orDie,
      Effect.provide(content)
    )
  })
