import { assert, describe, it } from "@effect/vitest"
import * as ClientName from "../../../src/domain/usage/ClientName.ts"

const rows: ReadonlyArray<readonly [userAgent: string | undefined, name: ClientName.ClientName]> = [
  ["codex_cli_rs/0.169.0 (Debian 12.0.0; x86_64) unknown", "codex"],
  ["codex_exec/0.169.0 (Debian 12.0.0; x86_64)", "codex"],
  ["claude-cli/2.1.330 (external, cli)", "claude-code"],
  ["opencode/1.18.33 ai-sdk/provider-utils/4.0.1 runtime/bun/1.3.0", "opencode"],
  ["ai-sdk/openai-compatible/1.0 opencode/1.18.33", "opencode"],
  ["QwenCode/0.24.4 (linux; x64)", "qwen-code"],
  ["pi-coding-agent", "pi"],
  ["pi/0.73.1 (linux; node/22)", "pi"],
  ["Cline/3.0.65", "cline"],
  ["RooCode/3.30.0", "roo"],
  ["Roo-Cline/3.0", "roo"],
  ["Continue/1.5.47", "continue"],
  ["Aider/0.86 +https://aider.chat", "aider"],
  ["Cursor/1.7.0", "cursor"],
  ["Zed/0.210.0 (linux; x86_64)", "zed"],
  ["OpenAI/Python 2.8.0", "openai-python"],
  ["AsyncOpenAI/Python 2.8.0", "openai-python"],
  ["OpenAI/JS 7.57.0", "openai-node"],
  ["Anthropic/Python 0.70.0", "anthropic-python"],
  ["AsyncAnthropic/Python 0.70.0", "anthropic-python"],
  ["Anthropic/JS 1.12.0", "anthropic-node"],
  ["ai/6.0.326 ai-sdk/provider-utils/4.0.0 runtime/node.js/22", "ai-sdk"],
  ["langchainjs-openai/1.5.9 (node) OpenAI/JS 6.1.0", "langchain"],
  ["curl/8.14.1", "curl"],
  ["Mozilla/5.0 (X11; Linux x86_64)", "other"],
  ["x".repeat(100_000), "other"],
  ["", "none"],
  [undefined, "none"]
]

describe("The name of a client", () => {
  for (const [userAgent, name] of rows) {
    it(`is ${name} for a User-Agent such as ${JSON.stringify(userAgent?.slice(0, 70))}`, () => {
      // The second time it is remembered.
      assert.deepStrictEqual([ClientName.of(userAgent), ClientName.of(userAgent)], [name, name])
    })
  }

  it("is of a closed list, however many programs ask", () => {
    for (let i = 0; i < 1000; i++) assert.strictEqual(ClientName.of(`agent-${i}/1`), "other")
    assert.strictEqual(ClientName.of("curl/8.0"), "curl")
    for (const [, name] of rows) assert.include(ClientName.names, name)
  })
})
