import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as S from "../support.ts"

const quick = { LINGMA_EMULATOR_INTERVAL_MS: "0", LINGMA_EMULATOR_TOKENS: "1" }

const keysOf = async (client: S.Client): Promise<ReadonlyArray<string>> => {
  const scenes = (await client.call("config/queryModels")).result ?? {}
  const keys = Object.values(scenes).flatMap((models) =>
    (models as ReadonlyArray<S.Fields>).map(({ key }) => String(key))
  )
  return Array.from(new Set(keys)).sort()
}

const endOf = async (client: S.Client, model: string) => {
  const turn = await S.prompt(client, "x", { "ai-coding/model": model })
  return S.finishOf(await client.until(S.isFinish(turn.requestId)))?.["statusCode"]
}

describe("emulator: accounts that differ", () => {
  it.scopedLive("each account has its own models, from the environment and from the control port", () =>
    Effect.gen(function* () {
      const emulator = yield* S.startEmulator({
        ...quick,
        LINGMA_EMULATOR_ACCOUNT: "alice",
        LINGMA_EMULATOR_ACCOUNTS: JSON.stringify({
          alice: { models: ["auto", { key: "kmodel", max_input_tokens: 32_000, isVl: false }, { key: "brand-new" }] },
          "*": { models: ["mmodel"] }
        })
      })
      const client = yield* S.connect(emulator)
      yield* Effect.promise(async () => {
        assert.deepStrictEqual(await keysOf(client), ["auto", "brand-new", "kmodel"])
        const listed = (await client.call("config/queryModels")).result?.["assistant"] as ReadonlyArray<S.Fields>
        const kimi = { key: "kmodel", displayName: "Kimi-K2.6", isVl: false, max_input_tokens: 32_000 }
        assert.deepInclude(
          listed.find(({ key }) => key === "kmodel"),
          kimi
        )
        const turn = await S.prompt(client, "x", { "ai-coding/model": "kmodel" })
        await client.until(S.isFinish(turn.requestId))
        const usage = client.messages.find((message) => S.updateOf(message)?.["type"] === "context_usage")
        assert.strictEqual(S.at(S.updateOf(usage!), "data", "limitTokens"), 32_000)
        const { reply } = await S.prompt(client, "x", { "ai-coding/model": "mmodel" })
        assert.match((await reply).error?.message ?? "", /model not found/)

        await S.control(emulator, "login", { name: "bob" })
        assert.deepStrictEqual(await keysOf(client), ["mmodel"])
        assert.strictEqual(await endOf(client, ""), 200)
        await S.control(emulator, "account", { models: ["kmodel", "mmodel"] })
        await client.until(({ method }) => method === "config/refreshModels")
        assert.deepStrictEqual(await keysOf(client), ["kmodel", "mmodel"])
        assert.property(await S.control(emulator, "account", { models: "kmodel" }), "error")
        await S.control(emulator, "reset", {})
        assert.deepStrictEqual(await keysOf(client), ["mmodel"])
      })
    })
  )

  it.scopedLive("a spent model's turns finish with 112, a spent account's with 110, in both dialects", () =>
    Effect.gen(function* () {
      const emulator = yield* S.startEmulator({
        ...quick,
        LINGMA_EMULATOR_ACCOUNTS: '{"demo": {"spent": ["kmodel"]}, "*": {"spent": ["*"]}}'
      })
      const client = yield* S.connect(emulator)
      yield* Effect.promise(async () => {
        assert.strictEqual(await endOf(client, "kmodel"), 112)
        assert.strictEqual(await endOf(client, "auto"), 200)
        const asked = S.ask(client, "x", { extra: { modelConfig: { key: "kmodel" } } })
        assert.deepInclude(S.finishOf(await client.until(S.isFinish(asked.requestId))), { statusCode: 112 })
        await S.control(emulator, "login", { name: "other" })
        assert.strictEqual(await endOf(client, "auto"), 110)
        await S.control(emulator, "account", { name: "other" })
        assert.strictEqual(await endOf(client, "auto"), 200)
        assert.deepInclude(await S.control(emulator, "stats"), { tokens: 2 })
      })
    })
  )

  it.live("accounts that cannot be read stop the start", () =>
    Effect.promise(async () => {
      for (const text of ["{", '{"a": {"spend": []}}', '{"a": {"models": [1]}}']) {
        const run = S.launch(["start", "--workDir=/nonexistent/nowhere", "--socketPort=0", "--httpPort=0"], {
          LINGMA_EMULATOR_ACCOUNTS: text
        })
        assert.strictEqual((await run.exit).code, 2)
        assert.match(run.output(), /LINGMA_EMULATOR_ACCOUNTS/)
      }
    })
  )
})
