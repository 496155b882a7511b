import { assert, describe, it } from "@effect/vitest"
import * as Profiles from "../../../src/app/launch/Profiles.ts"

const given = { base: "http://127.0.0.1:8370", key: "sk-1", model: "auto", context: 64_000, dir: "/state/launch/x" }
const hostile = {
  PATH: "/bin",
  HOME: "/home/ann",
  ANTHROPIC_API_KEY: "theirs",
  CLAUDE_CODE_USE_BEDROCK: "1",
  OPENAI_BASE_URL: "https://elsewhere.example",
  NO_PROXY: "internal.example",
  ADMIN_KEYS: "sk-administrators",
  LINGMA_PASSWORD: "hunter2"
}

describe("the profile of a client", () => {
  for (const client of Profiles.clients) {
    it(`leads ${client} to the gateway, with the key in no argument`, () => {
      const profile = Profiles.of(client, { ...given, key: "sk-not-in-arguments" })
      assert.notInclude(profile.args.join(" "), "sk-not-in-arguments")
      const all = JSON.stringify([profile.args, profile.env, profile.files])
      assert.include(all, given.base)
      assert.include(all, "auto")
    })

    it(`gives ${client} the user's environment without the gateway's secrets, past proxies`, () => {
      const env = Profiles.environment(Profiles.of(client, given), hostile, given.base)
      assert.deepInclude(env, { PATH: "/bin", HOME: "/home/ann", NO_PROXY: "internal.example,127.0.0.1,localhost" })
      const elsewhere = Profiles.environment(Profiles.of(client, given), hostile, "http://192.0.2.7:8370")
      assert.strictEqual(elsewhere["no_proxy"], "internal.example,127.0.0.1,localhost,192.0.2.7")
      assert.notProperty(env, "ADMIN_KEYS")
      assert.notProperty(env, "LINGMA_PASSWORD")
      assert.notInclude(Object.values(env).join(" "), client === "claude" ? "theirs" : "elsewhere.example")
    })
  }
})
