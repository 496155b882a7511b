import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as S from "../support.ts"

const quick = { LINGMA_EMULATOR_INTERVAL_MS: "0" }

describe("emulator: how turns fail", () => {
  it.scopedLive("a finish has any code, with the reason that belongs to it or one that is given", () =>
    Effect.gen(function* () {
      const emulator = yield* S.startEmulator(quick)
      const client = yield* S.connect(emulator)
      const finish = async (text: string) => {
        const turn = await S.prompt(client, text)
        const { reason, statusCode } = S.finishOf(await client.until(S.isFinish(turn.requestId))) ?? {}
        return { reason: String(reason), statusCode, text: S.textOf(client, turn.requestId) }
      }
      yield* Effect.promise(async () => {
        const spent = await finish("[[emu tokens=3 finish_error=112@0]]")
        assert.deepInclude(spent, { statusCode: 112, text: "" })
        assert.property(JSON.parse(spent.reason), "pricingUrl")
        assert.notMatch(spent.reason, /quota/i)
        const queued = await finish("[[emu tokens=3 finish_error=10605@0]]")
        assert.deepStrictEqual(JSON.parse(queued.reason), { isQueued: true, retryAfterSeconds: 30 })
        const soon = '{"isQueued":true,"retryAfterSeconds":2}'
        assert.deepInclude(await finish(`[[emu finish_error=10605@0 reason=${soon}]]`), { reason: soon })
        assert.deepStrictEqual(await finish('[[emu tokens=3 finish_error=400@2 reason="prompt is too long"]]'), {
          statusCode: 400,
          reason: "prompt is too long",
          text: "t0 t1 "
        })
        for (const code of [105, 110, 119, 122, 406, 430, 47902, 80408, 80411, 80412, 10408, 10500]) {
          const ended = await finish(`[[emu tokens=1 finish_error=${code}]]`)
          assert.deepInclude(ended, { statusCode: code, text: "t0 " })
          assert.notMatch(ended.reason, /^(error|success)?$/, `${code}`)
        }
        const unknown = await finish("[[emu tokens=1 finish_error=12345]]")
        assert.deepInclude(unknown, { statusCode: 12345, reason: "error" })
        const ask = S.ask(client, '[[emu tokens=1 finish_error=80411@0 reason="输入内容超长"]]')
        const asked = S.finishOf(await client.until(S.isFinish(ask.requestId)))
        assert.deepInclude(asked, { statusCode: 80411, reason: "输入内容超长" })
        const good = await finish('[[emu tokens=1 reason="of no use"]]')
        assert.deepInclude(good, { statusCode: 200, reason: "success" })
      })
    })
  )

  it.scopedLive(
    "too_long refuses the longer prompts without a token, by its code or other words, and answers the shorter",
    () =>
      Effect.gen(function* () {
        const emulator = yield* S.startEmulator({
          ...quick,
          LINGMA_EMULATOR_FAULT: "too_long=100",
          LINGMA_EMULATOR_TOKENS: "3"
        })
        const client = yield* S.connect(emulator)
        yield* Effect.promise(async () => {
          const finish = async (requestId: string) => S.finishOf(await client.until(S.isFinish(requestId)))
          const long = await S.prompt(client, "x".repeat(101), {
            "ai-coding/model": "dashscope_qwen_plus_20250428_thinking"
          })
          assert.deepInclude(await finish(long.requestId), { statusCode: 80411, reason: "输入内容超长" })
          assert.strictEqual(S.textOf(client, long.requestId) + S.textOf(client, long.requestId, "thought"), "")
          const short = await S.prompt(client, "x".repeat(100))
          assert.deepInclude(await finish(short.requestId), { statusCode: 200 })
          assert.strictEqual(S.textOf(client, short.requestId), "t0 t1 t2 ")
          const asked = S.ask(client, "x".repeat(101))
          assert.deepInclude(await finish(asked.requestId), { statusCode: 80411 })
          await S.control(emulator, "script", { code: 500, reason: "maximum context length is 100" })
          const worded = await S.prompt(client, "x".repeat(101))
          assert.deepInclude(await finish(worded.requestId), {
            statusCode: 500,
            reason: "maximum context length is 100"
          })
          assert.deepInclude(await S.control(emulator, "stats"), { tokens: 3, turnsRunning: 0 })
        })
      })
  )

  it.scopedLive(
    "auth_prompt and auth_new ask for a login while auth/status says 2, as standing faults until there is one",
    () =>
      Effect.gen(function* () {
        const emulator = yield* S.startEmulator({ ...quick, LINGMA_EMULATOR_TOKENS: "2" })
        const client = yield* S.connect(emulator)
        yield* Effect.promise(async () => {
          const refused = await (await S.prompt(client, "[[emu auth_prompt]]")).reply
          assert.strictEqual(refused.error?.code, -32000)
          assert.match(refused.error?.message ?? "", /^Authentication required/)
          const asked = await S.ask(client, "[[emu auth_prompt]]").reply
          assert.deepInclude(asked.result, { success: false, errorMsg: "user not login" })
          await S.control(emulator, "fault", { fault: "auth_new,auth_prompt,stall@1" })
          const code = async () => (await client.call("session/new", { cwd: "/x" })).error?.code
          assert.strictEqual(await code(), -32000)
          assert.strictEqual((await client.call("auth/status")).result?.["status"], 2)
          await S.control(emulator, "login", { name: "again" })
          assert.isUndefined(await code())
          const turn = await S.prompt(client, "x")
          await client.until((message) => S.textOfOne(message, turn.requestId) === "t0 ")
          assert.deepInclude(await S.control(emulator, "stats"), { turnsRunning: 1 })
        })
      })
  )
})
