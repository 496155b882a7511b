/**
 * `tsx bench/ledger.ts`: what the ledger adds to a chat on its own path, beside a gateway without one, in one run.
 *
 * Both are told of the same chats, in turns. What the writer costs off the path, its thread included, is told as well.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Effect, Layer } from "effect"
import { anonymous } from "../src/domain/keys/Caller.ts"
import * as ClientName from "../src/domain/usage/ClientName.ts"
import type { Recorder } from "../src/observe/ChatRecorder.ts"
import { type ChatRecord, Metrics } from "../src/observe/Metrics.ts"
import * as Database from "../src/team/database/Database.ts"
import { Ledger } from "../src/team/ledger/Ledger.ts"
import { median } from "./stats.ts"

const CHATS = 4_000
const ROUNDS = 20
/** Microseconds of CPU that a chat may cost more. */
const MOST = 2

const agents = ["OpenAI/JS 7.57.0", "claude-cli/2.1.330 (external, cli)", "codex_cli_rs/0.169.0 (Debian 12.0.0)"]
const callers = Array.from({ length: 50 }, (_, i) => ({ id: `k${i}`, name: `key-${i}`, weight: 1 }))

let made = 0
const record = (i: number): ChatRecord => ({
  id: `chat-${++made}`,
  endedAt: Date.now(),
  dialect: "responses",
  stream: true,
  requestId: "req-97304770c55b",
  caller: callers[i % callers.length] ?? anonymous,
  client: ClientName.of(agents[i % agents.length]),
  modelAsked: "auto",
  outcome: "completed",
  errorCode: undefined,
  error: undefined,
  instance: "inst-0",
  account: "ann",
  retries: 0,
  answer: {
    instance: "inst-0",
    model: "qwen3",
    mode: "chat",
    firstTokenMillis: 500,
    promptTokens: 1000 + i,
    completionTokens: 100,
    reasoningTokens: 0,
    isReported: true,
    toolCalls: 1,
    pieces: 50
  },
  queueMillis: 0.1,
  loginMillis: undefined,
  millis: 9000
})

/** CPU of this process, all threads, in microseconds. */
const cpu = () => {
  const { system, user } = process.cpuUsage()
  return system + user
}
const perChat = (run: () => void): number => {
  const before = cpu()
  run()
  return (cpu() - before) / CHATS
}

const program = Effect.gen(function* () {
  const metrics = yield* Metrics
  const ledger = yield* Ledger
  const none: Recorder = { record: () => {} }
  const path = ({ record: told }: Recorder) => {
    for (let i = 0; i < CHATS; i++) {
      const chat = record(i)
      metrics.chatEnded(chat)
      told(chat)
    }
  }
  const figures = { without: [] as Array<number>, with: [] as Array<number>, writer: [] as Array<number> }
  for (let round = 0; round < ROUNDS; round++) {
    figures.without.push(perChat(() => path(none)))
    figures.with.push(perChat(() => path(ledger)))
    const before = cpu()
    yield* ledger.flush
    figures.writer.push((cpu() - before) / CHATS)
  }
  // The first ones warm up.
  const [without, beside, writer] = [figures.without, figures.with, figures.writer].map((all) => median(all.slice(5)))
  const more = Number(beside) - Number(without)
  process.stdout.write(
    `a chat's end: ${without?.toFixed(2)} µs without a ledger, ${beside?.toFixed(2)} µs with one: ${more.toFixed(2)} µs more ` +
      `(at most ${MOST}), ratio ${(Number(beside) / Number(without)).toFixed(2)}; off its path ${writer?.toFixed(1)} µs\n`
  )
  if (more > MOST) process.exitCode = 1
})

const layer = Ledger.layer({ zone: "UTC", days: 90, capacity: CHATS, interval: "100 millis" }).pipe(
  Layer.provideMerge(Metrics.layer),
  Layer.provideMerge(Database.layer({ _tag: "Memory" }, { workDir: ".", isServing: true }))
)

// The database's thread alone keeps no process.
NodeRuntime.runMain(Effect.provide(program, layer))
