import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as S from "../support.ts"

const endless = { LINGMA_EMULATOR_TOKENS: "1000000", LINGMA_EMULATOR_INTERVAL_MS: "1" }

/** A turn that has begun to answer. */
const running = async (client: S.Client) => {
  const turn = await S.prompt(client, "x")
  await client.until((message) => S.textOfOne(message, turn.requestId) !== "")
  return turn
}

const isDone = (client: S.Client, requestId: string): boolean => client.messages.some(S.isFinish(requestId))

describe("emulator: session/cancel", () => {
  for (const cancel of ["notification", "unanswered"] as const) {
    it.scopedLive(`${cancel}: the request does not stop the turn, the notification does`, () =>
      Effect.gen(function* () {
        const emulator = yield* S.startEmulator({ ...endless, LINGMA_EMULATOR_CANCEL: cancel })
        const client = yield* S.connect(emulator)
        yield* Effect.promise(async () => {
          const turn = await running(client)
          const request = client.call("session/cancel", { sessionId: turn.sessionId, _meta: {} }, "stop")
          if (cancel === "notification") assert.strictEqual((await request).error?.code, -32601)
          const past = await S.statsWhen(emulator, (stats) => Number(stats["tokensAfterCancel"]) > 5)
          assert.deepInclude(past, { turnsRunning: 1, cancelRequests: 1, cancels: 0 })
          assert.strictEqual(
            client.messages.some(({ id }) => id === "stop"),
            cancel === "notification"
          )
          client.notify("session/cancel", { sessionId: turn.sessionId })
          const finish = S.finishOf(await client.until(S.isFinish(turn.requestId)))
          assert.strictEqual(finish?.["reason"], "cancelled")
          const stopped = await S.control(emulator, "stats")
          assert.deepInclude(stopped, { turnsRunning: 0, cancelNotifications: 1, cancels: 1, idleCancels: 0 })
          await client.call("ping")
          const { tokens } = await S.control(emulator, "stats")
          assert.strictEqual(tokens, stopped["tokens"])
        })
      })
    )
  }

  it.scopedLive("request: the notification is not heard, the request is answered and stops the turn", () =>
    Effect.gen(function* () {
      const emulator = yield* S.startEmulator({ ...endless, LINGMA_EMULATOR_CANCEL: "request" })
      const client = yield* S.connect(emulator)
      yield* Effect.promise(async () => {
        const turn = await running(client)
        client.notify("session/cancel", { sessionId: turn.sessionId })
        await S.statsWhen(emulator, (stats) => Number(stats["tokensAfterCancel"]) > 5)
        assert.isFalse(isDone(client, turn.requestId))
        assert.deepStrictEqual((await client.call("session/cancel", { sessionId: turn.sessionId })).result, {})
        await client.until(S.isFinish(turn.requestId))
        assert.deepInclude(await S.control(emulator, "stats"), { turnsRunning: 0, cancels: 1 })
      })
    })
  )

  it.scopedLive("deaf: neither form stops the turn, the deletion of its session does", () =>
    Effect.gen(function* () {
      const emulator = yield* S.startEmulator(endless)
      const client = yield* S.connect(emulator)
      yield* Effect.promise(async () => {
        await S.control(emulator, "script", { cancel: "deaf" })
        const turn = await running(client)
        void client.call("session/cancel", { sessionId: turn.sessionId })
        client.notify("session/cancel", { sessionId: turn.sessionId })
        const past = await S.statsWhen(emulator, (stats) => Number(stats["cancelNotifications"]) === 1)
        assert.deepInclude(past, { turnsRunning: 1, cancelRequests: 1, cancels: 0 })
        await client.call("chat/deleteSessionById", { sessionId: turn.sessionId })
        assert.deepInclude(await S.control(emulator, "stats"), { turnsRunning: 0, turnsCancelled: 1 })
      })
    })
  )

  it.scopedLive("a cancel for a turn that has ended is counted as idle, in both dialects", () =>
    Effect.gen(function* () {
      const emulator = yield* S.startEmulator({ LINGMA_EMULATOR_TOKENS: "1", LINGMA_EMULATOR_INTERVAL_MS: "0" })
      const client = yield* S.connect(emulator)
      yield* Effect.promise(async () => {
        const turn = await S.prompt(client, "x")
        await client.until(S.isFinish(turn.requestId))
        await client.call("session/cancel", { sessionId: turn.sessionId })
        await client.call("chat/stop", { requestId: turn.requestId })
        assert.match((await client.call("session/cancel", { sessionId: "no" })).error?.message ?? "", /not found/)
        const counts = { cancelRequests: 3, idleCancels: 3, cancels: 2, tokens: 1, tokensAfterCancel: 0 }
        assert.deepInclude(await S.control(emulator, "stats"), counts)
      })
    })
  )
})
