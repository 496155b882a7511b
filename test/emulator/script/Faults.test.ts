import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as S from "../support.ts"

const quick = { LINGMA_EMULATOR_INTERVAL_MS: "0" }

/** A turn with this fault in an emulator of its own. */
const withFault = (
  directive: string,
  check: (
    client: S.Client,
    emulator: S.Emulator,
    turn: { readonly requestId: string; readonly reply: Promise<S.Message> }
  ) => Promise<void>
) =>
  Effect.gen(function* () {
    const emulator = yield* S.startEmulator(quick)
    const client = yield* S.connect(emulator)
    yield* Effect.promise(async () => check(client, emulator, await S.prompt(client, `[[emu tokens=8 ${directive}]]`)))
  })

describe("emulator: faults", () => {
  it.scopedLive("crash@4: four tokens, then SIGKILL", () =>
    withFault("fault=crash@4", async (client, emulator, turn) => {
      assert.deepStrictEqual(await emulator.exit, { code: null, signal: "SIGKILL" })
      await client.closed
      assert.strictEqual(S.textOf(client, turn.requestId), "t0 t1 t2 t3 ")
    })
  )

  it.scopedLive("crash@8 of eight tokens: all text, no finish", () =>
    withFault("crash@8", async (client, _emulator, turn) => {
      await client.closed
      assert.strictEqual(S.textOf(client, turn.requestId).split(" ").length, 9)
      assert.isFalse(client.messages.some(S.isFinish(turn.requestId)))
    })
  )

  it.scopedLive("drop_socket@3: the socket goes, the process stays", () =>
    withFault("drop_socket@3", async (client, emulator, turn) => {
      await client.closed
      assert.strictEqual(S.textOf(client, turn.requestId), "t0 t1 t2 ")
      assert.deepInclude(await S.control(emulator, "stats"), { turnsRunning: 0, turnsDropped: 1 })
    })
  )

  it.scopedLive("stall, no_finish, never_answer: the turn stays open", () =>
    Effect.gen(function* () {
      const emulator = yield* S.startEmulator(quick)
      const client = yield* S.connect(emulator)
      yield* Effect.promise(async () => {
        const stalled = await S.prompt(client, "[[emu tokens=8 stall@3]]")
        await client.until((message) => S.textOfOne(message, stalled.requestId) === "t2 ")
        const open = await S.prompt(client, "[[emu tokens=2 no_finish]]")
        await client.until((message) => String(S.updateOf(message)?.["type"]) === "context_usage")
        const silent = await S.prompt(client, "[[emu never_answer]]")
        await client.call("ping")
        assert.deepInclude(await S.control(emulator, "stats"), { turnsRunning: 3, prompts: 3 })
        assert.deepStrictEqual(
          S.eventsOf(client, silent.requestId).filter((name) => name !== "session/title/update"),
          []
        )
        assert.strictEqual(S.textOf(client, stalled.requestId), "t0 t1 t2 ")
        assert.strictEqual(S.textOf(client, open.requestId), "t0 t1 ")
        assert.isFalse(client.messages.some((message) => String(S.updateOf(message)?.["type"]) === "chat_finish"))
      })
    })
  )

  for (const [fault, error] of [
    ["malformed_json@2", "not json"],
    ["malformed_header@2", "no_content_length"]
  ] as const) {
    it.scopedLive(`${fault}: ${error}, after good text`, () =>
      withFault(fault, async (client, emulator, turn) => {
        await S.statsWhen(emulator, (stats) => Number(stats["turnsFinished"]) === 1)
        await client.closedOr(() => client.frameErrors.length > 0)
        assert.include(client.frameErrors, error)
        assert.match(S.textOf(client, turn.requestId), /^t0 t1 /)
      })
    )
  }

  it.scopedLive("bad_length@2: a frame that never ends", () =>
    withFault("bad_length@2", async (client, emulator, turn) => {
      await client.closedOr(() => client.partial())
      assert.strictEqual(S.textOf(client, turn.requestId), "t0 t1 ")
      assert.deepInclude(await S.control(emulator, "stats"), { turnsRunning: 1 })
    })
  )

  it.scopedLive("huge_chunk: one chunk of that size", () =>
    withFault("huge_chunk=3000000@1", async (client, _emulator, turn) => {
      await client.until(S.isFinish(turn.requestId))
      assert.isTrue(client.messages.some((message) => S.textOfOne(message, turn.requestId).length === 3_000_000))
    })
  )

  it.scopedLive("stale_updates, wrong_id, duplicate_finish, late_chunk, unicode_split: the truth is still in it", () =>
    withFault(
      "fault=stale_updates,wrong_id,duplicate_finish,late_chunk,unicode_split@8",
      async (client, emulator, turn) => {
        await client.until((message) => S.textOfOne(message, turn.requestId) === "LATE")
        assert.strictEqual(client.messages.filter(S.isFinish(turn.requestId)).length, 2)
        assert.isTrue(client.messages.some((message) => message.id === 987654321 && message.method === undefined))
        const stale = client.messages.filter((message) => S.at(S.updateOf(message), "content", "text") === "STALE")
        assert.strictEqual(stale.length, 16)
        assert.isFalse(stale.some((message) => S.textOfOne(message, turn.requestId) !== ""))
        assert.strictEqual(S.textOf(client, turn.requestId), "t0 t1 t2 t3 t4 t5 t6 t7 😀LATE")
        assert.deepInclude(await S.control(emulator, "stats"), { turnsRunning: 0, turnsFinished: 1 })
      }
    )
  )

  it.scopedLive("finish_error, logout_mid, reject_prompt, overwrite_answer, slow", () =>
    Effect.gen(function* () {
      const emulator = yield* S.startEmulator(quick)
      const client = yield* S.connect(emulator)
      yield* Effect.promise(async () => {
        const finish = async (requestId: string) => S.finishOf(await client.until(S.isFinish(requestId)))
        const failed = await S.prompt(client, "[[emu tokens=3 finish_error=429@0]]")
        assert.deepInclude(await finish(failed.requestId), { statusCode: 429 })
        assert.strictEqual(S.textOf(client, failed.requestId), "")
        const late = await S.prompt(client, "[[emu tokens=3 finish_error=500]]")
        assert.deepInclude(await finish(late.requestId), { statusCode: 500 })
        assert.strictEqual(S.textOf(client, late.requestId), "t0 t1 t2 ")
        const rejected = await S.prompt(client, "[[emu reject_prompt]]")
        assert.strictEqual((await rejected.reply).error?.code, -32603)
        assert.strictEqual((await S.ask(client, "[[emu reject_prompt]]").reply).result?.["success"], false)
        const over = S.ask(client, "[[emu tokens=3 empty=0 overwrite_answer@2]]")
        await client.until(S.isFinish(over.requestId))
        const written = client.messages.find((message) => message.params?.["overwrite"] === true)
        assert.strictEqual(written?.params?.["text"], "t0 t1 ")
        const started = performance.now()
        const slow = await S.prompt(client, "[[emu tokens=3 slow=60]]")
        await finish(slow.requestId)
        assert.isAbove(performance.now() - started, 110)
        const lost = await S.prompt(client, "[[emu tokens=3 logout_mid@1]]")
        assert.deepInclude(await finish(lost.requestId), { statusCode: 401 })
        assert.strictEqual((await client.call("auth/status")).result?.["status"], 1)
      })
    })
  )

  it.scopedLive("tool_invoke and permission: asks, waits for the answer and keeps it", () =>
    Effect.gen(function* () {
      const emulator = yield* S.startEmulator(quick)
      const client = yield* S.connect(emulator)
      yield* Effect.promise(async () => {
        for (const start of [S.prompt, async (...args: Parameters<typeof S.ask>) => S.ask(...args)]) {
          const turn = await start(client, "[[emu tokens=2 tool_invoke@1 permission@1]]")
          await client.until(S.isFinish(turn.requestId))
          assert.strictEqual(S.textOf(client, turn.requestId), "t0 t1 ")
        }
        const answers = (await S.control(emulator, "stats"))["toolAnswers"] as ReadonlyArray<S.Fields>
        assert.deepStrictEqual(
          answers.map((answer) => [answer["kind"], S.at(answer, "answer", "result")]),
          [0, 1].flatMap(() => [
            ["tool/invoke", { success: false }],
            ["session/request_permission", { success: false }]
          ])
        )
      })
    })
  )

  it.scopedLive("frame_split, frame_bytes, frame_join: the same text in other messages", () =>
    Effect.gen(function* () {
      const emulator = yield* S.startEmulator(quick)
      const client = yield* S.connect(emulator)
      yield* Effect.promise(async () => {
        const lengths = async (key: string) => {
          const before = client.raw.length
          const turn = await S.prompt(client, `[[emu text="灵码 😀😀😀 灵码" ${key}]]`)
          await client.until(S.isFinish(turn.requestId))
          assert.strictEqual(S.textOf(client, turn.requestId), "灵码 😀😀😀 灵码")
          return client.raw.slice(before)
        }
        assert.isTrue((await lengths("frame_split=37")).filter((message) => message.length <= 40).length > 20)
        assert.isTrue((await lengths("frame_bytes=3")).filter((message) => message.length === 3).length > 200)
        const frames = (message: string) => message.split("Content-Length").length - 1
        assert.isTrue((await lengths("frame_join=5 burst=8")).some((message) => frames(message) === 5))
        assert.deepStrictEqual(client.frameErrors, [])
      })
    })
  )

  it.scopedLive("hang_new and login_refused hold until taken back", () =>
    Effect.gen(function* () {
      const emulator = yield* S.startEmulator({ ...quick, LINGMA_EMULATOR_FAULT: "hang_new,login_refused" })
      const client = yield* S.connect(emulator)
      yield* Effect.promise(async () => {
        void client.call("session/new", { cwd: "/" }, "hung")
        await client.call("ping")
        assert.isFalse(client.messages.some((message) => message.id === "hung"))
        const made = (await client.call("login/generateUrl")).result as Record<string, string>
        const form = { method: "POST", body: new URLSearchParams({ username: "a", password: "b" }) }
        assert.strictEqual((await fetch(made["loginUrl"]!, form)).status, 401)
        await S.control(emulator, "fault", { fault: "" })
        assert.isDefined((await client.call("session/new", { cwd: "/" })).result)
        assert.strictEqual((await fetch(made["loginUrl"]!, form)).status, 200)
      })
    })
  )

  it.live("refuse_start, exit_after, slow_start, wrong settings", () =>
    Effect.promise(async () => {
      const ended = async (env: Record<string, string>) => {
        const run = S.launch(["start", "--workDir=/nonexistent/nowhere", "--socketPort=0", "--httpPort=0"], env)
        return [(await run.exit).code, run.output()] as const
      }
      assert.strictEqual((await ended({ LINGMA_EMULATOR_FAULT: "refuse_start" }))[0], 1)
      assert.strictEqual((await ended({ LINGMA_EMULATOR_FAULT: "slow_start=60000,exit_after=50" }))[0], 1)
      const [code, said] = await ended({ LINGMA_EMULATOR_FAULT: "crush@4" })
      assert.strictEqual(code, 2)
      assert.match(said, /unknown fault: crush@4/)
      assert.strictEqual((await ended({ LINGMA_EMULATOR_DIALECT: "klingon" }))[0], 2)
    })
  )

  it.scopedLive("ignore_sigterm and stdout_flood", () =>
    Effect.gen(function* () {
      const emulator = yield* S.startEmulator({ LINGMA_EMULATOR_FAULT: "ignore_sigterm,stdout_flood" })
      const client = yield* S.connect(emulator)
      yield* Effect.promise(async () => {
        emulator.child.kill("SIGTERM")
        emulator.child.kill("SIGINT")
        await client.call("ping")
        while (emulator.output().length < 500_000) await client.call("ping")
        assert.isNull(emulator.child.exitCode)
      })
    })
  )
})

