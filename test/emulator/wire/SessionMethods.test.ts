import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as S from "../support.ts"

const quick = { LINGMA_EMULATOR_INTERVAL_MS: "0" }

/** A turn of eight tokens with this fault, to its end. */
const withFault = (fault: string, check: (client: S.Client, turn: { readonly requestId: string }) => void) =>
  Effect.gen(function* () {
    const emulator = yield* S.startEmulator(quick)
    const client = yield* S.connect(emulator)
    yield* Effect.promise(async () => {
      const turn = await S.prompt(client, `[[emu tokens=8 fault=${fault}]]`)
      await client.until(S.isFinish(turn.requestId))
      check(client, turn)
    })
  })

describe("emulator: the session dialect's turns", () => {
  it.scopedLive("tell real figures several times a turn when asked to, the last ones at the end", () =>
    Effect.gen(function* () {
      const emulator = yield* S.startEmulator(quick)
      const client = yield* S.connect(emulator)
      yield* Effect.promise(async () => {
        const figures = (): ReadonlyArray<unknown> =>
          client.messages.splice(0).flatMap((message) => {
            const update = S.updateOf(message)
            const found = update?.["type"] === "context_usage" ? update["data"] : undefined
            const data = message.method === "context/usage/sync" ? message.params : found
            return data === undefined ? [] : [[S.at(data, "promptTokens"), S.at(data, "completionTokens")]]
          })
        const turn = await S.prompt(client, '[[emu tokens=5 thoughts=["hm"] usage=2 input=1234 output=77]]')
        await client.until(S.isFinish(turn.requestId))
        const all = [3, 5, 77].map((completion) => [1234, completion])
        assert.deepStrictEqual(figures(), all)
        const asked = S.ask(client, "[[emu tokens=3 usage=9]]")
        await client.until(S.isFinish(asked.requestId))
        assert.deepStrictEqual(figures(), [[6, 3]])
        const plain = await S.prompt(client, "[[emu tokens=3]]")
        await client.until(S.isFinish(plain.requestId))
        assert.deepStrictEqual(figures(), [[undefined, undefined]])
      })
    })
  )

  it.scopedLive("are replied to with an empty result or a stopReason when asked to, before the answer", () =>
    Effect.gen(function* () {
      const emulator = yield* S.startEmulator(quick)
      const client = yield* S.connect(emulator)
      yield* Effect.promise(async () => {
        for (const [reply, result] of [
          ["empty", {}],
          ["stop", { stopReason: "end_turn" }]
        ] as const) {
          const turn = await S.prompt(client, `[[emu tokens=2 reply=${reply}]]`)
          const replied = await turn.reply
          assert.deepStrictEqual<unknown>(replied.result, result)
          const first = await client.until((message) => S.textOfOne(message, turn.requestId) !== "")
          assert.isBelow(client.messages.indexOf(replied), client.messages.indexOf(first))
        }
      })
    })
  )

  it.scopedLive("are silent before the first token for as long as asked", () =>
    Effect.gen(function* () {
      const emulator = yield* S.startEmulator(quick)
      const client = yield* S.connect(emulator)
      yield* Effect.promise(async () => {
        const started = performance.now()
        const turn = await S.prompt(client, "[[emu tokens=1 first=400]]")
        await client.until((message) => S.textOfOne(message, turn.requestId) !== "")
        assert.isAbove(performance.now() - started, 390)
      })
    })
  )

  it.scopedLive(
    "resume: the turn goes on when its first option is selected, and finishes with 80408 when it is not",
    () =>
      Effect.gen(function* () {
        const emulator = yield* S.startEmulator({ ...quick, LINGMA_EMULATOR_ACK_LIMIT_MS: "500" })
        const client = yield* S.connect(emulator, { acks: false })
        const select = (optionId: unknown) => ({ outcome: { outcome: "selected", optionId } })
        const ended = async (directive: string, choose: (options: unknown) => unknown) => {
          const turn = await S.prompt(client, `[[emu tokens=3 ${directive}]]`)
          for (const _resume of directive.split(" ")) {
            const asked = await client.until(({ method }) => method === "session/request_permission")
            client.messages.splice(client.messages.indexOf(asked), 1)
            assert.strictEqual(S.at(asked.params, "toolCall", "reasonForCode"), 80408)
            assert.strictEqual(S.at(asked.params, "sessionId"), turn.sessionId)
            const result = choose(S.at(asked.params, "options"))
            if (result !== undefined) client.answer(asked, result)
          }
          const finish = S.finishOf(await client.until(S.isFinish(turn.requestId)))
          return [S.textOf(client, turn.requestId), finish?.["statusCode"]]
        }
        yield* Effect.promise(async () => {
          const first = (options: unknown) => select(S.at(options, "0", "optionId"))
          const second = (options: unknown) => select(S.at(options, "1", "optionId"))
          assert.deepStrictEqual(await ended("resume@1", first), ["t0 t1 t2 ", 200])
          assert.deepStrictEqual(await ended("resume@0 resume@2", first), ["t0 t1 t2 ", 200])
          assert.deepStrictEqual(await ended("resume@1", second), ["t0 ", 80408])
          assert.deepStrictEqual(await ended("resume@1", () => ({ success: false })), ["t0 ", 80408])
          assert.deepStrictEqual(await ended("resume@1", () => undefined), ["t0 ", 80408])
          const calls = client.messages.filter((message) => S.updateOf(message)?.["sessionUpdate"] === "tool_call")
          assert.isTrue(calls.every((message) => S.updateOf(message)?.["reasonForCode"] === 80408))
          const answers = (await S.control(emulator, "stats"))["toolAnswers"] as ReadonlyArray<S.Fields>
          assert.deepStrictEqual(Array.from(new Set(answers.map(({ kind }) => kind))), ["resume"])
          assert.lengthOf(answers, 6)
        })
      })
  )

  it.scopedLive("replay: an old turn's chunks come first, under this session and without ids", () =>
    withFault("replay", (client, turn) => {
      const replayed = client.messages.filter(
        (message) => S.at(message.params, "_meta", "ai-coding/streamed") === false
      )
      assert.deepStrictEqual(
        replayed.map((message) => S.at(S.updateOf(message), "content", "text")),
        ["REPLAYED", "REPLAYED"]
      )
      for (const { params } of replayed) {
        assert.strictEqual(S.at(params, "_meta", "ai-coding/request-id"), "")
        assert.strictEqual(S.at(params, "_meta", "ai-coding/turn-id"), "")
        assert.isTrue(client.messages.some((other) => S.at(other.result, "sessionId") === params?.["sessionId"]))
      }
      const first = client.messages.findIndex((message) => S.textOfOne(message, turn.requestId) !== "")
      assert.isBelow(client.messages.indexOf(replayed[1]!), first)
      assert.match(S.textOf(client, turn.requestId), /^t0 .*t7 $/)
    })
  )

  it.scopedLive("no_request_id: the chunks name their session and no request, the finish names both", () =>
    withFault("no_request_id", (client, turn) => {
      assert.strictEqual(S.textOf(client, turn.requestId), "")
      const chunks = client.messages.filter((message) => S.at(S.updateOf(message), "content", "text") !== undefined)
      assert.lengthOf(chunks, 8)
      for (const { params } of chunks) {
        assert.isString(params?.["sessionId"])
        assert.notProperty(params?.["_meta"], "ai-coding/request-id")
      }
    })
  )
})
