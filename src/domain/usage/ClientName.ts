/**
 * Which program asks, by its `User-Agent`: one name of a closed list, so that it can be counted.
 */

const rules = [
  // Agents first: some name the SDK that they use behind their own name.
  ["codex", /^codex[_/-]/i],
  ["claude-code", /^claude-(?:cli|code)\b/i],
  ["opencode", /\bopencode\b/i],
  ["qwen-code", /^qwen-?code\b/i],
  ["pi", /^pi(?:-coding-agent)?(?:\/|$)/i],
  ["roo", /\broo-?(?:code|cline)\b/i],
  ["cline", /\bcline\b/i],
  ["continue", /^continue\b/i],
  ["aider", /\baider\b/i],
  ["cursor", /\bcursor\b/i],
  ["zed", /^zed\b/i],
  ["langchain", /langchain/i],
  ["ai-sdk", /\bai-sdk\/|^ai\/\d/i],
  ["openai-python", /\b(?:async)?openai\/python\b|^openai-python\b/i],
  ["openai-node", /\bopenai\/(?:js|nodejs)\b|^openai-node\b/i],
  ["anthropic-python", /\b(?:async)?anthropic\/python\b/i],
  ["anthropic-node", /\banthropic\/(?:js|nodejs)\b/i],
  ["curl", /^curl\//i]
] as const

/** `other` has a `User-Agent` of none of these, `none` has none. */
export type ClientName = (typeof rules)[number][0] | "other" | "none"

export const names: ReadonlyArray<ClientName> = [...rules.map(([name]) => name), "other", "none"]

const find = (userAgent: string): ClientName => rules.find(([, pattern]) => pattern.test(userAgent))?.[0] ?? "other"

/** Most of them that are remembered, and the longest; few programs ask, and often. */
const MOST = 256
const LONGEST = 512
const known = new Map<string, ClientName>()

export const of = (userAgent: string | undefined): ClientName => {
  if (userAgent === undefined || userAgent === "") return "none"
  const before = known.get(userAgent)
  if (before !== undefined) return before
  const found = find(userAgent.slice(0, LONGEST))
  if (userAgent.length <= LONGEST) {
    if (known.size >= MOST) known.clear()
    known.set(userAgent, found)
  }
  return found
}