describe("emulator: control port", () => {
  it.scopedLive("scripts the next turns, then falls back to the standing script", () =>
    Effect.gen(function* () {
      const emulator = yield* S.startEmulator({ ...quick, LINGMA_EMULATOR_TEXT: "base" })
      const client = yield* S.connect(emulator)
      const answer = async (text: string) => {
        const turn = await S.prompt(client, text)
        await client.until(S.isFinish(turn.requestId))
        return S.textOf(client, turn.requestId)
      }
      yield* Effect.promise(async () => {
        await S.control(emulator, "script", { chunks: ["a", { text: "b", delay: 5 }], turns: 2 })
        await S.control(emulator, "script", { text: "standing" })
        assert.deepStrictEqual([await answer("x"), await answer("x"), await answer("x")], ["ab", "ab", "standing"])
        assert.strictEqual(await answer('[[emu text="one"]] then [[emu text="two ]] x"]] end'), "two ]] x")
        assert.match(await answer("[[emu nonsense=1]]"), /not understood/)
        await S.control(emulator, "reset", {})
        assert.strictEqual(await answer("x"), "base")
        assert.property(await S.control(emulator, "script", { tokens: -1 }), "error")
        assert.property(await S.control(emulator, "nothing", {}), "error")
      })
    })
  )

  it.scopedLive("pushes requests and raw bytes, drops sockets, crashes", () =>
    Effect.gen(function* () {
      const emulator = yield* S.startEmulator(quick)
      const client = yield* S.connect(emulator)
      yield* Effect.promise(async () => {
        const asked = await S.control(emulator, "request", { method: "tool/call/approve", params: { x: 1 } })
        assert.deepInclude(S.at(asked, "answers", "0"), { result: { success: false } })
        await S.control(emulator, "raw?times=2", "aaaa")
        await client.closedOr(() => client.raw.filter((message) => message === "aaaa").length === 2)
        await S.control(emulator, "drop", {})
        await client.closed
        await S.control(emulator, "crash", {})
        assert.strictEqual((await emulator.exit).signal, "SIGKILL")
      })
    })
  )
})
