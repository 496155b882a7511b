import { createHash } from "node:crypto"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as S from "../support.ts"

const quick = { LINGMA_EMULATOR_INTERVAL_MS: "0" }

describe("emulator: turns of the session dialect", () => {
  it.scopedLive("come in the documented order, replied to before the answer and without a result", () =>
    Effect.gen(function* () {
      const emulator = yield* S.startEmulator(quick)
      const client = yield* S.connect(emulator)
      yield* Effect.promise(async () => {
        const turn = await S.prompt(client, '[[emu text="Hello 灵码 😀👩‍👩‍👧!" thoughts="hm"]]')
        await client.until((message) => S.updateOf(message)?.["sessionUpdate"] === "available_commands_update")
        const reply = await turn.reply
        assert.notProperty(reply, "result")
        assert.notProperty(reply, "error")
        const finish = await client.until(S.isFinish(turn.requestId))
        assert.deepStrictEqual(S.eventsOf(client, turn.requestId), [
          "chat/process_step_callback",
          "snapshot/syncAll",
          "session/title/update",
          "agent_thought_chunk",
          "agent_message_chunk",
          "context_usage",
          "chat_finish"
        ])
        assert.isBelow(
          client.messages.indexOf(reply),
          client.messages.findIndex((m) => m.method === "snapshot/syncAll")
        )
        assert.deepInclude(S.finishOf(finish), { reason: "success", statusCode: 200, fullAnswer: "" })
        assert.strictEqual(S.textOf(client, turn.requestId), "Hello 灵码 😀👩‍👩‍👧!")
        assert.strictEqual(S.textOf(client, turn.requestId, "thought"), "hm")
        const ours = new Set(client.messages.filter((m) => m.method === undefined).map((m) => m.id))
        assert.isTrue(
          client.messages.some((m) => m.method !== undefined && ours.has(m.id)),
          "ids of both sides overlap"
        )
        const stats = await S.statsWhen(emulator, (now) => Number(now["pendingAcks"]) === 0)
        assert.deepInclude(stats, {
          turnsRunning: 0,
          turnsFinished: 1,
          prompts: 1,
          sessions: 1,
          missedAcks: 0
        })
        assert.strictEqual(S.at(stats, "lastPrompt", "requestId"), turn.requestId)
      })
    })
  )

  it.scopedLive("say what the stand-in is, repeat the question and count the images; reasoning models think", () =>
    Effect.gen(function* () {
      const emulator = yield* S.startEmulator(quick)
      const client = yield* S.connect(emulator)
      yield* Effect.promise(async () => {
        const plain = await S.prompt(client, "Why is the sky blue?")
        await client.until(S.isFinish(plain.requestId))
        const text = S.textOf(client, plain.requestId)
        for (const part of ["stand-in", "LINGMA_BIN", "Why is the sky blue?", "Auto"]) assert.include(text, part)
        assert.strictEqual(S.textOf(client, plain.requestId, "thought"), "")

        const model = "dashscope_qwen_plus_20250428_thinking"
        const thinking = await S.prompt(client, "hm?", { "ai-coding/model": model })
        await client.until(S.isFinish(thinking.requestId))
        assert.isAbove(S.textOf(client, thinking.requestId, "thought").length, 10)

        const image = {
          type: "image",
          mimeType: "image/png",
          uri: "lingma:///agent/file?path=%2Ftmp%2Fa.png",
          data: Buffer.from("not really").toString("base64")
        }
        const send = (id: string, part: unknown) =>
          client.call("session/prompt", {
            sessionId: plain.sessionId,
            prompt: [{ type: "text", text: "look" }, part],
            _meta: { "ai-coding/request-id": id }
          })
        assert.notProperty(await send("img", image), "error")
        await client.until(S.isFinish("img"))
        assert.include(S.textOf(client, "img"), "image/png 10 bytes")
        const stats = await S.control(emulator, "stats")
        const sha256 = createHash("sha256").update("not really").digest("hex")
        const mimeType = "image/png"
        assert.deepInclude(stats, { images: 1, recentImages: [{ via: "prompt", mimeType, bytes: 10, sha256 }] })
        assert.notInclude(JSON.stringify(stats["lastPrompt"]), image.data)
        assert.match((await send("bad", { ...image, data: "%%%" })).error?.message ?? "", /base64/)
        assert.match(
          (await send("bad", { ...image, mimeType: "text/html" })).error?.message ?? "",
          /unsupported content/
        )
      })
    })
  )

  it.scopedLive("of the older dialect see the pictures that were uploaded, by the addresses they were given", () =>
    Effect.gen(function* () {
      const emulator = yield* S.startEmulator({ ...quick, LINGMA_EMULATOR_DIALECT: "ask" })
      const client = yield* S.connect(emulator)
      yield* Effect.promise(async () => {
        const bytes = Buffer.from("not really")
        const imageUri = `data:image/png;base64,${bytes.toString("base64")}`
        const reply = await client.call("image/upload", { imageUri, requestId: "u1" })
        assert.deepStrictEqual(reply.result, { requestId: "u1", result: { success: true } })
        const notice = await client.until(({ method }) => method === "image/uploadResultNotification")
        assert.isUndefined(notice.id)
        assert.strictEqual(S.at(notice.params, "result", "requestId"), "u1")
        const url = S.at(notice.params, "result", "imageUrl")
        const turn = S.ask(client, "look", { chatContext: { imageUrls: [url, "http://elsewhere/"] } })
        await client.until(S.isFinish(turn.requestId))
        assert.include(S.textOf(client, turn.requestId), "Images received: image/png 10 bytes.")
        const sha256 = createHash("sha256").update(bytes).digest("hex")
        const { images, recentImages } = await S.control(emulator, "stats")
        assert.deepStrictEqual(
          [images, recentImages],
          [1, [{ via: "upload", mimeType: "image/png", bytes: 10, sha256 }]]
        )
        for (const bad of [
          "",
          "/tmp/a.png",
          "data:image/png;base64,",
          "data:image/png;base64,%%%%",
          "data:text/plain;base64,YQ=="
        ]) {
          const refused = await client.call("image/upload", { imageUri: bad, requestId: "u2" })
          assert.deepStrictEqual(refused.result, { requestId: "u2", result: { success: false } })
        }
      })
    })
  )

  it.scopedLive("refuse what the document refuses", () =>
    Effect.gen(function* () {
      const emulator = yield* S.startEmulator(quick)
      const client = yield* S.connect(emulator)
      yield* Effect.promise(async () => {
        const { sessionId } = await S.prompt(client, "x")
        const message = async (method: string, params: unknown) => (await client.call(method, params)).error?.message
        const prompt = [{ type: "text", text: "x" }]
        assert.strictEqual(await message("session/prompt", { sessionId, prompt, _meta: {} }), "requestId is empty")
        assert.strictEqual(await message("chat/ask", { questionText: "x" }), "requestId is empty")
        const meta = { "ai-coding/request-id": "r" }
        assert.match((await message("session/prompt", { sessionId: "no", prompt, _meta: meta })) ?? "", /not found/)
        assert.match((await message("session/set_model", { sessionId, modelId: "no" })) ?? "", /model not found/)
        assert.match((await message("session/prompt", { sessionId, prompt: "x", _meta: meta })) ?? "", /unmarshal/)
        assert.match((await message("chat/ask", { requestId: 5 })) ?? "", /unmarshal/)
        assert.strictEqual(await message("session/set_model", { sessionId, modelId: "kmodel" }), undefined)
      })
    })
  )

  it.scopedLive("stop at once when cancelled, by request or notification, and go with their session", () =>
    Effect.gen(function* () {
      const emulator = yield* S.startEmulator(quick)
      const client = yield* S.connect(emulator)
      yield* Effect.promise(async () => {
        const endless = "[[emu tokens=1000000 interval=0 burst=16]]"
        const first = await S.prompt(client, endless)
        await client.until((message) => S.textOfOne(message, first.requestId) !== "")
        await client.call("session/cancel", { sessionId: first.sessionId, _meta: {} })
        const finish = S.finishOf(await client.until(S.isFinish(first.requestId)))
        assert.strictEqual(finish?.["reason"], "cancelled")
        assert.strictEqual(S.textOfOne(client.messages.at(-1)!, first.requestId), "")
        const count = S.textOf(client, first.requestId).split(" ").length - 1
        assert.isBelow(count, 1_000_000)

        const second = await S.prompt(client, "[[emu stall@0]]")
        client.notify("session/cancel", { sessionId: second.sessionId })
        await client.until(S.isFinish(second.requestId))

        const third = await S.prompt(client, "[[emu stall@2]]")
        await third.reply
        const byId = await client.call("chat/deleteSessionById", { id: third.sessionId })
        assert.deepStrictEqual(byId.result, { success: true })
        assert.isDefined((await client.call("chat/deleteSessionById", { sessionId: third.sessionId })).error)
        await client.call("chat/deleteSessionById", { sessionId: second.sessionId })
        const stats = await S.control(emulator, "stats")
        const counts = { turnsRunning: 0, turnsCancelled: 3, cancels: 2, deletes: 2, sessions: 1, prompts: 3 }
        assert.deepInclude(stats, counts)
      })
    })
  )

  it.scopedLive("end with their connection", () =>
    Effect.gen(function* () {
      const emulator = yield* S.startEmulator(quick)
      const client = yield* S.connect(emulator)
      yield* Effect.promise(async () => {
        await (await S.prompt(client, "[[emu stall@0]]")).reply
        assert.deepInclude(await S.control(emulator, "stats"), { turnsRunning: 1, connections: 1 })
        client.socket.terminate()
        await S.statsWhen(emulator, (stats) => Number(stats["connections"]) === 0)
        const after = { turnsRunning: 0, turnsDropped: 1, pendingAcks: 0 }
        assert.deepInclude(await S.control(emulator, "stats"), after)
      })
    })
  )
})

describe("emulator: turns of chat/ask", () => {
  it.scopedLive("come as requests of the process, in order, with blanks between the deltas", () =>
    Effect.gen(function* () {
      const emulator = yield* S.startEmulator({ ...quick, LINGMA_EMULATOR_DIALECT: "ask" })
      const client = yield* S.connect(emulator)
      yield* Effect.promise(async () => {
        const unknown = await client.call("session/new", { cwd: "/" })
        assert.deepStrictEqual(unknown.error, { code: -32601, message: "unknown method: session/new" })
        const turn = S.ask(client, '[[emu chunks=["pon","g 😀"] thoughts="hm"]]')
        assert.deepInclude((await turn.reply).result, { success: true, requestId: turn.requestId })
        const finish = await client.until(S.isFinish(turn.requestId))
        assert.deepStrictEqual(S.eventsOf(client, turn.requestId), [
          "chat/process_step_callback",
          "session/title/update",
          "chat/process_step_callback",
          "chat/think",
          "chat/answer",
          "context/usage/sync",
          "chat/finish"
        ])
        const deltas = client.messages.filter((message) => message.method === "chat/answer")
        assert.deepStrictEqual(
          deltas.map((message) => message.params?.["text"]),
          ["pon", "", "g 😀", ""]
        )
        assert.isTrue(deltas.every((message) => typeof message.id === "number"))
        assert.deepInclude(S.finishOf(finish), { statusCode: 200, reason: "success" })
        const steps = client.messages.filter((message) => message.method === "chat/think")
        assert.deepStrictEqual(
          steps.map((message) => message.params?.["step"]),
          ["start", "done"]
        )
      })
    })
  )

  it.scopedLive("stop by request id or session, and know the model of extra.modelConfig", () =>
    Effect.gen(function* () {
      const emulator = yield* S.startEmulator({
        ...quick,
        LINGMA_EMULATOR_DIALECT: "ask",
        LINGMA_EMULATOR_FAULT: "stall@1"
      })
      const client = yield* S.connect(emulator)
      yield* Effect.promise(async () => {
        const first = S.ask(client, "a", { extra: { modelConfig: { key: "kmodel" } }, sessionId: "mine" })
        await first.reply
        assert.strictEqual(S.at(await S.control(emulator, "stats"), "lastPrompt", "model"), "kmodel")
        await client.call("chat/stop", { requestId: first.requestId })
        await client.until(S.isFinish(first.requestId))
        const second = S.ask(client, "b", { sessionId: "mine" })
        await second.reply
        await client.call("chat/stopSession", { sessionId: "mine" })
        await client.until(S.isFinish(second.requestId))
        const wrong = await S.ask(client, "c", { extra: { modelConfig: { key: "no" } } }).reply
        assert.strictEqual(wrong.result?.["success"], false)
        assert.deepInclude(await S.control(emulator, "stats"), { turnsRunning: 0, sessions: 1, cancels: 2 })
      })
    })
  )

  it.scopedLive("count the pushes nobody answers, or wait for the answers when asked to", () =>
    Effect.gen(function* () {
      const emulator = yield* S.startEmulator({ ...quick, LINGMA_EMULATOR_ACK_LIMIT_MS: "100" })
      const silent = yield* S.connect(emulator, { acks: false })
      yield* Effect.promise(async () => {
        const turn = S.ask(silent, '[[emu chunks=["a","b"] empty=0]]')
        await silent.until(S.isFinish(turn.requestId))
        const stats = await S.statsWhen(emulator, (now) => Number(now["pendingAcks"]) === 0)
        // register, two steps, title, two deltas, usage, finish
        assert.deepInclude(stats, { missedAcks: 8, acks: 0 })
        await S.said(emulator, /\|Outbound\| request \d+ chat\/answer failed: no response from client, timeout reached/)
        const held = S.ask(silent, '[[emu chunks=["a","b"] empty=0 ack=block]]')
        const started = performance.now()
        await silent.until(S.isFinish(held.requestId))
        assert.isAbove(performance.now() - started, 200)
      })
    })
  )

  it.scopedLive("think inside the answer as QoderCN does", () =>
    Effect.gen(function* () {
      const emulator = yield* S.startEmulator(quick)
      const client = yield* S.connect(emulator)
      yield* Effect.promise(async () => {
        const turn = S.ask(client, '[[emu text="yes" thoughts="hm" think=inline]]')
        await client.until(S.isFinish(turn.requestId))
        assert.strictEqual(S.textOf(client, turn.requestId), "\n````think::{THINK_TIME}\nhm\n````\nyes")
      })
    })
  )
})
